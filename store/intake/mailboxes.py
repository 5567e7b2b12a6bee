"""Mailboxes: from what a codename yields to the random reference that leaves the host."""

import secrets
from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from crypto.sealed_object import ID_LENGTH
from store.intake.database import Database, add_if_absent
from store.intake.tables import Grave, Mailbox

_GRAVE_DAYS: Final = 2  # a submission that began before the erasing has ended by then
_MAILBOXES = Mailbox.__table__.c
_REF: Final = select(_MAILBOXES.ref).where(_MAILBOXES.lookup == bindparam("lookup"))


class Mailboxes:
    """A mailbox appears with its first submission and never by looking for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, lookup: bytes) -> bytes | None:
        """The mailbox_ref (16 bytes), or None."""
        with self._database.reading() as session:
            return find_mailbox(session, lookup)

    def unburied(self, new_ref: bytes) -> bytes:
        """`new_ref`, or another one drawn now when a mailbox that was erased had it: to the desk that one stays closed."""
        with self._database.reading() as session:
            return secrets.token_bytes(ID_LENGTH) if _is_buried(session, new_ref) else new_ref


def keep_or_make_mailbox(session: Session, lookup: bytes, ref: bytes, *, known: bool) -> bool:
    """Whether this is the mailbox, and stays it until the transaction ends. It is made unless it was `known` before.

    False when it was erased, or there is another one.
    """
    found = _hold_mailbox(session, lookup)
    # After the look-up, which waits for an erasing at this moment: its grave is then seen.
    if found is None and not known and not _is_buried(session, ref):
        add_if_absent(session, Mailbox, ref=ref, lookup=lookup)
        found = _hold_mailbox(session, lookup)
    return found == ref


def forget_old_graves(session: Session, today: int) -> None:
    """Of mailboxes that no upload can bring back any more."""
    session.execute(delete(Grave).where(Grave.day <= today - _GRAVE_DAYS))


def _hold_mailbox(session: Session, lookup: bytes) -> bytes | None:
    return session.scalar(select(Mailbox.ref).filter_by(lookup=lookup).with_for_update(read=True))


def _is_buried(session: Session, ref: bytes) -> bool:
    return session.scalar(select(Grave.ref).filter_by(ref=ref)) is not None


def find_mailbox(session: Session, lookup: bytes) -> bytes | None:
    found: bytes | None = session.scalar(_REF, {"lookup": lookup})
    return found
