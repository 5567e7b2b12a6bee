"""Onion addresses and the line's cards for them: what is written is read again, what is bent is refused."""

from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import onion_card
from crypto.errors import CryptoError, MalformedError
from crypto.manifest import Direction, Manifest
from crypto.onion_card import OnionAddress
from crypto.signed import SigningKey, sign
from tests.crypto.test_object_properties import ANYTHING, HOST_KEY, LINE, LINE_KEY, NUMBERS, manifests, mutated
from tests.vectors.make_onion import ADDRESS, address

ONIONS = st.binary(min_size=32, max_size=32).map(lambda seed: OnionAddress(address(SigningKey(seed).public.raw)))


@given(ONIONS, NUMBERS, st.none() | NUMBERS)
def test_onion_card_round_trip(onion: OnionAddress, day: int, longer: int | None) -> None:
    until = None if longer is None else min(day + longer, 2**31 - 1)
    one = onion_card.make(LINE_KEY, onion, day, until)
    assert onion_card.verify_text(LINE_KEY.public, one.text) == one
    assert onion_card.verify_signed(LINE_KEY.public, one.signed) == one
    assert OnionAddress.from_typed(" ".join(onion.groups).upper() + ".ONION") == onion
    assert onion_card.find_text(f"{onion.url}\n{one.text}more") + "\n" == one.text
    assert one.holds(day)
    assert until is None or not one.holds(until + 1)
    with pytest.raises(CryptoError):
        onion_card.verify_signed(HOST_KEY.public, one.signed)


ONION_CARD = onion_card.make(LINE_KEY, OnionAddress(address()), 20780, 21000)


@given(mutated(ONION_CARD.signed) | st.binary(max_size=600))
def test_onion_card_of_arbitrary_bytes(untrusted: bytes) -> None:
    try:
        assert onion_card.verify_signed(LINE_KEY.public, untrusted) == ONION_CARD
    except CryptoError:
        assert untrusted != ONION_CARD.signed


@given(st.sampled_from(["v", "line", "onion", "day", "until", "zz"]), ANYTHING)
def test_onion_card_with_a_field_of_another_kind(key: str, value: object) -> None:
    body = cbor2.dumps(cbor2.loads(ONION_CARD.signed[:-64]) | {key: value}, canonical=True)
    try:
        one = onion_card.verify_signed(LINE_KEY.public, sign(LINE_KEY, "onion-card", body))
    except CryptoError:
        return
    assert key in ("v", "day", "until")
    assert type(getattr(one, key, 1)) is int


@given(st.text(max_size=200) | mutated(ADDRESS.encode()).map(lambda data: data.decode("utf-8", "surrogateescape")))
def test_an_onion_address_that_is_typed_is_that_one_or_none(untrusted: str) -> None:
    try:
        assert OnionAddress.from_typed(untrusted).text == ADDRESS
    except MalformedError:
        return


def test_a_text_with_two_cards_or_half_a_card_is_refused() -> None:
    text = ONION_CARD.text
    for wrong in (text * 2, text[:-5], text[5:], "", text.partition("\n")[0], text[::-1]):
        with pytest.raises(MalformedError):
            onion_card.find_text(wrong)


@given(manifests(), st.none() | ONIONS, st.lists(st.binary(max_size=512), max_size=8))
def test_a_manifest_asks_and_answers(manifest: Manifest, onion: OnionAddress | None, cards: list[bytes]) -> None:
    for more in (
        replace(manifest, onion_to_sign=onion),
        replace(manifest, direction=Direction.DISPATCH, onion_cards=tuple(cards)),
    ):
        assert Manifest.decode(more.encode(), line=LINE, direction=more.direction) == more


@given(manifests(), ONIONS)
def test_no_manifest_goes_the_wrong_way_with_a_request_or_a_card(manifest: Manifest, onion: OnionAddress) -> None:
    for more in (
        replace(manifest, onion_cards=(b"x",)),
        replace(manifest, direction=Direction.DISPATCH, onion_to_sign=onion),
    ):
        with pytest.raises(MalformedError, match="not in the format"):
            Manifest.decode(more.encode(), line=LINE, direction=more.direction)
