"""Whether pages say that there is room, fixed for the UTC day.

Anybody may fill the host until one message more would close it, and then look at a page all day: a page that closed at once
would tell them the minute at which somebody wrote. So the day's first look decides, by what came before that day, and it is
written down: what sources send or erase later on, or a restart, changes nothing before tomorrow.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from store.intake.database import Database, add_if_absent
from store.intake.marks import mark
from store.intake.tables import Mark

_SHOWN: Final = "room_shown"  # twice the day, and one more when there was room


def shown_room(database: Database, today: int, had_room: Callable[[Session], bool]) -> bool:
    """What was decided today; `had_room` decides when nothing was yet."""
    with database.reading() as session:
        decided = mark(session, _SHOWN)
    if decided // 2 == today:
        return bool(decided % 2)
    with database.writing() as session:
        add_if_absent(session, Mark, name=_SHOWN, value=0)
        row = session.scalars(select(Mark).filter_by(name=_SHOWN).with_for_update()).one()
        if row.value // 2 != today:
            row.value = 2 * today + had_room(session)
        return bool(row.value % 2)


def decide_anew(session: Session) -> None:
    """In the transaction in which a delivery makes room: the next look decides, still by what came before that day."""
    session.execute(update(Mark).filter_by(name=_SHOWN).values(value=0))
