"""Taking one object out of a bundle: opened if it can be, kept as it came if it cannot. Nothing here trusts the host.

Messages are opened in memory. Files are staged as they are, fsynced, and opened just far enough to verify their header,
length and end and to learn their file key. What does not open never breaks an import and is never lost silently.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from crypto.age import SeekableReader
from crypto.errors import CryptoError, MalformedError, WrongKeyError
from crypto.manifest import ObjectEntry
from crypto.request import Response, decode_response
from crypto.sealed_object import ContentType, Kind, ObjectHeader, ObjectReader
from crypto.xwing import Identity
from store.desk.file_types import LOOKED_AT, tell_type
from store.desk.stored import StoredFiles
from store.files import write_durably

LARGEST_MESSAGE: Final = 4 * 1024 * 1024  # sealed; 100,000 characters take less than 420 KB

Pieces: TypeAlias = Iterable[bytes | memoryview]


@dataclass(slots=True)
class Taken:
    """One object with what was learnt of it: text, or a stored file with its key, or a stored file and the damage.

    Of a `response`, the text is the source's own words, perhaps none.
    """

    entry: ObjectEntry
    header: ObjectHeader | None = None
    text: str | None = None
    response: Response | None = None
    damage: str | None = None
    stored: str | None = None
    file_key: bytes | None = None
    size: int = 0
    file_type: str = ""


class KeyRing:
    """The epoch keys that an object may be sealed to. The one that opened the last object is tried first."""

    def __init__(self, identities: Iterator[Identity]) -> None:
        self._more = identities
        self._tried: list[Identity] = []

    def open(self, untrusted_file: SeekableReader, size: int) -> ObjectReader:
        """The object, opened; WrongKeyError when no key fits, other CryptoErrors when it is damaged."""
        for at, identity in enumerate(self._tried):
            try:
                reader = ObjectReader(identity, untrusted_file, size)
            except WrongKeyError:
                continue
            self._tried.insert(0, self._tried.pop(at))
            return reader
        for identity in self._more:
            self._tried.insert(0, identity)
            try:
                return ObjectReader(identity, untrusted_file, size)
            except WrongKeyError:
                continue
        raise WrongKeyError("no key at this desk opens it: its epoch's key was destroyed, or it was changed")


class Taker:
    """Takes the objects of one bundle, one after the other. `staged` are the files that it has written."""

    def __init__(self, stored: StoredFiles, keys: KeyRing, line: bytes) -> None:
        self._stored = stored
        self._keys = keys
        self._line = line
        self.staged: list[str] = []

    def take(self, entry: ObjectEntry, untrusted_pieces: Pieces) -> Taken:
        """Take one object. Raises only what the pieces raise (the bundle is damaged) and OSError (the disk is)."""
        if entry.kind is Kind.MESSAGE and entry.size <= LARGEST_MESSAGE:
            return self._message(entry, b"".join(untrusted_pieces))
        return self._file(entry, untrusted_pieces)

    def _message(self, entry: ObjectEntry, untrusted: bytes) -> Taken:
        try:
            reader = self._keys.open(io.BytesIO(untrusted), len(untrusted))
            self._check(entry, reader.header)
            content = reader.read_all()
            if reader.header.content_type is ContentType.RESPONSE:
                response = decode_response(content)
                return Taken(entry, reader.header, text=response.remark, response=response)
            return Taken(entry, reader.header, text=_text(content))
        except CryptoError as error:
            return Taken(entry, damage=str(error), stored=self._stage([untrusted]))

    def _file(self, entry: ObjectEntry, untrusted_pieces: Pieces) -> Taken:
        name = self._stage(untrusted_pieces)
        try:
            if entry.kind is not Kind.FILE:
                raise MalformedError("it is of a kind or size that an intake host does not send")
            with self._stored.path(name).open("rb", buffering=0) as untrusted_file:
                reader = self._keys.open(untrusted_file, entry.size)
                self._check(entry, reader.header)
                beginning = next((piece for piece in reader if piece), b"")
        except CryptoError as error:
            return Taken(entry, damage=str(error), stored=name)
        return Taken(
            entry,
            reader.header,
            stored=name,
            file_key=reader.file_key.raw,
            size=reader.length,
            file_type=tell_type(beginning[:LOOKED_AT]),
        )

    def _check(self, entry: ObjectEntry, header: ObjectHeader) -> None:
        """What is inside must be what the host signed for (docs/formats.md §3.1)."""
        if header.line != self._line:
            raise MalformedError("it was sealed for another line")
        if (header.kind, header.object_id, header.mailbox_ref) != (entry.kind, entry.object_id, entry.mailbox_ref):
            raise MalformedError("what is inside is not what the intake host signed for")

    def _stage(self, pieces: Pieces) -> str:
        name = self._stored.new_name()
        self.staged.append(name)
        write_durably(self._stored.path(name), pieces, os.O_EXCL)
        return name


def _text(untrusted: bytes) -> str:
    try:
        return untrusted.decode()
    except UnicodeDecodeError as error:
        raise MalformedError("its text is not UTF-8") from error
