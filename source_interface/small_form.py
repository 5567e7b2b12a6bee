"""Small forms, read within a bound and never spooled to a file."""

from typing import Final

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from source_interface.receive import BrokenConnectionError, FieldPart, TooMuchError, receive

_MOST_BYTES: Final = 16 * 1024


def read_small_form(request: Request, *, most_bytes: int = _MOST_BYTES) -> MultiDict[str, str]:
    """The fields of a form without files; by a name its first. RequestEntityTooLarge, BadRequest."""
    if (request.content_length or 0) > most_bytes:
        raise RequestEntityTooLarge  # unread: the server sees the client off so that the refusal is seen
    # What comes in chunks tells no length beforehand: without this, Werkzeug would read it to whatever end it has.
    request.max_content_length = request.max_form_memory_size = most_bytes
    fields: MultiDict[str, str] = MultiDict()
    try:
        if request.mimetype != "multipart/form-data":
            return request.form
        for part in receive(request, most_field_bytes=most_bytes):
            if not isinstance(part, FieldPart):
                raise BadRequest
            fields.add(part.name, part.text)
    except (BrokenConnectionError, OSError) as error:
        raise BadRequest from error
    except TooMuchError as error:
        raise RequestEntityTooLarge from error
    return fields


def reply_id(untrusted_hex: str) -> bytes:
    """A reply's id as a form carries it; empty bytes for what is none."""
    try:
        return bytes.fromhex(untrusted_hex[:32])
    except ValueError:
        return b""
