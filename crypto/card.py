"""Cards introduce one place to the other, carried by hand and compared by fingerprint (docs/formats.md §5)."""

import hashlib
from dataclasses import dataclass
from typing import Final

from crypto import cbor, pem, wordlists
from crypto.errors import ForgedError, MalformedError
from crypto.signed import SIGNATURE_LENGTH, SigningKey, VerifyKey, sign, verify
from crypto.wordlists import EFF_LARGE
from crypto.xwing import RECIPIENT_LENGTH, Recipient

LINE_ID_LENGTH: Final = 16
LONGEST_LINE_NAME: Final = 100  # characters
_FINGERPRINT_WORDS: Final = 8
_LINE: Final = "LINE"
_HOST: Final = "HOST"


def line_id(key: VerifyKey) -> bytes:
    """The 16 bytes that name a line: bound to its public key."""
    return hashlib.sha256(b"luwte/v1/line-id" + key.raw).digest()[:LINE_ID_LENGTH]


def fields_signed_by(key: VerifyKey, label: str, untrusted_signed: bytes, *, most_bytes: int, what: str) -> cbor.Fields:
    """The fields of what this line key signed of its own line, after `v` (1) and `line`. MalformedError, ForgedError."""
    if len(untrusted_signed) > most_bytes:
        raise MalformedError(f"the {what} is too long")
    fields = cbor.Fields(cbor.decode(verify(key, label, untrusted_signed)))
    fields.version(1)
    if fields.bytes("line", LINE_ID_LENGTH) != line_id(key):
        raise ForgedError(f"the {what} is of another line")
    return fields


@dataclass(frozen=True)
class LineCard:
    """What the intake host must know of its line. `signed` is the verified encoding."""

    name: str
    verify_key: VerifyKey
    bundle_recipient: Recipient
    signed: bytes

    @property
    def line(self) -> bytes:
        return line_id(self.verify_key)

    @property
    def text(self) -> str:
        return pem.to_text(_LINE, self.signed)

    @property
    def fingerprint(self) -> tuple[str, ...]:
        return fingerprint(self.signed)


@dataclass(frozen=True)
class HostCard:
    """What the desk must know of its intake host. `signed` is the verified encoding."""

    line: bytes
    verify_key: VerifyKey
    bundle_recipient: Recipient
    signed: bytes

    @property
    def text(self) -> str:
        return pem.to_text(_HOST, self.signed)

    @property
    def fingerprint(self) -> tuple[str, ...]:
        return fingerprint(self.signed)


def make_line_card(name: str, key: SigningKey, bundle_recipient: Recipient) -> LineCard:
    """ValueError unless the name has 1 to 100 printable characters."""
    if not _is_line_name(name):
        raise ValueError(f"the line's name has 1 to {LONGEST_LINE_NAME} printable characters")
    body = cbor.encode({"v": 1, "name": name, "sign": key.public.raw, "bundle": bundle_recipient.raw})
    return LineCard(name, key.public, bundle_recipient, sign(key, "line-card", body))


def make_host_card(line: bytes, key: SigningKey, bundle_recipient: Recipient) -> HostCard:
    body = cbor.encode({"v": 1, "line": line, "sign": key.public.raw, "bundle": bundle_recipient.raw})
    return HostCard(line, key.public, bundle_recipient, sign(key, "host-card", body))


def parse_line_card(untrusted_text: str) -> LineCard:
    """A card whose maker held all of its keys; who that was, only the fingerprint tells. Raises a CryptoError."""
    fields, key, signed = _read(pem.from_text(_LINE, untrusted_text), "line-card")
    name = fields.text("name", most_bytes=4 * LONGEST_LINE_NAME)
    if not _is_line_name(name):
        raise MalformedError("the line's name is empty, too long or not printable")
    card = LineCard(name, key, Recipient(fields.bytes("bundle", RECIPIENT_LENGTH)), signed)
    fields.done()
    return card


def parse_host_card(untrusted_text: str) -> HostCard:
    """As parse_line_card."""
    fields, key, signed = _read(pem.from_text(_HOST, untrusted_text), "host-card")
    card = HostCard(
        fields.bytes("line", LINE_ID_LENGTH), key, Recipient(fields.bytes("bundle", RECIPIENT_LENGTH)), signed
    )
    fields.done()
    return card


def fingerprint(signed: bytes) -> tuple[str, ...]:
    """Eight words (103 bits) that two people compare over a way that the courier does not control."""
    number = int.from_bytes(hashlib.sha256(b"luwte/v1/fingerprint\0" + signed).digest(), "big")
    words = wordlists.load(EFF_LARGE).words
    digits = []
    for _ in range(_FINGERPRINT_WORDS):
        number, digit = divmod(number, len(words))
        digits.append(words[digit])
    return tuple(reversed(digits))


def _read(untrusted_signed: bytes, label: str) -> tuple[cbor.Fields, VerifyKey, bytes]:
    """Verified fields, the key, and the signed bytes. A card names the key that signs it: it is read before it is verified."""
    untrusted = cbor.Fields(cbor.decode(untrusted_signed[:-SIGNATURE_LENGTH]))
    key = VerifyKey(untrusted.bytes("sign", 32))
    fields = cbor.Fields(cbor.decode(verify(key, label, untrusted_signed)))
    fields.version(1)
    fields.bytes("sign", 32)
    return fields, key, untrusted_signed


def _is_line_name(name: str) -> bool:
    return 1 <= len(name) <= LONGEST_LINE_NAME and name.isprintable() and name == name.strip()
