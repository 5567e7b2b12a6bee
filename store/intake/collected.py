"""The last day before which all that sources had sent has come to the desk.

Sources are shown that day. It must not tell whether anything had come: who watched a suspect's network would learn that
it was they who wrote. So the first collection of each day makes a bundle, be it an empty one, and the day is known by its
number: whether the desk has that bundle depends on who carried what and when, on nothing that a source did. And no day counts
before the desk has made a bundle on a later one.
"""

from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from store.intake.marks import mark, raise_mark
from store.intake.tables import Collection

_AT_DESK: Final = "collected_to_desk"


def forget_later_collections(session: Session, today: int) -> None:
    """They were noted by a clock that was ahead: what comes in before those days is in none of their bundles."""
    session.execute(delete(Collection).where(Collection.day > today))


def is_noted(session: Session, day: int) -> bool:
    """Whether a collection of this day, or of a later one that the desk has, is known."""
    return session.get(Collection, day) is not None or mark(session, _AT_DESK) >= day


def note_collection(session: Session, day: int, bundle: int) -> None:
    """The day's first collection made this bundle, and all that came before the day is in bundles up to it."""
    session.add(Collection(day=day, bundle=bundle))


def confirm_collections(session: Session, *, acknowledged: int, desk_day: int) -> None:
    """The desk made a bundle on `desk_day`, when it had every collect bundle up to the number `acknowledged`."""
    query = select(func.max(Collection.day)).where(Collection.bundle <= acknowledged, Collection.day < desk_day)
    day = session.scalar(query)
    if day is not None:
        raise_mark(session, _AT_DESK, day)
        session.execute(delete(Collection).where(Collection.day <= day))


def collected_day(session: Session, today: int) -> int | None:
    """That day; None when there was none yet, or it lies ahead because the clock was wrong then or is now."""
    day = mark(session, _AT_DESK)
    return day if 0 < day <= today else None
