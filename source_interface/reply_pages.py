"""Replies, opened in memory for this page, cut into pages that never overflow."""

import io
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from markupsafe import escape

from crypto.errors import CryptoError
from crypto.sealed_object import Kind, ObjectReader
from crypto.xwing import Identity
from source_interface.language import date_of
from store.intake.blobs import MissingBlobError
from store.intake.place import IntakePlace

_PAGE_HTML_BYTES: Final = 18_000  # beside them a page holds a form, text that is given back, and forty names
_PART_CHARACTERS: Final = 3_400  # at most 17,000 bytes when escaped
_CARD_HTML_BYTES: Final = 1_000


@dataclass(frozen=True)
class ReplyPart:
    """A reply, or a part of a long one. `text` is None when it could not be opened."""

    reply_id: str
    day: str
    text: str | None
    number: int
    count: int


@dataclass(frozen=True)
class ReplyPage:
    """One page of replies, newest first; pages count from 1. `older`: whether there is a page after it."""

    parts: tuple[ReplyPart, ...]
    page: int
    older: bool
    replies: int


def open_replies(place: IntakePlace, mailbox_ref: bytes, identity: Identity, page: int) -> ReplyPage:
    """Page `page` of a mailbox, or the last one there is.

    Nothing beyond it is opened: how long the first page takes does not tell how many replies there are.
    """
    stored = place.replies.list(mailbox_ref)
    number, room = 1, _PAGE_HTML_BYTES
    parts: list[ReplyPart] = []
    for reply in stored:
        for part in _parts(place, mailbox_ref, identity, reply.reply_id):
            size = _CARD_HTML_BYTES + len(escape(part.text or "").encode())
            if size > room and parts:
                if number >= page:
                    return ReplyPage(tuple(parts), number, older=True, replies=len(stored))
                number, parts, room = number + 1, [], _PAGE_HTML_BYTES
            parts.append(part)
            room -= size
    return ReplyPage(tuple(parts), number, older=False, replies=len(stored))


def _parts(place: IntakePlace, mailbox_ref: bytes, identity: Identity, reply_id: bytes) -> Iterator[ReplyPart]:
    try:
        sealed = place.replies.read(reply_id)
        reader = ObjectReader(identity, io.BytesIO(sealed), len(sealed))
        header = reader.header
        ours = (header.kind, header.line, header.mailbox_ref) == (Kind.REPLY, place.line.line, mailbox_ref)
        text = safe_text(reader.read_all().decode("utf-8", "replace"))
    except (CryptoError, MissingBlobError):
        ours = False
    if not ours:
        yield ReplyPart(reply_id.hex(), "", None, 1, 1)
        return
    pieces = [text[at : at + _PART_CHARACTERS] for at in range(0, len(text), _PART_CHARACTERS)] or [""]
    for number, piece in enumerate(pieces, 1):
        yield ReplyPart(reply_id.hex(), date_of(header.day), piece, number, len(pieces))


def safe_text(text: str) -> str:
    """Text without control characters, and without marks that turn the direction of what stands around it."""
    return "".join(_visible(character) for character in text if character not in _TURNING)


def _visible(character: str) -> str:
    plain = character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cs")
    return character if plain else "\ufffd"


_TURNING: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
