"""Every parser of plain values either refuses with its typed error or gives back what makes the same bytes again."""

import string
from typing import Any

import cbor2
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crypto import bech32, box, cbor, padding
from crypto.errors import CryptoError, ForgedError, MalformedError

NUMBERS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.text(string.ascii_lowercase, max_size=23)
VALUES = st.recursive(
    NUMBERS | st.binary(max_size=40) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


@given(VALUES)
def test_cbor_round_trip(value: Any) -> None:
    assume(_depth(value) <= 8)
    encoded = cbor.encode(value)
    assert cbor.decode(encoded) == value
    assert cbor.encode(cbor.decode(encoded)) == encoded


@given(st.binary(max_size=200))
@example(b"\xd8\x1c\x81\xd8\x1d\x00")
@example(bytes.fromhex("86d81c80" + "".join(f"d81c9828{f'd81d{i:02x}' * 40}" for i in range(5))))
def test_cbor_of_arbitrary_bytes(untrusted: bytes) -> None:
    try:
        value = cbor.decode(untrusted)
    except MalformedError:
        return
    assert cbor.encode(value) == untrusted


_ODD = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.binary(max_size=8) | TEXTS | st.datetimes().map(str),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.integers(), inner, max_size=3)
        | st.builds(cbor2.CBORTag, st.integers(0, 300), inner)
    ),
    max_leaves=8,
)


@given(_ODD, st.booleans())
def test_cbor_of_other_values(value: object, canonical: bool) -> None:
    """Well-formed CBOR outside the subset: floats, tags, null, other keys, other orders."""
    untrusted = cbor2.dumps(value, canonical=canonical)
    try:
        read = cbor.decode(untrusted)
    except MalformedError:
        return
    assert cbor.encode(read) == untrusted


@given(VALUES, st.binary(min_size=1, max_size=5))
def test_cbor_with_bytes_behind(value: Any, behind: bytes) -> None:
    assume(_depth(value) <= 8)
    with pytest.raises(MalformedError):
        cbor.decode(cbor.encode(value) + behind)


@pytest.mark.parametrize(
    "value", [True, None, 1.5, {1: 2}, {"k" * 24: 1}, 2**64, -(2**63) - 1, object(), [[[[[[[[1]]]]]]]]]
)
def test_cbor_does_not_encode_what_it_would_not_read(value: Any) -> None:
    with pytest.raises(ValueError, match="only"):
        cbor.encode(value)


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(["uint", "bytes", "text", "array", "version"]), KEYS)
def test_fields_of_arbitrary_maps(value: dict[str, Any], how: str, key: str) -> None:
    fields = cbor.Fields(value)
    try:
        if how == "uint":
            assert 0 <= fields.uint(key) < 2**31
        elif how == "bytes":
            assert len(fields.bytes(key, 4)) == 4
        elif how == "text":
            assert len(fields.text(key, most_bytes=4).encode()) <= 4
        elif how == "array":
            assert len(fields.array(key, most=2)) <= 2
        else:
            fields.version(1)
        fields.done()
    except MalformedError:
        return
    assert len(value) == 1


@pytest.mark.parametrize("value", [True, False, 2**31, -1, "1", b"1", 1.0, None])
def test_a_number_is_a_number(value: object) -> None:
    if isinstance(value, bool):
        with pytest.raises(MalformedError):  # cbor2 would take true for 1
            cbor.decode(cbor2.dumps({"n": value}))
        return
    with pytest.raises(MalformedError):
        cbor.Fields({"n": value}).uint("n")


def test_a_field_is_taken_once() -> None:
    fields = cbor.Fields({"n": 1})
    fields.uint("n")
    with pytest.raises(MalformedError, match="missing"):
        fields.uint("n")


@given(st.binary(max_size=80), st.sampled_from(["age1pq", "age-secret-key-pq-", "x"]))
def test_bech32_round_trip(data: bytes, prefix: str) -> None:
    text = bech32.encode(prefix, data)
    assert bech32.decode(text, prefix=prefix) == data
    assert bech32.decode(text.upper(), prefix=prefix, upper=True) == data


@given(st.binary(min_size=1, max_size=40), st.data())
def test_bech32_finds_up_to_four_wrong_characters(data: bytes, draw: st.DataObject) -> None:
    text = bech32.encode("x", data)
    places = draw.draw(st.sets(st.integers(2, len(text) - 1), min_size=1, max_size=4))
    changed = list(text)
    for place in places:
        changed[place] = draw.draw(st.sampled_from([c for c in bech32._ALPHABET if c != text[place]]))
    with pytest.raises(MalformedError):
        bech32.decode("".join(changed), prefix="x")


@given(st.text(max_size=60).map(lambda text: "x1" + text) | st.text(max_size=20))
def test_bech32_of_arbitrary_text(untrusted: str) -> None:
    try:
        data = bech32.decode(untrusted, prefix="x")
    except MalformedError:
        return
    assert bech32.encode("x", data) == untrusted


@given(st.binary(max_size=100), st.binary(max_size=200))
def test_boxes(secret: bytes, untrusted: bytes) -> None:
    key = bytes(32)
    assert box.open_box(key, box.seal_box(key, secret)) == secret
    for bad in (untrusted, box.seal_box(b"\1" * 32, secret), box.seal_box(key, secret)[:-1]):
        with pytest.raises(ForgedError):
            box.open_box(key, bad)


SIZES = st.integers(0, 1 << 42) | st.integers(0, 44).flatmap(lambda k: st.integers(max(0, (1 << k) - 3), (1 << k) + 3))


@given(SIZES, SIZES)
@pytest.mark.parametrize("bucket", [padding.message_bucket, padding.file_bucket, padding.bundle_bucket])
def test_buckets(bucket: Any, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert small <= bucket(small) <= bucket(large)
    assert bucket(bucket(small)) == bucket(small)  # the smallest bucket that fits
    if small > 1 << 24:
        assert bucket(small) * 4 <= small * 5  # at most a quarter is padding


def test_every_refusal_is_one_family() -> None:
    assert all(issubclass(error, CryptoError) for error in (MalformedError, ForgedError))
