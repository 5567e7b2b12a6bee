"""Mailboxes: from what a codename yields to the random reference that leaves the host."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.intake.database import Database
from store.intake.tables import Mailbox


class Mailboxes:
    """A mailbox appears with its first submission and never by looking for it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, lookup: bytes) -> bytes | None:
        """The mailbox_ref (16 bytes), or None."""
        with self._database.reading() as session:
            return find_mailbox(session, lookup)


def find_mailbox(session: Session, lookup: bytes) -> bytes | None:
    return session.scalar(select(Mailbox.ref).filter_by(lookup=lookup))
