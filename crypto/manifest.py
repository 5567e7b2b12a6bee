"""The signed table of contents of a bundle (docs/formats.md §6)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from crypto import cbor
from crypto.card import LINE_ID_LENGTH
from crypto.errors import ForgedError, MalformedError
from crypto.line_notice import LARGEST_SIGNED as LARGEST_NOTICE
from crypto.onion_card import LARGEST_SIGNED, OnionAddress
from crypto.sealed_object import ID_LENGTH, Kind

MOST_OBJECTS: Final = 50_000
MOST_TOMBSTONES: Final = 50_000
MOST_CERTIFICATES: Final = 1_000
MOST_ONION_CARDS: Final = 8
LARGEST_OBJECT: Final = 1 << 40
NO_HASH: Final = bytes(32)


class Direction(StrEnum):
    """Which way a bundle goes."""

    COLLECT = "collect"
    DISPATCH = "dispatch"


class Erased(StrEnum):
    """What a tombstone stands for."""

    REPLY = "reply"
    MAILBOX = "mailbox"


@dataclass(frozen=True, slots=True)
class ChainPosition:
    """A bundle's number and the SHA-256 of its signed manifest. Number 0 is the beginning, before any bundle."""

    number: int
    sha256: bytes

    @classmethod
    def beginning(cls) -> "ChainPosition":
        return cls(0, NO_HASH)


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """One sealed object in a bundle: `size` in bytes and `sha256` are of its sealed form."""

    object_id: bytes
    kind: Kind
    size: int
    sha256: bytes
    mailbox_ref: bytes


@dataclass(frozen=True, slots=True)
class Tombstone:
    """Something that was erased; `ref` is the reply's object id or the mailbox_ref."""

    what: Erased
    ref: bytes


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds and where it stands in its chain. See docs/formats.md §6 for each field."""

    line: bytes
    direction: Direction
    number: int
    previous: bytes
    acknowledged: ChainPosition
    day: int
    epoch: int
    floor: int
    objects: tuple[ObjectEntry, ...] = ()
    tombstones: tuple[Tombstone, ...] = ()
    certificates: tuple[bytes, ...] = ()
    onion_to_sign: OnionAddress | None = None
    onion_cards: tuple[bytes, ...] = ()
    line_notice: bytes | None = None
    notice_kept: int | None = None

    def encode(self) -> bytes:
        fields: dict[str, Any] = {
            "v": 1,
            "line": self.line,
            "dir": str(self.direction),
            "no": self.number,
            "prev": self.previous,
            "ack": [self.acknowledged.number, self.acknowledged.sha256],
            "day": self.day,
            "epoch": self.epoch,
            "floor": self.floor,
            "objects": [[o.object_id, str(o.kind), o.size, o.sha256, o.mailbox_ref] for o in self.objects],
            "tombs": [[str(t.what), t.ref] for t in self.tombstones],
            "certs": list(self.certificates),
        }
        if self.onion_to_sign is not None:
            fields["onion"] = self.onion_to_sign.text
        if self.onion_cards:
            fields["cards"] = list(self.onion_cards)
        if self.line_notice is not None:
            fields["notice"] = self.line_notice
        if self.notice_kept is not None:
            fields["kept"] = self.notice_kept
        return cbor.encode(fields)

    @classmethod
    def decode(cls, verified: bytes, *, line: bytes, direction: Direction) -> "Manifest":
        """Read a manifest whose signature was verified. ForgedError when it is for another line or direction."""
        fields = cbor.Fields(cbor.decode(verified))
        fields.version(1)
        if fields.bytes("line", LINE_ID_LENGTH) != line:
            raise ForgedError("the bundle is for another line")
        if fields.text("dir", most_bytes=16) != direction:
            raise ForgedError("the bundle goes the other way")
        manifest = cls(
            line=line,
            direction=direction,
            number=fields.uint("no", least=1),
            previous=fields.bytes("prev", 32),
            acknowledged=_position(fields.array("ack", most=2)),
            day=fields.uint("day"),
            epoch=fields.uint("epoch"),
            floor=fields.uint("floor"),
            objects=tuple(_entry(item) for item in fields.array("objects", most=MOST_OBJECTS)),
            tombstones=tuple(_tombstone(item) for item in fields.array("tombs", most=MOST_TOMBSTONES)),
            certificates=tuple(_certificate(item) for item in fields.array("certs", most=MOST_CERTIFICATES)),
            onion_to_sign=_onion_to_sign(fields, direction),
            onion_cards=_onion_cards(fields, direction),
            line_notice=_line_notice(fields, direction),
            notice_kept=_notice_kept(fields, direction),
        )
        fields.done()
        if len({o.object_id for o in manifest.objects}) != len(manifest.objects):
            raise MalformedError("an object is listed twice")
        return manifest


def _position(item: Any) -> ChainPosition:
    match item:
        case [int(number), bytes(sha256)] if (
            0 <= number <= cbor.LARGEST_NUMBER and len(sha256) == 32 and bool(number) == (sha256 != NO_HASH)
        ):
            return ChainPosition(number, sha256)
    raise MalformedError("the acknowledgement is malformed")


def _entry(item: Any) -> ObjectEntry:
    match item:
        case [bytes(object_id), str(kind), int(size), bytes(sha256), bytes(mailbox_ref)] if (
            kind in _KINDS
            and len(object_id) == ID_LENGTH == len(mailbox_ref)
            and len(sha256) == 32
            and 0 < size <= LARGEST_OBJECT
        ):
            return ObjectEntry(object_id, Kind(kind), size, sha256, mailbox_ref)
    raise MalformedError("an object's entry is malformed")


def _tombstone(item: Any) -> Tombstone:
    match item:
        case [str(what), bytes(ref)] if what in _ERASED and len(ref) == ID_LENGTH:
            return Tombstone(Erased(what), ref)
    raise MalformedError("a tombstone is malformed")


def _certificate(item: Any) -> bytes:
    match item:
        case bytes(certificate) if len(certificate) <= 4_096:
            return certificate
    raise MalformedError("an epoch certificate is malformed")


def _onion_to_sign(fields: cbor.Fields, direction: Direction) -> OnionAddress | None:
    """Only the host asks. In a dispatch bundle the field is left over, which `done` refuses."""
    if direction is not Direction.COLLECT or not fields.has("onion"):
        return None
    return OnionAddress(fields.text("onion", most_bytes=56))


def _onion_cards(fields: cbor.Fields, direction: Direction) -> tuple[bytes, ...]:
    """Only the desk signs. None at all is an absent field, never an empty one."""
    if direction is not Direction.DISPATCH or not fields.has("cards"):
        return ()
    cards = fields.array("cards", most=MOST_ONION_CARDS)
    if not cards or not all(isinstance(card, bytes) and len(card) <= LARGEST_SIGNED for card in cards):
        raise MalformedError("an onion card is malformed")
    return tuple(cards)


def _line_notice(fields: cbor.Fields, direction: Direction) -> bytes | None:
    """Only the desk signs. Whether the line did so is for the host to verify."""
    if direction is not Direction.DISPATCH or not fields.has("notice"):
        return None
    return fields.bytes("notice", 1, LARGEST_NOTICE)


def _notice_kept(fields: cbor.Fields, direction: Direction) -> int | None:
    """Only the host keeps one. None kept is an absent field, never a 0."""
    if direction is not Direction.COLLECT or not fields.has("kept"):
        return None
    return fields.uint("kept", least=1)


_KINDS: Final = frozenset(map(str, Kind))
_ERASED: Final = frozenset(map(str, Erased))
