"""The header of an age v1 file with exactly one `mlkem768x25519` stanza (C2SP `age.md`; docs/formats.md §3).

The formats of Luwte allow no other stanza, so the header has one shape and one length, and is read by comparing, not
by a general parser. Both ways agree with age 1.3 and `age-encryption`.
"""

import base64
import binascii
import hmac

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import ForgedError, MalformedError, TruncatedError
from crypto.xwing import SHARE_LENGTH, WRAPPED_LENGTH, Identity, Recipient

_VERSION = b"age-encryption.org/v1\n"
_STANZA = b"-> mlkem768x25519 "
_END = b"\n---"
_MAC_LENGTH = 32


def _base64_length(length: int) -> int:
    return -(-length * 4 // 3)


_SHARE_TEXT = _base64_length(SHARE_LENGTH)
_WRAPPED_TEXT = _base64_length(WRAPPED_LENGTH)
_MAC_TEXT = _base64_length(_MAC_LENGTH)

_SHARE_AT = len(_VERSION + _STANZA)
_WRAPPED_AT = _SHARE_AT + _SHARE_TEXT + 1
_END_AT = _WRAPPED_AT + _WRAPPED_TEXT
_MAC_AT = _END_AT + len(_END) + 1

HEADER_LENGTH = _MAC_AT + _MAC_TEXT + 1


def make_header(recipient: Recipient, file_key: bytes) -> bytes:
    """The header that wraps a 16-byte file key to `recipient`: HEADER_LENGTH bytes."""
    share, wrapped = recipient.wrap(file_key)
    covered = _VERSION + _STANZA + _encode(share) + b"\n" + _encode(wrapped) + _END
    return covered + b" " + _encode(_mac(file_key, covered)) + b"\n"


def unwrap_header(identity: Identity, untrusted_header: bytes) -> bytes:
    """The file key, once the header's MAC has been checked with it.

    MalformedError (TruncatedError), WrongKeyError or ForgedError.
    """
    share, wrapped = _read(untrusted_header)
    file_key = identity.unwrap(share, wrapped)
    _check_mac(file_key, untrusted_header)
    return file_key


def check_mac(file_key: bytes, untrusted_header: bytes) -> None:
    """Raise MalformedError for a header that `unwrap_header` refuses, ForgedError unless its MAC is by this file key."""
    _read(untrusted_header)
    _check_mac(file_key, untrusted_header)


def _check_mac(file_key: bytes, untrusted_header: bytes) -> None:
    given = _decode(untrusted_header[_MAC_AT:-1], _MAC_LENGTH)
    if not hmac.compare_digest(given, _mac(file_key, untrusted_header[: _MAC_AT - 1])):
        raise ForgedError("the header was changed, or it belongs to another key")


def _read(untrusted: bytes) -> tuple[bytes, bytes]:
    if len(untrusted) != HEADER_LENGTH:
        raise TruncatedError("the file ends within its header")
    fixed = (
        (0, _VERSION + _STANZA),
        (_WRAPPED_AT - 1, b"\n"),
        (_END_AT, _END + b" "),
        (HEADER_LENGTH - 1, b"\n"),
    )
    if any(untrusted[at : at + len(part)] != part for at, part in fixed):
        raise MalformedError("not an age file with one mlkem768x25519 stanza")
    return (
        _decode(untrusted[_SHARE_AT : _WRAPPED_AT - 1], SHARE_LENGTH),
        _decode(untrusted[_WRAPPED_AT:_END_AT], WRAPPED_LENGTH),
    )


def _mac(file_key: bytes, covered: bytes) -> bytes:
    key = HKDF(SHA256(), 32, None, b"header").derive(file_key)
    return hmac.digest(key, covered, "sha256")


def _encode(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _decode(untrusted: bytes, length: int) -> bytes:
    try:
        data = base64.b64decode(untrusted + b"=" * (-len(untrusted) % 4), validate=True)
    except binascii.Error as error:
        raise MalformedError("the header holds no base64 where it should") from error
    # Encoding again refuses set bits that decoding ignores, and padding in the text itself.
    if len(data) != length or _encode(data) != untrusted:
        raise MalformedError("the header's base64 is not canonical or has another length")
    return data
