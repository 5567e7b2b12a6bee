"""Replies, opened in memory for this page, cut into pages that never overflow."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import escape

from crypto.errors import CryptoError, MalformedError
from crypto.request import TURNING, ConsentRequest, Request, decode_request, digest
from crypto.sealed_object import ContentType, Kind, ObjectHeader, ObjectReader
from crypto.xwing import Identity
from source_interface.language import date_of
from store.intake.blobs import MissingBlobError
from store.intake.place import IntakePlace

_PAGE_HTML_BYTES: Final = 18_000  # beside them a page holds a form, text that is given back, and forty names
_PART_CHARACTERS: Final = 3_400  # at most 17,000 bytes when escaped
_CARD_HTML_BYTES: Final = 1_000
_REQUEST_HTML_BYTES: Final = 3_000  # around a request's own words, of which the longest take 12,500 when escaped
_TURNING: Final = re.compile(f"[{''.join(sorted(TURNING))}]")
_CONTROLS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]"
)  # Unicode's Cc and Cs, which stay as they are


@dataclass(frozen=True)
class ReplyPart:
    """A reply, or a part of a long one. `text` is None when it could not be opened.

    A reply that asks something has `request`, always whole, and the SHA-256 of all it says; `ended`: its last day has passed.
    """

    reply_id: str
    day: str
    text: str | None
    number: int
    count: int
    request: Request | None = None
    digest: bytes = b""
    ended: bool = False

    @property
    def html_bytes(self) -> int:
        """What it takes of a page, at most."""
        if self.request is None:
            return _CARD_HTML_BYTES + _escaped(self.text or "")
        return _REQUEST_HTML_BYTES + sum(map(_escaped, _words(self.request)))

    @property
    def last_day(self) -> str:
        """Of a consent request."""
        return date_of(self.request.until) if isinstance(self.request, ConsentRequest) else ""


@dataclass(frozen=True)
class ReplyPage:
    """One page of replies, newest first; pages count from 1. `older`: whether there is a page after it."""

    parts: tuple[ReplyPart, ...]
    page: int
    older: bool
    replies: int

    @property
    def asks(self) -> bool:
        """Whether something on it can still be answered."""
        return any(part.request is not None and not part.ended for part in self.parts)


def open_replies(place: IntakePlace, mailbox_ref: bytes, identity: Identity, page: int) -> ReplyPage:
    """Page `page` of a mailbox, or the last one there is.

    Nothing beyond it is opened: how long the first page takes does not tell how many replies there are.
    """
    stored = place.replies.list(mailbox_ref)
    number, room = 1, _PAGE_HTML_BYTES
    parts: list[ReplyPart] = []
    for reply in stored:
        for part in _parts(place, mailbox_ref, identity, reply.reply_id):
            if part.html_bytes > room and parts:
                if number >= page:
                    return ReplyPage(tuple(parts), number, older=True, replies=len(stored))
                number, parts, room = number + 1, [], _PAGE_HTML_BYTES
            parts.append(part)
            room -= part.html_bytes
    return ReplyPage(tuple(parts), number, older=False, replies=len(stored))


def open_request(place: IntakePlace, mailbox_ref: bytes, identity: Identity, reply_id: bytes) -> ReplyPart | None:
    """The request of that id, or None: it was erased, is another's, or asks nothing."""
    part = next(_parts(place, mailbox_ref, identity, reply_id))
    return part if part.request is not None else None


def _parts(place: IntakePlace, mailbox_ref: bytes, identity: Identity, reply_id: bytes) -> Iterator[ReplyPart]:
    try:
        header, content = _open(place, mailbox_ref, identity, reply_id)
        if header.content_type is ContentType.REQUEST:
            yield _request(reply_id, header.day, content, place.today())
            return
    except (CryptoError, MissingBlobError):
        yield ReplyPart(reply_id.hex(), "", None, 1, 1)
        return
    text = safe_text(content.decode("utf-8", "replace"))
    pieces = [text[at : at + _PART_CHARACTERS] for at in range(0, len(text), _PART_CHARACTERS)] or [""]
    for number, piece in enumerate(pieces, 1):
        yield ReplyPart(reply_id.hex(), date_of(header.day), piece, number, len(pieces))


def _open(place: IntakePlace, mailbox_ref: bytes, identity: Identity, reply_id: bytes) -> tuple[ObjectHeader, bytes]:
    sealed = place.replies.read(reply_id)
    reader = ObjectReader(identity, io.BytesIO(sealed), len(sealed))
    header = reader.header
    if (header.kind, header.line, header.mailbox_ref) != (Kind.REPLY, place.line.line, mailbox_ref):
        raise MalformedError("a reply to somebody else")
    return header, reader.read_all()


def _request(reply_id: bytes, day: int, content: bytes, today: int) -> ReplyPart:
    request = decode_request(content)
    ended = isinstance(request, ConsentRequest) and today > request.until
    return ReplyPart(reply_id.hex(), date_of(day), request.text, 1, 1, request, digest(content), ended)


def _words(request: Request) -> tuple[str, ...]:
    if isinstance(request, ConsentRequest):
        return (request.text, request.recipient, request.purpose)
    return (request.text, *request.choices)


def _escaped(text: str) -> int:
    return len(escape(text).encode())


def safe_text(text: str) -> str:
    """Text without control characters, and without marks that turn the direction of what stands around it."""
    return _CONTROLS.sub("\ufffd", _TURNING.sub("", text))
