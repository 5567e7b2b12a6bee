"""Small forms, read within a bound and never spooled to a file."""

from collections.abc import Mapping

from flask import Request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from source_interface.receive import FieldPart, receive

_MOST_BYTES = 16 * 1024


def read_small_form(request: Request) -> Mapping[str, str]:
    """The fields of a form without files, the first of each name. RequestEntityTooLarge, BadRequest."""
    if (request.content_length or 0) > _MOST_BYTES:
        raise RequestEntityTooLarge
    if request.mimetype == "multipart/form-data":
        fields: MultiDict[str, str] = MultiDict()
        for part in receive(request, most_field_bytes=_MOST_BYTES):
            if not isinstance(part, FieldPart):
                raise BadRequest
            fields.add(part.name, part.text)
        return fields
    # Werkzeug keeps urlencoded fields in memory, within the application's limit.
    return request.form
