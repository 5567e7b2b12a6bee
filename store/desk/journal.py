"""The journal: what happened at this desk that a handler should know of, by day. Alarms stay open until seen to."""

from sqlalchemy import Connection, insert, select, update

from store.clock import Clock, today
from store.desk.database import Database
from store.desk.model import JournalNote, Severity
from store.desk.tables import JournalRow


def write_note(connection: Connection, day: int, severity: Severity, text: str, source_id: int | None = None) -> None:
    """Add a note within the caller's transaction: it is kept if and only if what it tells of is."""
    connection.execute(
        insert(JournalRow).values(
            day=day, severity=str(severity), text=text, source_id=source_id, open=severity is Severity.ALARM
        )
    )


class Journal:
    """Read notes, and see to alarms."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def notes(self, most: int = 1_000) -> list[JournalNote]:
        """The newest notes, newest first."""
        return self._select(most, only_open=False)

    def alarms(self) -> list[JournalNote]:
        """Alarms that nobody has seen to, newest first, at most 1,000."""
        return self._select(1_000, only_open=True)

    def see_to(self, note_id: int) -> None:
        """A handler has dealt with this alarm. Unknown numbers are ignored: two handlers may press at once."""
        with self._database.writing() as connection:
            connection.execute(update(JournalRow).where(JournalRow.id == note_id).values(open=False))

    def add(self, severity: Severity, text: str, source_id: int | None = None) -> None:
        with self._database.writing() as connection:
            write_note(connection, today(self._clock), severity, text, source_id)

    def _select(self, most: int, *, only_open: bool) -> list[JournalNote]:
        query = select(
            JournalRow.id, JournalRow.day, JournalRow.severity, JournalRow.text, JournalRow.source_id, JournalRow.open
        )
        if only_open:
            query = query.where(JournalRow.open)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(JournalRow.id.desc()).limit(most)).all()
        return [JournalNote(row[0], row[1], Severity(row[2]), row[3], row[4], row[5]) for row in rows]
