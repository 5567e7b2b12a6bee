"""age v1 files (C2SP `age.md`) to one post-quantum hybrid recipient: sealing and opening, streaming or seeking.

`Sealer` takes bytes as they come. `Opener` yields authenticated chunks in order and raises at the end unless the end is
genuine: what it yielded before must then be thrown away. `SeekableOpener` checks the last chunk first, so that every
chunk it returns afterwards belongs to a file whose length is known to be right.
"""

import secrets
from collections.abc import Iterator
from typing import Protocol

from crypto.age_header import HEADER_LENGTH, check_mac, make_header, unwrap_header
from crypto.age_stream import (
    CHUNK,
    NONCE_LENGTH,
    SEALED_CHUNK,
    ChunkCipher,
    plain_length,
    sealed_length,
)
from crypto.errors import ForgedError, TruncatedError
from crypto.xwing import FILE_KEY_LENGTH, Identity, Recipient


class Reader(Protocol):
    """Gives up to `size` bytes at a time, none at the end."""

    def read(self, size: int, /) -> bytes: ...


class SeekableReader(Reader, Protocol):
    def seek(self, offset: int, /) -> int: ...


class FileKey:
    """The 16-byte key of one age file. Whoever has it can open that file and no other."""

    def __init__(self, raw: bytes) -> None:
        if len(raw) != FILE_KEY_LENGTH:
            raise ValueError("a file key has 16 bytes")
        self.raw = bytes(raw)


def file_length(length: int) -> int:
    """The length of an age file with a payload of `length` bytes."""
    return HEADER_LENGTH + sealed_length(length)


class Sealer:
    """Seals one payload of any length: `update` as bytes come, then `finish` once."""

    def __init__(self, recipient: Recipient) -> None:
        file_key = secrets.token_bytes(FILE_KEY_LENGTH)
        nonce = secrets.token_bytes(NONCE_LENGTH)
        self._cipher = ChunkCipher(file_key, nonce)
        self._ready = [make_header(recipient, file_key), nonce]
        self._rest = b""
        self._position = 0

    def update(self, data: bytes | memoryview) -> bytes:
        """Sealed bytes that are ready now, perhaps none."""
        # The last chunk may not be empty, so a full chunk waits until more follows.
        if len(self._rest) + len(data) <= CHUNK:
            self._rest += data
            return self._take_ready()
        at = 0
        view = memoryview(data)
        if self._rest:
            at = CHUNK - len(self._rest)
            self._seal(self._rest + view[:at])
        while len(view) - at > CHUNK:
            self._seal(view[at : at + CHUNK])
            at += CHUNK
        self._rest = bytes(view[at:])
        return self._take_ready()

    def finish(self) -> bytes:
        """The rest of the file. Nothing that `update` gave opens without it."""
        self._ready.append(self._cipher.seal(self._position, self._rest, last=True))
        self._rest = b""
        return self._take_ready()

    def _seal(self, chunk: bytes | memoryview) -> None:
        self._ready.append(self._cipher.seal(self._position, chunk, last=False))
        self._position += 1

    def _take_ready(self) -> bytes:
        out = b"".join(self._ready)
        self._ready.clear()
        return out


def seal(recipient: Recipient, data: bytes) -> bytes:
    """One whole age file."""
    sealer = Sealer(recipient)
    return sealer.update(data) + sealer.finish()


class Opener:
    """Iterates over the authenticated chunks of an age file that is read once, front to back."""

    def __init__(self, key: Identity | FileKey, untrusted_reader: Reader) -> None:
        self._reader = untrusted_reader
        self.file_key, self._cipher = _begin(key, untrusted_reader)

    def __iter__(self) -> Iterator[bytes]:
        """Chunks of 64 KiB, the last one shorter or equal. Raises at the end if the end is not genuine."""
        position = 0
        chunk = _read_up_to(self._reader, SEALED_CHUNK)
        while True:
            following = _read_up_to(self._reader, SEALED_CHUNK) if len(chunk) == SEALED_CHUNK else b""
            yield self._cipher.open(position, chunk, last=not following)
            if not following:
                return
            chunk = following
            position += 1


class SeekableOpener:
    """Opens parts of an age file of a known size. The last chunk is authenticated before anything is returned."""

    def __init__(self, key: Identity | FileKey, untrusted_reader: SeekableReader, size: int) -> None:
        self._reader = untrusted_reader
        untrusted_reader.seek(0)
        self.file_key, self._cipher = _begin(key, untrusted_reader)
        self.length = plain_length(size - HEADER_LENGTH)
        self._last_position = max(0, -(-self.length // CHUNK) - 1)
        self._last = self._open(self._last_position, last=True)
        if self._last_position * CHUNK + len(self._last) != self.length or _read_up_to(untrusted_reader, 1):
            raise ForgedError("the file has another length than it was said to have")

    def chunk(self, position: int) -> bytes:
        """Chunk number `position`; 64 KiB but for the last."""
        if position == self._last_position:
            return self._last
        return self._open(position, last=False)

    def read_range(self, start: int, end: int) -> Iterator[bytes]:
        """The payload from `start` up to `end`, in pieces of at most 64 KiB."""
        if not 0 <= start <= end <= self.length:
            raise ValueError("outside the payload")
        for position in range(start // CHUNK, -(-end // CHUNK)):
            base = position * CHUNK
            piece = self.chunk(position)
            if base < start or base + len(piece) > end:
                piece = piece[max(0, start - base) : end - base]
            yield piece

    def _open(self, position: int, *, last: bool) -> bytes:
        self._reader.seek(HEADER_LENGTH + NONCE_LENGTH + position * SEALED_CHUNK)
        return self._cipher.open(position, _read_up_to(self._reader, SEALED_CHUNK), last=last)


def _begin(key: Identity | FileKey, untrusted_reader: Reader) -> tuple[FileKey, ChunkCipher]:
    header = _read_up_to(untrusted_reader, HEADER_LENGTH)
    if isinstance(key, FileKey):
        check_mac(key.raw, header)
        file_key = key
    else:
        file_key = FileKey(unwrap_header(key, header))
    nonce = _read_up_to(untrusted_reader, NONCE_LENGTH)
    if len(nonce) != NONCE_LENGTH:
        raise TruncatedError("the file ends before its payload")
    return file_key, ChunkCipher(file_key.raw, nonce)


def _read_up_to(reader: Reader, size: int) -> bytes:
    """`size` bytes unless the end comes first: a reader may give less than asked."""
    data = reader.read(size)
    if len(data) == size or not data:
        return data
    parts = [data]
    missing = size - len(data)
    while missing and (data := reader.read(missing)):
        parts.append(data)
        missing -= len(data)
    return b"".join(parts)
