"""The standards' own vectors, through the calls that crypto/ makes."""

import hashlib
from typing import Any

import argon2.low_level
import nacl.bindings
import pytest
from argon2.low_level import ffi, lib
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey as NaClSigningKey

from crypto import errors, kdf, signed
from crypto.xwing import Identity, Recipient
from tests.support.vectors import label, load


@pytest.mark.parametrize("vector", load("argon2id"))
def test_argon2id(vector: dict[str, Any]) -> None:
    """argon2-cffi in the form with secret and associated data, which only its low-level call takes."""
    out = ffi.new("uint8_t[]", 32)
    parts = {key: bytes.fromhex(vector[key]) for key in ("password", "salt", "secret", "associated_data")}
    held = {key: ffi.new("uint8_t[]", value) for key, value in parts.items()}
    context = ffi.new(
        "argon2_context *",
        {
            "version": 0x13,
            "out": out,
            "outlen": 32,
            "pwd": held["password"],
            "pwdlen": len(parts["password"]),
            "salt": held["salt"],
            "saltlen": len(parts["salt"]),
            "secret": held["secret"],
            "secretlen": len(parts["secret"]),
            "ad": held["associated_data"],
            "adlen": len(parts["associated_data"]),
            "t_cost": vector["passes"],
            "m_cost": vector["memory_kib"],
            "lanes": vector["lanes"],
            "threads": 1,
            "allocate_cbk": ffi.NULL,
            "free_cbk": ffi.NULL,
            "flags": lib.ARGON2_DEFAULT_FLAGS,
        },
    )
    assert argon2.low_level.core(context, argon2.low_level.Type.ID.value) == lib.ARGON2_OK
    assert bytes(ffi.buffer(out)).hex() == vector["expect"]["tag"]


@settings(max_examples=40)
@given(
    password=st.binary(max_size=100),
    salt=st.binary(min_size=16, max_size=16),
    passes=st.integers(1, 4),
    memory_kib=st.integers(8, 256),
)
def test_both_argon2id_libraries_agree(password: bytes, salt: bytes, passes: int, memory_kib: int) -> None:
    by_libsodium = nacl.bindings.crypto_pwhash_alg(
        32, password, salt, passes, memory_kib * 1024, nacl.bindings.crypto_pwhash_ALG_ARGON2ID13
    )
    by_reference = argon2.low_level.hash_secret_raw(
        password, salt, passes, memory_kib, 1, 32, argon2.low_level.Type.ID, version=0x13
    )
    assert by_libsodium == by_reference


def test_the_real_profile_agrees_too() -> None:
    profile = kdf.LUWTE_KDF_1
    by_reference = kdf.passphrase_key("eff-large-1:0-1-2-3-4-5-6", salt=b"s" * 16, profile=profile)
    by_libsodium = nacl.bindings.crypto_pwhash_alg(
        32,
        b"eff-large-1:0-1-2-3-4-5-6",
        b"s" * 16,
        profile.passes,
        profile.memory_kib * 1024,
        nacl.bindings.crypto_pwhash_ALG_ARGON2ID13,
    )
    assert by_libsodium == by_reference


@pytest.mark.parametrize("vector", load("hkdf"), ids=label)
def test_hkdf(vector: dict[str, Any]) -> None:
    ikm, salt, info = (bytes.fromhex(vector[key]) for key in ("ikm", "salt", "info"))
    prk = HKDF.extract(SHA256(), salt, ikm)
    assert prk.hex() == vector["expect"]["prk"]
    assert HKDFExpand(SHA256(), vector["length"], info).derive(prk).hex() == vector["expect"]["okm"]
    assert HKDF(SHA256(), vector["length"], salt, info).derive(ikm).hex() == vector["expect"]["okm"]


@pytest.mark.parametrize("vector", load("ed25519"), ids=label)
def test_ed25519(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    # The standard's vectors have no label: without one, `verify` sees exactly the standard's message.
    monkeypatch.setattr(signed, "_message", lambda _label, body: body)
    message, signature = bytes.fromhex(vector["message"]), bytes.fromhex(vector["signature"])
    key = signed.VerifyKey(bytes.fromhex(vector["public"]))
    if vector["expect"] == "valid":
        secret = signed.SigningKey(bytes.fromhex(vector["seed"]))
        assert secret.public == key
        assert signed.sign(secret, "none", message) == message + signature
        assert signed.verify(key, "none", message + signature) == message
    else:
        with pytest.raises(getattr(errors, vector["expect"])):
            signed.verify(key, "none", message + signature)


def test_a_signature_serves_one_purpose() -> None:
    key = signed.SigningKey(bytes(range(32)))
    both = signed.sign(key, "line-card", b"body")
    assert signed.verify(key.public, "line-card", both) == b"body"
    with pytest.raises(errors.ForgedError):
        signed.verify(key.public, "host-card", both)
    # The label ends at the zero byte: no body can move its beginning into the label.
    with pytest.raises(errors.ForgedError):
        signed.verify(key.public, "line", b"-card\0" + both)
    assert NaClSigningKey(key.seed).sign(b"luwte/v1/line-card\0body").signature == both[4:]


def _decapsulate(identity: Identity, ciphertext: bytes) -> bytes:
    """X-Wing, section 5.3 of the draft, with the two private keys that the seed expands to."""
    mlkem, x25519 = identity._parts
    from_x25519 = x25519.exchange(X25519PublicKey.from_public_bytes(ciphertext[1088:]))
    parts = (mlkem.decapsulate(ciphertext[:1088]), from_x25519, ciphertext[1088:], identity.recipient.raw[1184:])
    return hashlib.sha3_256(b"".join(parts) + bytes.fromhex("5c2e2f2f5e5c")).digest()


def _key_schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of the first message: RFC 9180, section 5.1, base mode."""
    suite = b"HPKE" + bytes.fromhex("647a00010003")

    def extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
        return HKDF.extract(SHA256(), salt, b"HPKE-v1" + suite + label + ikm)

    def expand(prk: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return HKDFExpand(SHA256(), length, labelled).derive(prk)

    context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
    secret = extract(shared_secret, b"secret", b"")
    return expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)


@pytest.mark.parametrize("vector", load("xwing"))
def test_xwing(vector: dict[str, Any]) -> None:
    identity = Identity.from_seed(bytes.fromhex(vector["seed"]))
    assert identity.recipient.raw.hex() == vector["public"]
    assert _decapsulate(identity, bytes.fromhex(vector["ciphertext"])).hex() == vector["expect"]["shared_secret"]


@pytest.mark.parametrize("vector", load("hpke-pq"))
def test_hpke_with_the_hybrid_kem(vector: dict[str, Any]) -> None:
    """The library's single shot takes no associated data, so the vector is opened step by step."""
    identity, expect = Identity.from_seed(bytes.fromhex(vector["seed"])), vector["expect"]
    assert identity.recipient.raw.hex() == vector["public"]
    enc, ciphertext, info, aad = (bytes.fromhex(vector[key]) for key in ("enc", "ciphertext", "info", "aad"))
    shared_secret = _decapsulate(identity, enc)
    key, nonce = _key_schedule(shared_secret, info)
    assert (shared_secret.hex(), key.hex(), nonce.hex()) == (
        expect["shared_secret"],
        expect["key"],
        expect["base_nonce"],
    )
    assert ChaCha20Poly1305(key).decrypt(nonce, ciphertext, aad).hex() == expect["plaintext"]


def test_our_wrapping_is_that_hpke(identity: Identity) -> None:
    """The same steps, proven on the vector above, open what `wrap` makes, and `unwrap` opens what they seal."""
    info = b"age-encryption.org/mlkem768x25519"
    share, wrapped = identity.recipient.wrap(b"0123456789abcdef")
    key, nonce = _key_schedule(_decapsulate(identity, share), info)
    assert ChaCha20Poly1305(key).decrypt(nonce, wrapped, b"") == b"0123456789abcdef"
    other = ChaCha20Poly1305(key).encrypt(nonce, b"fedcba9876543210", b"")
    assert identity.unwrap(share, other) == b"fedcba9876543210"


@pytest.mark.parametrize("vector", load("age-keys"))
def test_keys_in_age_text_form(vector: dict[str, Any]) -> None:
    identity = Identity.from_text(vector["identity"])
    assert identity.text == vector["identity"]
    assert identity.recipient.text == vector["expect"]["recipient"]
    assert Recipient.from_text(vector["expect"]["recipient"]) == identity.recipient


@pytest.mark.parametrize("vector", load("age-keys", "identities"), ids=label)
def test_mistyped_identities(vector: dict[str, Any]) -> None:
    with pytest.raises(getattr(errors, vector["expect"])):
        Identity.from_text(vector["text"])


@pytest.mark.parametrize("vector", load("age-keys", "recipients"), ids=label)
def test_mistyped_recipients(vector: dict[str, Any]) -> None:
    with pytest.raises(getattr(errors, vector["expect"])):
        Recipient.from_text(vector["text"])
