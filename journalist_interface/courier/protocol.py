"""What the courier's program and the intake host say to each other (docs/formats.md §8). Pure: bytes in, verified values out.

Every answer but a bundle's bytes is deterministic CBOR; what differs from its format is refused.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from crypto import cbor
from crypto.errors import MalformedError

VERSION: Final = 1
ROOT: Final = "/courier/v1"
KIND: Final = "application/cbor"
LARGEST_ANSWER: Final = 1 << 20  # bytes
MOST_BUNDLES: Final = 10_000
LARGEST_BUNDLE: Final = 1 << 40  # bytes


class Refusal(StrEnum):
    """Why something was not done."""

    BUSY = "busy"  # another courier or the operator is at work
    FULL = "full"  # the host's disk
    OFFSET = "offset"  # the upload goes on elsewhere
    DAMAGED = "damaged"  # what arrived is not what was announced
    REFUSED = "refused"  # the bundle is not taken in: forged, of another line, a fork
    GAP = "gap"  # bundles before it are missing; it is kept
    MISSING = "missing"  # no such bundle or address
    RANGE = "range"  # no such part of a bundle
    UNCLEAR = "unclear"  # not a request of this protocol
    FAULT = "fault"  # the host is broken


@dataclass(frozen=True)
class Offered:
    """A bundle that waits at the host."""

    number: int
    size: int
    sha256: bytes


@dataclass(frozen=True)
class Offer:
    """`made`: numbers of bundles made just now. `bundles`: all that the desk has not acknowledged."""

    made: tuple[int, ...]
    bundles: tuple[Offered, ...]

    def encode(self) -> bytes:
        bundles = [[one.number, one.size, one.sha256] for one in self.bundles]
        return cbor.encode({"v": VERSION, "made": list(self.made), "bundles": bundles})

    @classmethod
    def decode(cls, untrusted: bytes) -> "Offer":
        """MalformedError unless numbers ascend and everything is in its bounds."""
        fields = _fields(untrusted)
        made = fields.array("made", most=MOST_BUNDLES)
        bundles = tuple(_offered(item) for item in fields.array("bundles", most=MOST_BUNDLES))
        fields.done()
        numbers = [one.number for one in bundles]
        if numbers != sorted(set(numbers)) or any(number not in numbers for number in made):
            raise MalformedError("bundles that are out of order")
        return cls(tuple(made), bundles)


@dataclass(frozen=True)
class UploadState:
    """`have` bytes of the upload are at the host. `taken`: the number of the bundle that it was taken in as, or 0."""

    have: int
    taken: int = 0

    def encode(self) -> bytes:
        return cbor.encode({"v": VERSION, "have": self.have, "taken": self.taken})

    @classmethod
    def decode(cls, untrusted: bytes) -> "UploadState":
        fields = _fields(untrusted)
        state = cls(fields.uint("have"), fields.uint("taken"))
        fields.done()
        return state


@dataclass(frozen=True)
class Taken:
    """A dispatch bundle was taken in as this number, now or before."""

    number: int
    before: bool

    def encode(self) -> bytes:
        return cbor.encode({"v": VERSION, "number": self.number, "before": int(self.before)})

    @classmethod
    def decode(cls, untrusted: bytes) -> "Taken":
        fields = _fields(untrusted)
        taken = cls(fields.uint("number", least=1), bool(fields.uint("before")))
        fields.done()
        return taken


@dataclass(frozen=True)
class Refused:
    """Something was not done. `reason` is one sentence for people."""

    refusal: Refusal
    reason: str

    def encode(self) -> bytes:
        return cbor.encode({"v": VERSION, "refusal": str(self.refusal), "reason": self.reason})

    @classmethod
    def decode(cls, untrusted: bytes) -> "Refused":
        """What is not printable is left out of the reason: a host that was taken over writes to no terminal."""
        fields = _fields(untrusted)
        name = fields.text("refusal", most_bytes=20)
        reason = fields.text("reason", most_bytes=1_000)
        fields.done()
        if name not in tuple(Refusal):
            raise MalformedError("an unknown refusal")
        return cls(Refusal(name), "".join(letter for letter in reason if letter.isprintable()))


def _fields(untrusted: bytes) -> cbor.Fields:
    if len(untrusted) > LARGEST_ANSWER:
        raise MalformedError("an answer that is too long")
    fields = cbor.Fields(cbor.decode(untrusted))
    fields.version(VERSION)
    return fields


def _offered(untrusted: object) -> Offered:
    match untrusted:
        case [int(number), int(size), bytes(sha256)]:
            if 0 < number <= cbor.LARGEST_NUMBER and 0 < size <= LARGEST_BUNDLE and len(sha256) == 32:
                return Offered(number, size, sha256)
    raise MalformedError("not a bundle")
