"""What waits is kept from the couriers' onion until the UTC day on which it came is over.

Somebody else may hold a courier's key and ask without end. Whenever they ask, an answer tells at most on which day something
came: what came today is in no answer before tomorrow. A clock that is set back changes nothing about that: what comes in after
an answer counts as of that answer's day at the earliest.
"""

from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.intake.marks import lower_mark, mark, raise_mark
from store.intake.tables import Grave, SubmittedObject

_ANSWERED: Final = "courier_answered_day"
_KEPT_BACK: Final = "kept_from_couriers_until"


def day_of_coming(session: Session, today: int) -> int:
    """The day to write down for what comes in now, in the transaction that makes it known."""
    return max(today, mark(session, _ANSWERED))


def note_answer(session: Session, today: int) -> None:
    """A courier is answered today. In the transaction that chooses what leaves, or one before."""
    raise_mark(session, _KEPT_BACK, kept_until(session, today) or 0)
    raise_mark(session, _ANSWERED, today)


def forget_later_answers(session: Session, today: int) -> None:
    """For the operator, who has seen to it that nothing waits: an answer of a later day was by a clock that was wrong."""
    lower_mark(session, _ANSWERED, today)
    lower_mark(session, _KEPT_BACK, today)


def keeps_something_back(session: Session, today: int) -> bool:
    """Whether couriers may not have all that came before today, because a clock was ahead when it came.

    Also on the day that the clock had shown: what came before bears that day, and looks as if it came today.
    """
    return kept_until(session, today) is not None or today < mark(session, _KEPT_BACK)


def kept_until(session: Session, today: int) -> int | None:
    """When a clock was ahead, and it is later than tomorrow: the day from which couriers get all that waits or comes in now."""
    waiting = (
        session.scalar(select(func.max(table.came)).where(table.bundle.is_(None))) or 0
        for table in (SubmittedObject, Grave)
    )
    latest = max(day_of_coming(session, today), *waiting)
    return latest + 1 if latest > today else None
