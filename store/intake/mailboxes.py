"""Mailboxes: from what a codename yields to the random reference that leaves the host."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.intake.database import Database, add_if_absent
from store.intake.tables import Mailbox


class Mailboxes:
    """A mailbox appears with its first submission and never by looking for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, lookup: bytes) -> bytes | None:
        """The mailbox_ref (16 bytes), or None."""
        with self._database.reading() as session:
            return find_mailbox(session, lookup)


def find_or_make_mailbox(session: Session, lookup: bytes, new_ref: bytes) -> bytes | None:
    """The mailbox_ref: `new_ref`, unless there is a mailbox already or another process makes it at this moment."""
    ref = find_mailbox(session, lookup)
    if ref is None:
        add_if_absent(session, Mailbox, ref=new_ref, lookup=lookup)
        ref = find_mailbox(session, lookup)
    return ref


def find_mailbox(session: Session, lookup: bytes) -> bytes | None:
    return session.scalar(select(Mailbox.ref).filter_by(lookup=lookup))
