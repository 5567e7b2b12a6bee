"""Whatever is changed in a sealed file is refused with a typed error, and nothing unfinished passes for finished."""

import io
import os
from collections.abc import Callable, Iterator

import pytest

from crypto import age
from crypto.age import CHUNK, FileKey, Opener, Sealer, SeekableOpener
from crypto.age_header import HEADER_LENGTH
from crypto.age_stream import NONCE_LENGTH, SEALED_CHUNK
from crypto.errors import CryptoError, ForgedError, MalformedError, TruncatedError, WrongKeyError
from crypto.sealed_object import Kind, ObjectHeader, ObjectReader, ObjectSealer, seal_object
from crypto.xwing import Identity
from tests.support.opened import open_bytes

START = HEADER_LENGTH + NONCE_LENGTH


def _seek(key: Identity | FileKey, file: bytes) -> bytes:
    opener = SeekableOpener(key, io.BytesIO(file), len(file))
    return b"".join(opener.read_range(0, opener.length))


WAYS: list[Callable[[Identity | FileKey, bytes], bytes]] = [open_bytes, _seek]


@pytest.fixture(scope="module")
def small(identity: Identity) -> bytes:
    return age.seal(identity.recipient, b"what happened")


@pytest.fixture(scope="module")
def large(identity: Identity) -> bytes:
    return age.seal(identity.recipient, os.urandom(3 * CHUNK + 100))


@pytest.mark.parametrize("way", WAYS)
def test_cut_at_every_byte(identity: Identity, small: bytes, way: Callable[[Identity, bytes], bytes]) -> None:
    for length in range(len(small)):
        with pytest.raises((TruncatedError, ForgedError)):
            way(identity, small[:length])


@pytest.mark.parametrize("way", WAYS)
def test_every_bit_flipped(identity: Identity, small: bytes, way: Callable[[Identity, bytes], bytes]) -> None:
    key = SeekableOpener(identity, io.BytesIO(small), len(small)).file_key
    for at in range(len(small)):
        for bit in range(8):
            flipped = small[:at] + bytes([small[at] ^ 1 << bit]) + small[at + 1 :]
            # The file key opens without the asymmetric part, which makes all bits affordable.
            with pytest.raises((MalformedError, ForgedError)):
                way(key, flipped)
            if bit == at % 8:
                with pytest.raises((MalformedError, ForgedError, WrongKeyError)):
                    way(identity, flipped)


def _cuts() -> Iterator[tuple[str, int]]:
    for chunk in range(4):
        base = START + chunk * SEALED_CHUNK
        yield f"before chunk {chunk}", base
        yield f"a byte into chunk {chunk}", base + 1
        yield f"before the tag of chunk {chunk}", base + (CHUNK if chunk < 3 else 100)
        yield f"a byte short of chunk {chunk}", base + (SEALED_CHUNK if chunk < 3 else 116) - 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "length"), list(_cuts()), ids=str)
def test_a_large_file_cut_in_each_way(
    identity: Identity, large: bytes, way: Callable[[Identity, bytes], bytes], name: str, length: int
) -> None:
    with pytest.raises((TruncatedError, ForgedError)):
        way(identity, large[:length])


@pytest.mark.parametrize("way", WAYS)
def test_chunks_rearranged(identity: Identity, large: bytes, way: Callable[[Identity, bytes], bytes]) -> None:
    head, body = large[:START], large[START:]
    c = [body[i : i + SEALED_CHUNK] for i in range(0, len(body), SEALED_CHUNK)]
    other = age.seal(identity.recipient, bytes(3 * CHUNK + 100))
    foreign = other[START : START + SEALED_CHUNK]
    for order in {
        "first two swapped": [c[1], c[0], c[2], c[3]],
        "last two swapped": [c[0], c[1], c[3], c[2]],
        "one twice": [c[0], c[0], c[1], c[2], c[3]],
        "one left out": [c[0], c[2], c[3]],
        "the last left out": [c[0], c[1], c[2]],
        "the last twice": [c[0], c[1], c[2], c[3], c[3]],
        "only the last": [c[3]],
        "one of another file": [c[0], foreign, c[2], c[3]],
        "a byte after the end": [*c, b"\0"],
        "a chunk of zeros after the end": [*c, bytes(SEALED_CHUNK)],
        "another whole file after the end": [*c, large],
    }.values():
        with pytest.raises((ForgedError, TruncatedError)):
            way(identity, head + b"".join(order))


def test_another_header_on_this_payload(identity: Identity, small: bytes) -> None:
    other = age.seal(identity.recipient, b"what happened")
    for way in WAYS:
        with pytest.raises(ForgedError):
            way(identity, other[:HEADER_LENGTH] + small[HEADER_LENGTH:])


def test_a_stranger_and_another_files_key_open_nothing(identity: Identity, stranger: Identity, small: bytes) -> None:
    other = age.seal(identity.recipient, b"")
    key = SeekableOpener(identity, io.BytesIO(other), len(other)).file_key
    for way in WAYS:
        with pytest.raises(WrongKeyError):
            way(stranger, small)
        with pytest.raises(ForgedError):
            way(key, small)


def test_an_unfinished_stream_is_never_released_as_finished(identity: Identity) -> None:
    sealer = Sealer(identity.recipient)
    unfinished = sealer.update(os.urandom(2 * CHUNK)) + sealer.update(os.urandom(CHUNK))
    released = []
    opener = iter(Opener(identity, io.BytesIO(unfinished)))
    with pytest.raises(ForgedError, match="cut between two chunks"):
        released.extend(opener)
    assert len(released) < 2  # the last chunk that is there was held back too
    with pytest.raises(ForgedError, match="cut between two chunks"):
        SeekableOpener(identity, io.BytesIO(unfinished), len(unfinished))


def test_an_unfinished_object_is_refused_before_any_content(identity: Identity) -> None:
    sealer = ObjectSealer(identity.recipient, _header(identity, Kind.FILE))
    unfinished = sealer.write(os.urandom(5 * CHUNK))
    for cut in (len(unfinished), START + SEALED_CHUNK, START + 2 * SEALED_CHUNK, START, HEADER_LENGTH, 0):
        with pytest.raises(CryptoError):
            ObjectReader(identity, io.BytesIO(unfinished[:cut]), cut)


def test_a_size_that_is_not_the_files(identity: Identity, small: bytes, large: bytes) -> None:
    for file in (small, large):
        for size in (0, len(file) - 1, len(file) + 1, len(file) - SEALED_CHUNK, len(file) + SEALED_CHUNK, 1 << 40):
            with pytest.raises((TruncatedError, ForgedError)):
                SeekableOpener(identity, io.BytesIO(file), size)


def _header(identity: Identity, kind: Kind) -> ObjectHeader:
    return ObjectHeader(
        kind=kind,
        line=b"L" * 16,
        mailbox_ref=b"M" * 16,
        object_id=b"O" * 16,
        day=20780,
        submission_id=b"S" * 16,
        epoch=1,
        reply_key=identity.recipient,
        name="photo.jpg" if kind is Kind.FILE else None,
    )


def test_every_sampled_bit_of_an_object(identity: Identity) -> None:
    sealed = seal_object(identity.recipient, _header(identity, Kind.MESSAGE), b"what happened")
    key = ObjectReader(identity, io.BytesIO(sealed), len(sealed)).file_key
    for at in range(0, len(sealed), 37):
        flipped = sealed[:at] + bytes([sealed[at] ^ 1 << at % 8]) + sealed[at + 1 :]
        with pytest.raises((MalformedError, ForgedError)):
            ObjectReader(key, io.BytesIO(flipped), len(flipped)).read_all()


def test_a_changed_chunk_stops_the_reading_where_it_stands(identity: Identity) -> None:
    content = os.urandom(4 * CHUNK)
    sealed = bytearray(seal_object(identity.recipient, _header(identity, Kind.FILE), content))
    sealed[START + 2 * SEALED_CHUNK + 7] ^= 1
    reader = ObjectReader(identity, io.BytesIO(bytes(sealed)), len(sealed))
    got = []
    with pytest.raises(ForgedError):
        got.extend(reader)
    assert content.startswith(b"".join(got))
