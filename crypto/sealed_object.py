"""Sealed objects: one message, file or reply in an age file, padded to a size bucket (docs/formats.md §3)."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from crypto import cbor
from crypto.age import FileKey, Sealer, SeekableOpener, SeekableReader, file_length
from crypto.age_stream import CHUNK
from crypto.answers import Answers
from crypto.card import LINE_ID_LENGTH
from crypto.errors import MalformedError
from crypto.padding import file_bucket, message_bucket
from crypto.xwing import RECIPIENT_LENGTH, Identity, Recipient

MAGIC: Final = b"LUWTEob1"
ID_LENGTH: Final = 16
LONGEST_NAME: Final = 16_384  # bytes of UTF-8

_PREFIX = len(MAGIC) + 2
_SUFFIX = 8
_ZEROS = bytes(16 * CHUNK)


class Kind(StrEnum):
    """What a sealed object holds."""

    MESSAGE = "message"
    FILE = "file"
    REPLY = "reply"


class ContentType(StrEnum):
    """How content is to be read: as plain text or a file's bytes, or as `crypto.request` says."""

    PLAIN = "plain"
    REQUEST = "request"
    RESPONSE = "response"


_BEARERS: Final = {ContentType.REQUEST: Kind.REPLY, ContentType.RESPONSE: Kind.MESSAGE}


@dataclass(frozen=True)
class ObjectHeader:
    """What travels with the content, sealed like it.

    `line`, `mailbox_ref`, `object_id` and `submission_id` are 16 bytes; `day` is in days since 1970. Messages and files
    have `submission_id`, `epoch` and `reply_key`; files have `name`, as the browser gave it: untrusted. A reply may hold a
    request, a message a response. A message of plain text may have `answers`.
    """

    kind: Kind
    line: bytes
    mailbox_ref: bytes
    object_id: bytes
    day: int
    submission_id: bytes | None = None
    epoch: int | None = None
    reply_key: Recipient | None = None
    name: str | None = None
    content_type: ContentType = ContentType.PLAIN
    answers: Answers | None = None

    def __post_init__(self) -> None:
        from_source = self.kind is not Kind.REPLY
        given = (self.submission_id is not None, self.epoch is not None, self.reply_key is not None)
        if given != (from_source,) * 3 or (self.name is not None) != (self.kind is Kind.FILE):
            raise ValueError(f"fields that a {self.kind} does not have, or lacks")
        if _BEARERS.get(self.content_type, self.kind) is not self.kind:
            raise ValueError(f"a {self.content_type} in a {self.kind}")
        if self.answers is not None and (self.kind, self.content_type) != (Kind.MESSAGE, ContentType.PLAIN):
            raise ValueError("only a message of plain text has answers")

    def encode(self) -> bytes:
        fields: dict[str, Any] = {
            "v": 1,
            "kind": str(self.kind),
            "line": self.line,
            "box": self.mailbox_ref,
            "id": self.object_id,
            "day": self.day,
        }
        if self.reply_key is not None:
            fields |= {"sub": self.submission_id, "epoch": self.epoch, "key": self.reply_key.raw}
        if self.name is not None:
            fields["name"] = self.name
        if self.content_type is not ContentType.PLAIN:
            fields["type"] = str(self.content_type)
        if self.answers is not None:
            fields["answers"] = self.answers.value()
        return cbor.encode(fields)

    @classmethod
    def decode(cls, untrusted: bytes) -> "ObjectHeader":
        fields = cbor.Fields(cbor.decode(untrusted))
        fields.version(1)
        try:
            kind = Kind(fields.text("kind", most_bytes=16))
        except ValueError as error:
            raise MalformedError("a kind of object that is not known here") from error
        from_source = kind is not Kind.REPLY
        header = cls(
            kind=kind,
            line=fields.bytes("line", LINE_ID_LENGTH),
            mailbox_ref=fields.bytes("box", ID_LENGTH),
            object_id=fields.bytes("id", ID_LENGTH),
            day=fields.uint("day"),
            submission_id=fields.bytes("sub", ID_LENGTH) if from_source else None,
            epoch=fields.uint("epoch", least=1) if from_source else None,
            reply_key=Recipient(fields.bytes("key", RECIPIENT_LENGTH)) if from_source else None,
            name=fields.text("name", most_bytes=LONGEST_NAME) if kind is Kind.FILE else None,
            content_type=(content_type := _content_type(fields, kind)),
            answers=_answers(fields) if (kind, content_type) == (Kind.MESSAGE, ContentType.PLAIN) else None,
        )
        fields.done()
        return header

    @property
    def bucket(self) -> Callable[[int], int]:
        return file_bucket if self.kind is Kind.FILE else message_bucket


def _content_type(fields: cbor.Fields, kind: Kind) -> ContentType:
    """Plain content says nothing, so that there is one encoding of it."""
    if not fields.has("type"):
        return ContentType.PLAIN
    said = fields.text("type", most_bytes=16)
    for content_type, bearer in _BEARERS.items():
        if (said, kind) == (content_type, bearer):
            return content_type
    raise MalformedError("a type of content that is not known here, or not in this kind of object")


def _answers(fields: cbor.Fields) -> Answers | None:
    return Answers.from_value(fields.take("answers")) if fields.has("answers") else None


class ObjectSealer:
    """Seals content whose length is not known yet: `write` as it comes, then `finish` once."""

    def __init__(self, recipient: Recipient, header: ObjectHeader) -> None:
        encoded = header.encode()
        self.content_length = 0
        self._bucket = header.bucket
        self._head = MAGIC + struct.pack(">H", len(encoded)) + encoded
        self._sealer = Sealer(recipient)
        self._waiting: bytes = self._head

    def write(self, data: bytes | memoryview) -> bytes:
        """Sealed bytes that are ready now, perhaps none."""
        self.content_length += len(data)
        return self._start() + self._sealer.update(data)

    def finish(self) -> Iterator[bytes]:
        """The rest in pieces: padding up to the bucket, the length, and the end of the age file. Read it to its end."""
        used = len(self._head) + self.content_length + _SUFFIX
        missing = self._bucket(used) - used
        yield self._start()
        for _ in range(missing // len(_ZEROS)):
            yield self._sealer.update(_ZEROS)
        end = _ZEROS[: missing % len(_ZEROS)] + struct.pack(">Q", self.content_length)
        yield self._sealer.update(end) + self._sealer.finish()

    def _start(self) -> bytes:
        waiting, self._waiting = self._waiting, b""
        return self._sealer.update(waiting) if waiting else b""


def sealed_length(header: ObjectHeader) -> Callable[[int], int]:
    """From the content's length to that of the sealed object, padding and all, in bytes."""
    around = _PREFIX + len(header.encode()) + _SUFFIX
    return lambda content_length: file_length(header.bucket(around + content_length))


def seal_object(recipient: Recipient, header: ObjectHeader, content: bytes) -> bytes:
    """One whole sealed object."""
    sealer = ObjectSealer(recipient, header)
    return sealer.write(content) + b"".join(sealer.finish())


class ObjectReader:
    """Opens a sealed object of a known size. Its header, its length and its end are verified before any content.

    Raises a CryptoError at construction; iterating raises one as soon as a chunk or the padding is wrong, and what was
    yielded before must then be thrown away. `file_key` opens this object alone, without the identity.
    """

    def __init__(self, key: Identity | FileKey, untrusted_reader: SeekableReader, size: int) -> None:
        self._opener = SeekableOpener(key, untrusted_reader, size)
        self.file_key = self._opener.file_key
        total = self._opener.length
        if total < _PREFIX + _SUFFIX:
            raise MalformedError("too short for a sealed object")
        first = self._opener.chunk(0)
        if not first.startswith(MAGIC):
            raise MalformedError("not a sealed object")
        header_end = _PREFIX + int(struct.unpack_from(">H", first, len(MAGIC))[0])
        if header_end + _SUFFIX > total:
            raise MalformedError("the header does not fit the object")
        self.header = ObjectHeader.decode(b"".join(self._opener.read_range(_PREFIX, header_end)))
        suffix = b"".join(self._opener.read_range(total - _SUFFIX, total))
        self.length = int(struct.unpack(">Q", suffix)[0])
        if self.header.bucket(header_end + self.length + _SUFFIX) != total:
            raise MalformedError("the object's length does not fit its size bucket")
        self._start = header_end
        self._padding_end = total - _SUFFIX

    def __iter__(self) -> Iterator[bytes]:
        """The content in pieces of at most 64 KiB."""
        end = self._start + self.length
        yield from self._opener.read_range(self._start, end)
        for piece in self._opener.read_range(end, self._padding_end):
            if piece != _ZEROS[: len(piece)]:
                raise MalformedError("the padding holds something else than zeros")

    def read_all(self) -> bytes:
        """The whole content: only for kinds that fit in memory."""
        return b"".join(self)
