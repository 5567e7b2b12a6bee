"""Requests and responses: what is written is read again, and what is bent is refused with a typed error."""

import unicodedata
from collections.abc import Callable

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import MalformedError
from crypto.request import (
    TURNING,
    ConsentRequest,
    Question,
    Request,
    Response,
    Say,
    decode_request,
    decode_response,
)
from tests.crypto.test_object_properties import ANYTHING, mutated

SHOWN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=TURNING, include_characters="\n\t"),
    min_size=1,
    max_size=30,
).filter(str.strip)
REQUESTS = st.builds(ConsentRequest, SHOWN, SHOWN, SHOWN, st.integers(0, 2**31 - 1)) | st.builds(
    Question, SHOWN, st.lists(SHOWN, min_size=2, max_size=6, unique=True).map(tuple)
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
IDS, HASHES = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
RESPONSES = (
    st.builds(Response, IDS, HASHES, st.just(Say.YES))
    | st.builds(Response, IDS, HASHES, st.just(Say.NO), st.none(), WORDS)
    | st.builds(Response, IDS, HASHES, st.just(Say.ASK), st.none(), WORDS.filter(bool))
    | st.builds(Response, IDS, HASHES, st.just(Say.CHOICE), st.integers(1, 6), WORDS)
)


@given(REQUESTS)
def test_request_round_trip(request: Request) -> None:
    assert decode_request(request.encode()) == request


@given(RESPONSES)
def test_response_round_trip(response: Response) -> None:
    assert decode_response(response.encode()) == response


@pytest.mark.parametrize(("decode", "honest"), [(decode_request, REQUESTS), (decode_response, RESPONSES)])
@given(st.data())
def test_bent_bytes_are_refused_or_mean_what_they_say(
    decode: Callable[[bytes], Request | Response], honest: st.SearchStrategy[Request | Response], draw: st.DataObject
) -> None:
    encoded = draw.draw(honest).encode()
    fields = cbor2.loads(encoded)
    bent = cbor2.dumps(fields | {draw.draw(st.sampled_from([*fields, "zz"])): draw.draw(ANYTHING)}, canonical=True)
    for untrusted in (bent, draw.draw(mutated(encoded)), draw.draw(st.binary(max_size=100))):
        try:
            read = decode(untrusted)
        except MalformedError:
            continue
        assert read.encode() == untrusted


@given(st.characters(exclude_categories=["Cs"]))
def test_a_request_shows_every_character_or_is_none(character: str) -> None:
    """What the page would replace or leave out is refused, and nothing else."""
    hidden = character not in "\n\t" and (character in TURNING or unicodedata.category(character) == "Cc")
    try:
        ConsentRequest(f"a{character}b", "x", "x", 1)
    except MalformedError:
        assert hidden
    else:
        assert not hidden
