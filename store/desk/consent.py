"""Which answer to a request counts (docs/formats.md §3.3). Pure rules: days, bundles and what was said in, standing out.

Nothing orders what a source said on one day, and a host can hold things back and bring old ones late. So whatever is in doubt
counts against consent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from crypto.request import Request, Response, Say


class Standing(StrEnum):
    """How a request stands today."""

    WAITING = "waiting"  # for an answer that counts
    YES = "yes"
    NO = "no"
    WITHDRAWN = "withdrawn"  # a no after a yes
    ASKED_BACK = "asked back"
    CHOSEN = "chosen"
    UNCLEAR = "unclear"  # two choices of one day
    ENDED = "ended"  # its last day has passed
    TAKEN_BACK = "taken back"  # by the desk


@dataclass(frozen=True)
class Said:
    """One response: on which day, in which collect bundle (its number), and whether it fits its request."""

    day: int
    batch: int
    say: Say
    choice: int | None
    fits: bool


def fits(request: Request, response: Response, *, other_key: bool) -> bool:
    """Whether a response answers this very request, all that it says included. `other_key`: not the pinned key's."""
    same = response.asked == request.digest
    return same and request.takes(response.say, response.choice) and not other_key


def consent(said: Sequence[Said], *, until: int, today: int, taken_back: bool) -> Standing:
    """How a consent request stands. The text may go out if and only if this is YES."""
    if taken_back:
        return Standing.TAKEN_BACK
    if today > until:
        return Standing.ENDED
    agreed = [one for one in said if one.fits and one.say is Say.YES]
    # A no needs not fit: a withdrawal must not be lost in a technicality.
    against = [one for one in said if one.say is Say.NO or (one.fits and one.say is Say.ASK)]
    if any(all(_newer(yes, other) for other in against) for yes in agreed):
        return Standing.YES
    if not against:
        return Standing.WAITING
    if _newest(against, Say.NO) < _newest(against, Say.ASK):
        return Standing.ASKED_BACK
    return Standing.WITHDRAWN if agreed else Standing.NO


def chosen(said: Iterable[Said]) -> tuple[int, ...]:
    """The choices that count, in their order: those of the newest day. More than one is unclear."""
    choices = [one for one in said if one.fits and one.choice is not None]
    newest = max((one.day for one in choices), default=0)
    return tuple(sorted({one.choice for one in choices if one.day == newest and one.choice is not None}))


def question(said: Iterable[Said], *, taken_back: bool) -> Standing:
    """How a question stands."""
    if taken_back:
        return Standing.TAKEN_BACK
    return (Standing.WAITING, Standing.CHOSEN, Standing.UNCLEAR)[min(len(chosen(said)), 2)]


def _newer(yes: Said, other: Said) -> bool:
    return other.day < yes.day and other.batch <= yes.batch


def _newest(said: Iterable[Said], say: Say) -> tuple[int, int]:
    return max(((one.batch, one.day) for one in said if one.say is say), default=(-1, -1))
