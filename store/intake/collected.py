"""The last day before which all that sources had sent has come to the desk.

Sources are shown that day. It must not tell whether anything had come: who watched a suspect's network would learn that
it was they who wrote. So a collection counts also when nothing waited, and none counts before the desk has made a bundle on
a later day: then a day with a submission and one without look the same, as long as the desk exports each time.
"""

from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from store.intake.marks import mark, raise_mark
from store.intake.tables import Collection, OutBundle

_AT_DESK: Final = "collected_to_desk"


def note_collection(session: Session, day: int) -> None:
    """All that came before this day is in bundles now. The day's first time counts: a later bundle holds what came since."""
    session.execute(delete(Collection).where(Collection.day > day))  # by a clock that was ahead
    if session.get(Collection, day) is None:
        newest = session.scalar(select(func.max(OutBundle.number))) or 0
        session.add(Collection(day=day, bundle=newest))


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
