"""Onion cards: the line's word for the onion address at which its intake host answers (docs/formats.md §5.1).

An onion address is checked as rend-spec-v3 [ONIONADDRESS] says: 56 base32 characters for a public key, a checksum and a
version. What a person typed is brought into that form before; a format holds nothing but that form.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final

from nacl.bindings import crypto_core_ed25519_is_valid_point

from crypto import cbor, pem
from crypto.card import fields_signed_by, line_id
from crypto.errors import MalformedError
from crypto.signed import SigningKey, VerifyKey, sign

ADDRESS_LENGTH: Final = 56
LARGEST_SIGNED: Final = 512
_LABEL: Final = "onion-card"
_KIND: Final = "ONION"
_VERSION: Final = 3
_TYPED: Final = re.compile(r"(?:https?://)?([^/]*?)(?:\.onion)?/?")


@dataclass(frozen=True)
class OnionAddress:
    """A v3 onion address, 56 lower-case characters without `.onion`. MalformedError for anything else."""

    text: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z2-7]{56}", self.text):
            raise MalformedError("an onion address has 56 characters: small letters a to z and digits 2 to 7")
        decoded = base64.b32decode(self.text.upper())
        key, checksum, version = decoded[:32], decoded[32:34], decoded[34]
        if version != _VERSION:
            raise MalformedError("the onion address is of another version than 3")
        if hashlib.sha3_256(b".onion checksum" + key + bytes([version])).digest()[:2] != checksum:
            raise MalformedError("the onion address has a wrong checksum: a character is wrong, or two are swapped")
        # Tor refuses keys outside the prime-order group; one of them would have several addresses.
        if not crypto_core_ed25519_is_valid_point(key):
            raise MalformedError("the onion address holds no key that tor accepts")

    @classmethod
    def from_typed(cls, untrusted_text: str) -> "OnionAddress":
        """As a person types it or reads it from a card: groups, capitals, `http://` and `.onion` are forgiven."""
        text = re.sub(r"\s+", "", untrusted_text).lower()
        match = _TYPED.fullmatch(text) if len(text) <= 128 else None
        if match is None:
            raise MalformedError("an onion address has 56 characters, perhaps followed by .onion")
        return cls(match[1])

    @property
    def groups(self) -> tuple[str, ...]:
        """Seven groups of eight characters, to compare by eye and to type."""
        return tuple(self.text[at : at + 8] for at in range(0, ADDRESS_LENGTH, 8))

    @property
    def url(self) -> str:
        return f"http://{self.text}.onion/"


@dataclass(frozen=True)
class OnionCard:
    """A verified card. It was made on `day` and holds to the end of the day `until`, or until another one replaces it."""

    line: bytes
    address: OnionAddress
    day: int
    until: int | None
    signed: bytes

    @property
    def text(self) -> str:
        return pem.to_text(_KIND, self.signed)

    def holds(self, today: int) -> bool:
        return self.until is None or today <= self.until


def make(key: SigningKey, address: OnionAddress, day: int, until: int | None = None) -> OnionCard:
    """Sign with the line key. ValueError when it would end before it begins."""
    if until is not None and until < day:
        raise ValueError("a card cannot end before the day on which it is made")
    fields: dict[str, Any] = {"v": 1, "line": line_id(key.public), "onion": address.text, "day": day}
    if until is not None:
        fields["until"] = until
    signed = sign(key, _LABEL, cbor.encode(fields))
    return OnionCard(line_id(key.public), address, day, until, signed)


def verify_signed(key: VerifyKey, untrusted_signed: bytes) -> OnionCard:
    """A card signed by this line key. ForgedError when another signed it, or for another line; MalformedError."""
    fields = fields_signed_by(key, _LABEL, untrusted_signed, most_bytes=LARGEST_SIGNED, what="onion card")
    address = OnionAddress(fields.text("onion", most_bytes=ADDRESS_LENGTH))
    day = fields.uint("day")
    until = fields.uint("until", least=day) if fields.has("until") else None
    fields.done()
    return OnionCard(line_id(key), address, day, until, untrusted_signed)


def verify_text(key: VerifyKey, untrusted_text: str) -> OnionCard:
    """As verify_signed, from strict PEM."""
    return verify_signed(key, pem.from_text(_KIND, untrusted_text))


def find_text(untrusted_text: str) -> str:
    """The one signed block of a text that has other words around it. MalformedError unless there is exactly one."""
    begin, end = pem.borders(_KIND)
    text = untrusted_text.replace("\r\n", "\n")
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise MalformedError("the text must hold exactly one onion card")
    return text[text.index(begin) : text.index(end) + len(end)]
