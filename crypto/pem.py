"""Strict PEM (RFC 7468) for cards: one text for the same bytes."""

import base64
import binascii
import re
import textwrap
from typing import Final

from crypto.errors import MalformedError

_LONGEST_TEXT: Final = 8_192


def borders(kind: str) -> tuple[str, str]:
    """The first and the last line of such a card."""
    return f"-----BEGIN LUWTE {kind} CARD-----", f"-----END LUWTE {kind} CARD-----"


def to_text(kind: str, signed: bytes) -> str:
    begin, end = borders(kind)
    return "\n".join([begin, *textwrap.wrap(base64.b64encode(signed).decode("ascii"), 64), end, ""])


def from_text(kind: str, untrusted_text: str) -> bytes:
    """The signed bytes, not verified. Line ends of any system and blank lines around are forgiven, nothing else is."""
    begin, end = borders(kind)
    text = untrusted_text.strip().replace("\r\n", "\n") + "\n"
    match = re.fullmatch(
        f"{begin}\n([A-Za-z0-9+/=\n]*){end}\n",
        text if len(text) <= _LONGEST_TEXT else "",
    )
    if match is None:
        raise MalformedError(f"not a {kind.lower()} card")
    try:
        untrusted_signed = base64.b64decode(match[1].replace("\n", ""), validate=True)
    except binascii.Error as error:
        raise MalformedError(f"the {kind.lower()} card is damaged") from error
    if to_text(kind, untrusted_signed) != text:
        raise MalformedError(f"the {kind.lower()} card is damaged")
    return untrusted_signed
