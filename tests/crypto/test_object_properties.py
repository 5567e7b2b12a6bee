"""Objects, cards, manifests and bundles: what is written is read again, and what is bent is refused with a typed error."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import cbor2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import bundle, card, cbor, pem
from crypto.answers import Answer, Answers, Choice
from crypto.errors import CryptoError, MalformedError
from crypto.manifest import NO_HASH, ChainPosition, Direction, Erased, Manifest, ObjectEntry, Tombstone
from crypto.sealed_object import ContentType, Kind, ObjectHeader, ObjectReader, ObjectSealer, seal_object
from crypto.signed import SigningKey, sign
from crypto.xwing import Identity

IDENTITY = Identity.from_seed(bytes(range(32)))
LINE_KEY, HOST_KEY = SigningKey(b"\x03" * 32), SigningKey(b"\x04" * 32)
LINE = card.line_id(LINE_KEY.public)

IDS = st.binary(min_size=16, max_size=16)
HASHES = st.binary(min_size=32, max_size=32)
NUMBERS = st.integers(0, 2**31 - 1)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)

CONTENT_TYPES = {
    Kind.MESSAGE: [ContentType.PLAIN, ContentType.RESPONSE],
    Kind.FILE: [ContentType.PLAIN],
    Kind.REPLY: [ContentType.PLAIN, ContentType.REQUEST],
}


CODES = st.text("abcxyz019-", min_size=1, max_size=40)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50)
CHOICES = st.lists(st.builds(Choice, CODES, WORDS), max_size=4, unique_by=lambda choice: choice.code).map(tuple)
GIVEN = st.builds(Answer, CODES, WORDS, CHOICES, WORDS | st.just("")).filter(lambda one: one.chosen or one.text)
ANSWERS = st.builds(Answers, CODES, st.lists(GIVEN, min_size=1, max_size=4, unique_by=lambda one: one.code).map(tuple))


@st.composite
def headers(draw: st.DrawFn) -> ObjectHeader:
    kind = draw(st.sampled_from(Kind))
    sent = kind is not Kind.REPLY
    return ObjectHeader(
        kind=kind,
        line=draw(IDS),
        mailbox_ref=draw(IDS),
        object_id=draw(IDS),
        day=draw(NUMBERS),
        submission_id=draw(IDS) if sent else None,
        epoch=draw(st.integers(1, 2**31 - 1)) if sent else None,
        reply_key=IDENTITY.recipient if sent else None,
        name=draw(NAMES) if kind is Kind.FILE else None,
        content_type=(content_type := draw(st.sampled_from(CONTENT_TYPES[kind]))),
        answers=draw(st.none() | ANSWERS) if (kind, content_type) == (Kind.MESSAGE, ContentType.PLAIN) else None,
    )


@st.composite
def mutated(draw: st.DrawFn, honest: bytes) -> bytes:
    """`honest` with a few bytes replaced, put in or taken out."""
    data = bytearray(honest)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        remove = draw(st.integers(0, 4))
        data[at : at + remove] = draw(st.binary(max_size=4))
    return bytes(data)


# Values of any type where a field of one type is expected.
ANY = st.none() | st.booleans() | st.integers(-2, 2**64 - 1) | st.floats() | st.binary(max_size=40) | NAMES
ANYTHING = (
    ANY | st.lists(ANY, max_size=3) | st.dictionaries(NAMES, ANY, max_size=2) | st.lists(st.lists(ANY, max_size=5))
)


@given(headers())
def test_header_round_trip(header: ObjectHeader) -> None:
    assert ObjectHeader.decode(header.encode()) == header


@given(headers(), st.data())
def test_header_with_a_field_of_another_kind(header: ObjectHeader, draw: st.DataObject) -> None:
    fields: dict[str, Any] = cbor2.loads(header.encode())
    key = draw.draw(st.sampled_from([*fields, "zz"]))
    untrusted = cbor2.dumps(fields | {key: draw.draw(ANYTHING)}, canonical=True)
    try:
        read = ObjectHeader.decode(untrusted)
    except MalformedError:
        return
    assert read.encode() == untrusted


@given(headers().flatmap(lambda header: mutated(header.encode())) | st.binary(max_size=100))
def test_header_of_arbitrary_bytes(untrusted: bytes) -> None:
    try:
        read = ObjectHeader.decode(untrusted)
    except MalformedError:
        return
    assert read.encode() == untrusted


@settings(max_examples=40)
@given(headers(), st.lists(st.binary(max_size=70_000), max_size=4))
def test_object_round_trip(header: ObjectHeader, pieces: list[bytes]) -> None:
    sealer = ObjectSealer(IDENTITY.recipient, header)
    sealed = b"".join(sealer.write(piece) for piece in pieces) + b"".join(sealer.finish())
    reader = ObjectReader(IDENTITY, io.BytesIO(sealed), len(sealed))
    content = b"".join(pieces)
    assert (reader.header, reader.length, reader.read_all()) == (header, len(content), content)
    assert sealer.content_length == len(content)
    assert ObjectReader(reader.file_key, io.BytesIO(sealed), len(sealed)).read_all() == content


SEALED = seal_object(
    IDENTITY.recipient, ObjectHeader(Kind.REPLY, LINE, b"M" * 16, b"O" * 16, 20780), b"what can be done"
)


@given(mutated(SEALED) | st.binary(max_size=3000) | st.integers(0, len(SEALED) - 1).map(lambda n: SEALED[:n]))
def test_object_of_arbitrary_bytes(untrusted: bytes) -> None:
    if untrusted == SEALED:
        return
    with pytest.raises(CryptoError):
        ObjectReader(IDENTITY, io.BytesIO(untrusted), len(untrusted)).read_all()


LINE_NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp"]), min_size=1, max_size=100
)


@given(LINE_NAMES)
def test_card_round_trip(name: str) -> None:
    one = card.make_line_card(name, LINE_KEY, IDENTITY.recipient)
    assert card.parse_line_card(one.text) == one
    assert card.parse_line_card("\n\n" + one.text.replace("\n", "\r\n") + "\n") == one
    assert len(one.fingerprint) == 8
    host = card.make_host_card(one.line, HOST_KEY, IDENTITY.recipient)
    assert card.parse_host_card(host.text) == host
    for parse, other in ((card.parse_line_card, host.text), (card.parse_host_card, one.text)):
        with pytest.raises(MalformedError):
            parse(other)


CARD = card.make_line_card("Luwte", LINE_KEY, IDENTITY.recipient)


@given(
    mutated(CARD.text.encode()).map(lambda data: data.decode("utf-8", "surrogateescape"))
    | st.text(max_size=200)
    | st.binary(max_size=300).map(lambda data: pem.to_text("LINE", data))
    | mutated(CARD.signed).map(lambda data: pem.to_text("LINE", data))
)
def test_card_of_arbitrary_text(untrusted: str) -> None:
    try:
        one = card.parse_line_card(untrusted)
    except CryptoError:
        return
    assert one == CARD


@given(st.sampled_from(["v", "name", "sign", "bundle", "zz"]), ANYTHING)
def test_card_with_a_field_of_another_kind(key: str, value: object) -> None:
    body = cbor2.dumps(cbor2.loads(CARD.signed[:-64]) | {key: value}, canonical=True)
    try:
        card.parse_line_card(pem.to_text("LINE", sign(LINE_KEY, "line-card", body)))
    except CryptoError:
        return
    assert key in ("v", "name")


@st.composite
def manifests(draw: st.DrawFn, direction: Direction = Direction.COLLECT) -> Manifest:
    entries = st.builds(ObjectEntry, IDS, st.sampled_from(Kind), st.integers(1, 1 << 40), HASHES, IDS)
    acknowledged = st.builds(ChainPosition, st.integers(1, 2**31 - 1), HASHES.filter(lambda sha256: sha256 != NO_HASH))
    return Manifest(
        line=LINE,
        direction=direction,
        number=draw(st.integers(1, 2**31 - 1)),
        previous=draw(HASHES),
        acknowledged=draw(acknowledged | st.just(ChainPosition.beginning())),
        day=draw(NUMBERS),
        epoch=draw(NUMBERS),
        floor=draw(NUMBERS),
        objects=tuple(draw(st.lists(entries, max_size=4, unique_by=lambda entry: entry.object_id))),
        tombstones=tuple(draw(st.lists(st.builds(Tombstone, st.sampled_from(Erased), IDS), max_size=3))),
        certificates=tuple(draw(st.lists(st.binary(max_size=50), max_size=3))),
    )


@given(manifests())
def test_manifest_round_trip(manifest: Manifest) -> None:
    read = Manifest.decode(manifest.encode(), line=LINE, direction=Direction.COLLECT)
    assert read == manifest


@given(manifests(), st.data())
def test_manifest_with_a_field_of_another_kind(manifest: Manifest, draw: st.DataObject) -> None:
    fields: dict[str, Any] = cbor2.loads(manifest.encode())
    key = draw.draw(st.sampled_from([*fields, "zz"]))
    untrusted = cbor2.dumps(fields | {key: draw.draw(ANYTHING)}, canonical=True)
    try:
        read = Manifest.decode(untrusted, line=LINE, direction=Direction.COLLECT)
    except CryptoError:
        return
    assert read.encode() == untrusted


@given(manifests().flatmap(lambda manifest: mutated(manifest.encode())) | st.binary(max_size=100))
def test_manifest_of_arbitrary_bytes(untrusted: bytes) -> None:
    try:
        read = Manifest.decode(untrusted, line=LINE, direction=Direction.COLLECT)
    except CryptoError:
        return
    assert read.encode() == untrusted


def _bundle(contents: list[bytes]) -> tuple[bundle.SignedManifest, bytes]:
    entries = tuple(
        ObjectEntry(bytes([i]) * 16, Kind.REPLY, len(data), hashlib.sha256(data).digest(), b"M" * 16)
        for i, data in enumerate(contents)
    )
    manifest = Manifest(
        line=LINE,
        direction=Direction.DISPATCH,
        number=1,
        previous=NO_HASH,
        acknowledged=ChainPosition.beginning(),
        day=20780,
        epoch=120,
        floor=0,
        objects=entries,
    )
    signed = bundle.SignedManifest(LINE_KEY, manifest)
    pieces = bundle.write_bundle(IDENTITY.recipient, signed, [[data] for data in contents])
    return signed, b"".join(pieces)


def _take(file: bytes) -> tuple[Manifest, ChainPosition, list[bytes]]:
    reader = bundle.open_bundle(IDENTITY, LINE_KEY.public, io.BytesIO(file), line=LINE, direction=Direction.DISPATCH)
    objects = [b"".join(pieces) for _, pieces in reader.objects()]
    reader.finish()
    return reader.manifest, reader.position, objects


@settings(max_examples=15)
@given(st.lists(st.binary(min_size=1, max_size=200_000), max_size=4))
def test_bundle_round_trip(contents: list[bytes]) -> None:
    signed, file = _bundle(contents)
    assert _take(file) == (signed.manifest, signed.position, contents)


SMALL_BUNDLE = _bundle([b"first", b"second" * 20_000])[1]


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.integers(0, len(SMALL_BUNDLE) - 1), st.integers(0, 7), st.booleans())
def test_bundle_cut_or_flipped(at: int, bit: int, cut: bool) -> None:
    flipped = SMALL_BUNDLE[:at] + bytes([SMALL_BUNDLE[at] ^ 1 << bit]) + SMALL_BUNDLE[at + 1 :]
    with pytest.raises(CryptoError):
        _take(SMALL_BUNDLE[:at] if cut else flipped)


def test_objects_that_do_not_fit_their_entries_are_not_signed_for() -> None:
    entry = ObjectEntry(b"O" * 16, Kind.REPLY, 5, hashlib.sha256(b"right").digest(), b"M" * 16)
    manifest = Manifest(LINE, Direction.DISPATCH, 1, NO_HASH, ChainPosition.beginning(), 20780, 1, 0, objects=(entry,))
    signed = bundle.SignedManifest(LINE_KEY, manifest)
    for wrong in ([b"wrong"], [b"righ"], [b"right", b"!"], []):
        with pytest.raises(bundle.ObjectMismatchError):
            list(bundle.write_bundle(IDENTITY.recipient, signed, [wrong]))
    with pytest.raises(ValueError, match="zip"):
        list(bundle.write_bundle(IDENTITY.recipient, signed, []))


def test_a_reader_that_skips_an_object_is_a_programming_error() -> None:
    reader = bundle.open_bundle(
        IDENTITY, LINE_KEY.public, io.BytesIO(SMALL_BUNDLE), line=LINE, direction=Direction.DISPATCH
    )
    objects = reader.objects()
    next(objects)
    with pytest.raises(RuntimeError, match="not read to its end"):
        next(objects)


def test_a_reader_that_reads_no_objects_can_not_finish() -> None:
    reader = bundle.open_bundle(
        IDENTITY, LINE_KEY.public, io.BytesIO(SMALL_BUNDLE), line=LINE, direction=Direction.DISPATCH
    )
    with pytest.raises(MalformedError):
        reader.finish()


class _Dribble(io.RawIOBase):
    """Gives a few bytes at a time, as pipes and sockets do."""

    def __init__(self, data: bytes, steps: Iterator[int]) -> None:
        self._data, self._steps = io.BytesIO(data), steps

    def read(self, size: int = -1, /) -> bytes:
        return self._data.read(min(size, next(self._steps)))


def test_a_reader_may_give_less_than_asked() -> None:
    steps = iter(range(1, 10**6))
    reader = bundle.open_bundle(
        IDENTITY, LINE_KEY.public, _Dribble(SMALL_BUNDLE, steps), line=LINE, direction=Direction.DISPATCH
    )
    assert [b"".join(pieces) for _, pieces in reader.objects()] == [b"first", b"second" * 20_000]
    reader.finish()


def test_the_parser_does_not_meet_what_is_not_signed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_untrusted: bytes) -> Any:
        raise AssertionError("parsed before it was verified")

    monkeypatch.setattr(cbor, "decode", never)
    with pytest.raises(CryptoError):
        bundle.open_bundle(IDENTITY, HOST_KEY.public, io.BytesIO(SMALL_BUNDLE), line=LINE, direction=Direction.DISPATCH)
