"""The rules by which a receiver places a bundle in its chain (docs/formats.md §6). Pure: no clock, no storage."""

import re
from collections.abc import Callable
from enum import Enum

from crypto.errors import CryptoError
from crypto.manifest import ChainPosition, Manifest


class ChainError(CryptoError):
    """A genuine bundle that must not be taken in as things stand."""


class ForkError(ChainError):
    """Two different bundles claim one number: the other place was rolled back, cloned or taken over. An alarm."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ALARM: bundle {number} contradicts what was taken in or made before (a fork)")
        self.number = number


class GapError(ChainError):
    """Bundles between `expected` and `found` have not arrived."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"bundle {expected} is expected, this is bundle {found}: bring the missing one first")
        self.expected = expected
        self.found = found

    @property
    def missing(self) -> range:
        """The numbers that have not arrived."""
        return range(self.expected, self.found)


class SkippedError(ChainError):
    """A bundle that comes after its gap was accepted. Nobody is at fault; what it holds is not taken in any more."""

    def __init__(self, number: int) -> None:
        super().__init__(f"bundle {number} was skipped over when a gap was accepted: it cannot be taken in any more")
        self.number = number


def read_gap(untrusted_text: str) -> range:
    """`4` or `4-6` as numbers of bundles. ValueError when it is something else."""
    match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", untrusted_text)
    if match is None:
        raise ValueError("the number of the missing bundle, or the first and the last: 4 or 4-6")
    return range(int(match[1]), int(match[2] or match[1]) + 1)


class Placement(Enum):
    """Where a bundle stands."""

    NEXT = "the next one"
    PAST = "one that was taken in before, if it is the same"


def place(tip: ChainPosition, manifest: Manifest, *, accept_gap: range | None = None) -> Placement:
    """Place a verified manifest after `tip`. Raises ForkError or GapError.

    PAST obliges the caller to compare the bundle with the one it has for that number (`same_as_before`).
    `accept_gap` are the missing numbers that somebody has given up for lost: a bundle that comes exactly so much too early
    is taken. The caller must log it. Bound to the numbers, consent given for one bundle opens no way for another.
    """
    if manifest.number <= tip.number:
        return Placement.PAST
    if manifest.number > tip.number + 1:
        gap = GapError(tip.number + 1, manifest.number)
        if gap.missing == accept_gap:
            return Placement.NEXT
        raise gap
    if manifest.previous != tip.sha256:
        raise ForkError(tip.number)
    return Placement.NEXT


def same_as_before(position: ChainPosition, before: bytes | None) -> None:
    """Raise ForkError unless the bundle at `position` is the one taken in before, whose hash is given.

    SkippedError when `before` is None: the number was skipped over when a gap was accepted.
    """
    if before is None:
        raise SkippedError(position.number)
    if position.sha256 != before:
        raise ForkError(position.number)


def check_acknowledgement(acknowledged: ChainPosition, made: Callable[[int], bytes | None]) -> None:
    """Raise ForkError unless the other side acknowledges a bundle that this side made. `made` gives its hash."""
    if acknowledged.number and made(acknowledged.number) != acknowledged.sha256:
        raise ForkError(acknowledged.number)
