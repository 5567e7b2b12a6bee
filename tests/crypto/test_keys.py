"""Keys: from codenames and passphrases, hostile public keys, and secrets that don't show themselves."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import codename, kdf, xwing
from crypto.codename import Codename
from crypto.errors import MalformedError
from crypto.kdf import TEST_KDF, VAULT_TEST
from crypto.signed import SigningKey, VerifyKey
from crypto.xwing import Identity, Recipient

ONE = Codename(codename.EFF_LARGE, (0, 1, 2, 3, 4, 5, 6))
SALT, PEPPER = bytes(16), bytes(32)


def test_everything_that_goes_in_changes_both_keys() -> None:
    keys = [
        kdf.derive_source_keys(one, salt=salt, pepper=pepper, profile=TEST_KDF)
        for one, salt, pepper in (
            (ONE, SALT, PEPPER),
            (codename.generate(), SALT, PEPPER),
            (ONE, b"\1" * 16, PEPPER),
            (ONE, SALT, b"\1" * 32),
        )
    ]
    assert len({one.lookup for one in keys}) == len({one.identity.seed for one in keys}) == 4
    assert keys[0].lookup != keys[0].identity.seed
    again = kdf.derive_source_keys(ONE, salt=SALT, pepper=PEPPER, profile=TEST_KDF)
    assert (again.lookup, again.identity.seed) == (keys[0].lookup, keys[0].identity.seed)


@pytest.mark.parametrize(
    "wrong", [{"salt": bytes(15)}, {"pepper": bytes(31)}, {"profile": VAULT_TEST}, {"salt": b""}, {"pepper": b""}]
)
def test_weak_inputs_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needed"):
        kdf.derive_source_keys(ONE, **({"salt": SALT, "pepper": PEPPER, "profile": TEST_KDF} | wrong))  # type: ignore[arg-type]  # wrong ones too


def test_the_profile_is_an_argument_and_nothing_else() -> None:
    """No default and no configuration: a cheap profile can only come from code that names it."""
    profile = inspect.signature(kdf.derive_source_keys).parameters["profile"]
    assert profile.default is inspect.Parameter.empty
    assert (kdf.LUWTE_KDF_1.memory_kib, kdf.LUWTE_KDF_1.passes, kdf.LUWTE_KDF_1.lanes) == (131072, 3, 1)
    source = inspect.getsource(kdf)
    assert not any(word in source for word in ("environ", "getenv", "open(", "import os"))


def test_a_passphrase_from_any_keyboard() -> None:
    keys = {
        kdf.passphrase_key(typed, salt=SALT, profile=VAULT_TEST)
        for typed in ("wéinig woorden", " we\u0301inig woorden ", "wéinig\u00a0woorden", "\uff57éinig woorden\n")
    }
    assert len(keys) == 1
    assert kdf.passphrase_key("Wéinig woorden", salt=SALT, profile=VAULT_TEST) not in keys


@given(st.binary(max_size=64), st.binary(max_size=64), st.text("abc-", min_size=1, max_size=9))
def test_labels_separate(ikm: bytes, salt: bytes, info: str) -> None:
    assert kdf.hkdf(ikm, info, salt=salt) == kdf.hkdf(ikm, info, salt=salt)
    assert kdf.hkdf(ikm, info, salt=salt) != kdf.hkdf(ikm, info + "x", salt=salt)
    assert kdf.hkdf(ikm, info, salt=salt, length=64)[:32] == kdf.hkdf(ikm, info, salt=salt)


@pytest.mark.parametrize("coordinate", sorted(xwing._SMALL_ORDER))
def test_recipients_of_small_order(identity: Identity, coordinate: int) -> None:
    """All of them, the unreduced forms and those with the unused bit set too; each would make sealing fail."""
    mlkem = identity.recipient.raw[:1184]
    for form in (coordinate, coordinate + 2**255 - 19):
        for number in (form, form | 1 << 255):
            if form < 1 << 255:
                with pytest.raises(MalformedError):
                    Recipient(mlkem + number.to_bytes(32, "little"))


@given(
    st.binary(min_size=1216, max_size=1216) | st.binary(max_size=40) | st.just(b"\xff" * 1216) | st.just(bytes(1216))
)
def test_whatever_is_a_recipient_can_be_sealed_to(untrusted: bytes) -> None:
    try:
        recipient = Recipient(untrusted)
    except MalformedError:
        return
    share, wrapped = recipient.wrap(bytes(16))
    assert (len(share), len(wrapped)) == (1120, 32)


@given(st.binary(min_size=32, max_size=32))
def test_identity_round_trip(seed: bytes) -> None:
    one = Identity.from_seed(seed)
    assert Identity.from_text(one.text).seed == seed
    assert Recipient.from_text(one.recipient.text) == one.recipient
    share, wrapped = one.recipient.wrap(b"0123456789abcdef")
    assert one.unwrap(share, wrapped) == b"0123456789abcdef"


def test_the_private_parts_are_not_shown(identity: Identity) -> None:
    keys = kdf.derive_source_keys(ONE, salt=SALT, pepper=PEPPER, profile=TEST_KDF)
    for secret, shown in (
        (identity.seed, repr(identity)),
        (keys.lookup, repr(keys)),
        (bytes(32), repr(SigningKey(bytes(32)))),
    ):
        assert repr(secret) not in shown
        assert secret.hex() not in shown


def test_keys_have_exact_lengths() -> None:
    for make in (Identity.from_seed, SigningKey, VerifyKey):
        for length in (0, 31, 33):
            with pytest.raises(ValueError, match="32 bytes"):
                make(bytes(length))
