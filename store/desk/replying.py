"""Replies: written at the desk, sealed at the next export to the key that was pinned for the source."""

import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select, update

from crypto.manifest import Erased
from crypto.sealed_object import ID_LENGTH
from store.clock import Clock, today
from store.desk.database import Database
from store.desk.errors import CannotReplyError, GoneError
from store.desk.model import ReplyState
from store.desk.request_record import write_taken_back
from store.desk.tables import CollectRow, EntryRow, ReplyRow, SourceRow, TextRow, TombstoneRow

LONGEST_REPLY: Final = 100_000  # characters


@dataclass(frozen=True)
class Queued:
    """What waits for the next export: its entry's number, and its object_id."""

    entry_id: int
    object_id: bytes


class Replies:
    """Queue replies and take them back."""

    def __init__(self, database: Database, clock: Clock, handler: str) -> None:
        self._database = database
        self._clock = clock
        self._handler = handler

    def reply(self, source_id: int, text: str) -> int:
        """Queue a reply for the next export; returns its entry's number. CannotReplyError, GoneError."""
        text = text.replace("\r\n", "\n").strip()
        if not text or len(text) > LONGEST_REPLY:
            raise CannotReplyError(f"a reply has 1 to {LONGEST_REPLY:,} characters")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise CannotReplyError("the text holds characters that cannot be written") from error
        with self._database.writing() as connection:
            queued = queue(connection, source_id, today(self._clock))
            connection.execute(insert(TextRow).values(entry_id=queued.entry_id, text=text))
        return queued.entry_id

    def withdraw(self, entry_id: int) -> None:
        """Take a reply back. A queued one is deleted; for any other the intake host is told to erase it.

        The source may have read it by then; nobody can know.
        """
        with self._database.writing() as connection:
            row = connection.execute(
                select(ReplyRow.state, ReplyRow.withdrawn, EntryRow.object_id)
                .join(EntryRow, EntryRow.id == ReplyRow.entry_id)
                .where(ReplyRow.entry_id == entry_id)
            ).one_or_none()
            if row is None:
                raise GoneError("there is no such reply at this desk")
            if not row.withdrawn:
                write_taken_back(connection, entry_id, today(self._clock), self._handler)
            if row.state in (ReplyState.QUEUED, ReplyState.CANCELLED):
                connection.execute(delete(EntryRow).where(EntryRow.id == entry_id))
                return
            marked = update(ReplyRow).where(ReplyRow.entry_id == entry_id, ~ReplyRow.withdrawn)
            if connection.execute(marked.values(withdrawn=True)).rowcount:
                connection.execute(insert(TombstoneRow).values(what=str(Erased.REPLY), ref=row.object_id, bundle=None))

    def queued(self) -> int:
        """How many replies wait for the next export."""
        with self._database.reading() as connection:
            query = select(func.count()).select_from(ReplyRow).where(ReplyRow.state == str(ReplyState.QUEUED))
            return connection.scalar(query) or 0


def queue(connection: Connection, source_id: int, day: int) -> Queued:
    """Make a reply whose words the caller writes in the same transaction. CannotReplyError, GoneError."""
    _check_reachable(connection, source_id)
    object_id = secrets.token_bytes(ID_LENGTH)
    added = insert(EntryRow).values(
        source_id=source_id,
        kind="reply",
        batch=connection.scalar(select(func.max(CollectRow.number))) or 0,
        day=day,
        unread=False,
        other_key=False,
        object_id=object_id,
    )
    entry_id = connection.execute(added.returning(EntryRow.id)).scalar_one()
    connection.execute(
        insert(ReplyRow).values(entry_id=entry_id, state=str(ReplyState.QUEUED), bundle=None, withdrawn=False)
    )
    return Queued(entry_id, object_id)


def _check_reachable(connection: Connection, source_id: int) -> None:
    row = connection.execute(
        select(SourceRow.closed_day, SourceRow.reply_key.is_not(None)).where(SourceRow.id == source_id)
    ).one_or_none()
    if row is None:
        raise GoneError("there is no such source at this desk")
    if row[0] is not None:
        raise CannotReplyError("the source erased the mailbox: no reply can reach it")
    if not row[1]:
        raise CannotReplyError("nothing readable has come from this source yet, so no key is known to reply to")
