"""A multipart/form-data body (RFC 7578), taken apart while it arrives.

Werkzeug's own form parsing would spool a file to a temporary file in plaintext; this hands every piece on as it comes and
keeps none. Only fields are gathered, within a bound.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from flask import Request
from werkzeug.exceptions import BadRequest, ClientDisconnected, RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData, State

UPLOADS: Final = "/mailbox"  # the one address to which long bodies are sent

_READ_BYTES: Final = 1 << 20  # smaller reads are several times slower through gunicorn
_SLOW_READ_BYTES: Final = 64 * 1024  # from who is slow, so that it is seen how much has come
_SLOW_SECONDS: Final = 1.0  # for one read
_MOST_HELD_BYTES: Final = 2 * _READ_BYTES  # of what must be whole to be understood
_MOST_HEADER_BYTES: Final = 256 * 1024  # of all parts' headers: taking them apart is slow
_HEADER_END: Final = b"\r\n\r\n"  # all that a browser sends
_MOST_PARTS: Final = 1_000
_MOST_CUT_BYTES: Final = 64 << 20  # of fields that are too long, read and thrown away so that the answer is seen


class BrokenConnectionError(Exception):
    """The sender went away, or sent something that no browser sends, before the end."""


class TooMuchError(Exception):
    """There are more parts than any form has, or more bytes around them."""


@dataclass(frozen=True)
class FieldPart:
    """A field's name and text. `cut` says that it was longer than allowed and the rest was thrown away."""

    name: str
    text: str
    cut: bool = False


@dataclass(frozen=True)
class FileBegin:
    """A file begins, with the name that the browser gave."""

    name: str
    untrusted_filename: str


@dataclass(frozen=True)
class FilePiece:
    """The next bytes of the file; `last` ends it."""

    data: bytes
    last: bool


Part = FieldPart | FileBegin | FilePiece


def receive(request: Request, *, most_field_bytes: int) -> Iterator[Part]:
    """The parts of the body in order. BadRequest when it is no multipart; BrokenConnectionError, TooMuchError on the way."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not 1 <= len(boundary) <= 70:
        raise BadRequest
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), _MOST_HELD_BYTES, max_parts=_MOST_PARTS)
    field: _Field | None = None
    cut = _Allowance(_MOST_CUT_BYTES)
    for event in _events(request, decoder):
        match event:
            case Field():
                field = _Field(event.name or "", most_field_bytes, cut)
            case File():
                field = None
                yield FileBegin(event.name or "", event.filename)
            case Data() if field is not None:
                field.add(event.data)
                if not event.more_data:
                    yield field.part()
                    field = None
            case Data():
                yield FilePiece(event.data, last=not event.more_data)


def _events(request: Request, decoder: MultipartDecoder) -> Iterator[object]:
    headers, size = _Allowance(_MOST_HEADER_BYTES), _SLOW_READ_BYTES
    try:
        while True:
            began = time.monotonic()
            data = request.stream.read(size)
            is_slow = time.monotonic() - began > _SLOW_SECONDS
            size = max(size // 2, _SLOW_READ_BYTES) if is_slow else min(size * 2, _READ_BYTES)
            decoder.receive_data(data or None)
            while not isinstance(event := _next_event(decoder, headers), NeedData):
                if isinstance(event, Epilogue):
                    return
                yield event
            if not data:
                raise BrokenConnectionError
    except RequestEntityTooLarge as error:
        raise TooMuchError from error
    except (ClientDisconnected, OSError, ValueError) as error:
        raise BrokenConnectionError from error


def _next_event(decoder: MultipartDecoder, headers: "_Allowance") -> object:
    """The next event; a part's header is measured before it is taken apart."""
    if decoder.state is not State.PART:
        return decoder.next_event()
    end = decoder.buffer.find(_HEADER_END)
    if end < 0:
        headers.check(len(decoder.buffer))
        return decoder.next_event()
    headers.take(end)
    return decoder.next_event()


class _Allowance:
    """So many bytes and no more: TooMuchError."""

    def __init__(self, left: int) -> None:
        self._left = left

    def check(self, count: int) -> None:
        if count > self._left:
            raise TooMuchError

    def take(self, count: int) -> None:
        self.check(count)
        self._left -= count


class _Field:
    def __init__(self, name: str, most: int, cut: _Allowance) -> None:
        self._name, self._most, self._cut = name, most, cut
        self._data = bytearray()
        self._is_cut = False

    def add(self, data: bytes) -> None:
        kept = data[: self._most - len(self._data)]
        self._data += kept
        self._cut.take(len(data) - len(kept))
        self._is_cut |= len(kept) < len(data)

    def part(self) -> FieldPart:
        return FieldPart(self._name, self._data.decode("utf-8", "replace"), self._is_cut)
