"""Marks: numbers by name that outlive a restart."""

from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from store.intake.database import add_if_absent
from store.intake.tables import Mark

_MARKS = Mark.__table__.c
_VALUE: Final = select(_MARKS.value).where(_MARKS.name == bindparam("name"))


def mark(session: Session, name: str) -> int:
    """0 when it was never set."""
    return session.scalar(_VALUE, {"name": name}) or 0


def raise_mark(session: Session, name: str, value: int) -> None:
    """Set it, unless it is higher already."""
    add_if_absent(session, Mark, name=name, value=value)
    session.execute(update(Mark).where(Mark.name == name, Mark.value < value).values(value=value))


def lower_mark(session: Session, name: str, value: int) -> None:
    """Set it, unless it is lower already, or was never set."""
    session.execute(update(Mark).where(Mark.name == name, Mark.value > value).values(value=value))
