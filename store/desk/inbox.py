"""The inbox: sources in the order in which they need attention, and what each has sent and been told."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, case, delete, exists, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from crypto.answers import Answer, Answers
from store.desk.database import Database
from store.desk.errors import GoneError
from store.desk.file_names import defuse, extension
from store.desk.file_types import contradicts
from store.desk.model import Entry, EntryKind, FileInfo, Heeded, Outlined, ReplyInfo, ReplyState, SourceSummary
from store.desk.saving import save_content
from store.desk.stored import StoredFiles, StoredKey
from store.desk.tables import AnswersRow, DamageRow, EntryRow, FileRow, JournalRow, ReplyRow, SourceRow, TextRow

_AT_ONCE: Final = 500  # entries asked for by number in one query
_MOST_HEEDED: Final = (
    200  # messages that are looked through for what must not be missed: who floods hides nobody else's
)


class Inbox:
    """What handlers read, mark, save and delete. Numbers of sources and entries are never used twice."""

    def __init__(self, database: Database, stored: StoredFiles) -> None:
        self._database = database
        self._stored = stored

    def sources(self) -> list[SourceSummary]:
        """All sources: open alarms first, then unread, then unanswered, then the rest; newest first in each."""
        with self._database.reading() as connection:
            summaries = [_summary(row) for row in connection.execute(_summaries())]
        return sorted(summaries, key=_urgency)

    def source(self, source_id: int) -> SourceSummary:
        """One source, or GoneError."""
        with self._database.reading() as connection:
            row = connection.execute(_summaries().where(SourceRow.id == source_id)).one_or_none()
        if row is None:
            raise GoneError("there is no such source at this desk")
        return _summary(row)

    def outline(self, source_id: int) -> list[Outlined]:
        """All entries of one source without their content, oldest first; what was sent together stands together.

        Empty for an unknown source.
        """
        with self._database.reading() as connection:
            rows = connection.execute(_outline(source_id)).all()
        return [Outlined(row.id, EntryKind(row.kind), row.unread, row.octets) for row in rows]

    def entries(self, entry_ids: Sequence[int]) -> list[Entry]:
        """These entries, in this order; without those that are gone."""
        found: dict[int, Entry] = {}
        with self._database.reading() as connection:
            for start in range(0, len(entry_ids), _AT_ONCE):
                some = _entries().where(EntryRow.id.in_(entry_ids[start : start + _AT_ONCE]))
                found |= {row.id: _entry(row) for row in connection.execute(some)}
        return [found[entry_id] for entry_id in entry_ids if entry_id in found]

    def heeded(self, source_id: int, most: int) -> list[Heeded]:
        """What handlers must not miss of all that this source has answered: the newest first, nothing twice."""
        query = (
            select(AnswersRow.entry_id, EntryRow.day, AnswersRow.encoded)
            .join(EntryRow, EntryRow.id == AnswersRow.entry_id)
            .where(EntryRow.source_id == source_id, AnswersRow.heeded)
            .order_by(EntryRow.batch.desc(), EntryRow.day.desc(), EntryRow.id.desc())
        )
        found: dict[Answer, Heeded] = {}
        with self._database.reading() as connection:
            for entry_id, day, encoded in connection.execute(query.limit(_MOST_HEEDED)):
                for answer in Answers.decode(encoded).answers:
                    if answer.heeded and len(found) < most:
                        found.setdefault(answer, Heeded(entry_id, day, answer))
        return list(found.values())

    def conversation(self, source_id: int) -> list[Entry]:
        """Everything of one source at once, texts included: not for pages, it may be larger than the memory."""
        return self.entries([one.entry_id for one in self.outline(source_id)])

    def entry(self, entry_id: int, *, of: int | None = None) -> Entry:
        """One entry, of the source `of` if that is given; or GoneError."""
        query = _entries().where(EntryRow.id == entry_id)
        if of is not None:
            query = query.where(EntryRow.source_id == of)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise GoneError("that is not at this desk any more")
        return _entry(row)

    def mark_read(self, source_id: int, shown: Collection[int] | None = None) -> None:
        """Mark a source's entries read: all of them, or those of the numbers `shown`, which were on the page."""
        query = update(EntryRow).where(EntryRow.source_id == source_id, EntryRow.unread)
        if shown is not None:
            query = query.where(EntryRow.id.in_(shown))
        with self._database.writing() as connection:
            connection.execute(query.values(unread=False))

    def mark_unread(self, entry_id: int) -> None:
        """Mark one thing that came from a source unread again."""
        with self._database.writing() as connection:
            connection.execute(
                update(EntryRow).where(EntryRow.id == entry_id, EntryRow.kind != "reply").values(unread=True)
            )

    def file(self, file_id: int) -> FileInfo:
        """One file, or GoneError."""
        entry = self.entry(file_id)
        if entry.file is None:
            raise GoneError("that is not a file")
        return entry.file

    def save_file(self, file_id: int, folder: Path) -> Path:
        """Decrypt a file into `folder` under its safe name; see `save_content`. The copy is plaintext."""
        info = self.file(file_id)
        return save_content(folder, info.safe_name, self._stored.content(self._key(file_id)))

    def delete_source(self, source_id: int) -> None:
        """Delete a source with everything it sent and was told, files included. Queued replies are not sent."""
        with self._database.writing() as connection:
            names = _stored_names(connection, EntryRow.source_id == source_id)
            connection.execute(update(JournalRow).where(JournalRow.source_id == source_id).values(open=False))
            connection.execute(delete(EntryRow).where(EntryRow.source_id == source_id))
            if not connection.execute(delete(SourceRow).where(SourceRow.id == source_id)).rowcount:
                raise GoneError("there is no such source at this desk")
        self._forget(names)

    def delete_entry(self, entry_id: int) -> None:
        """Delete one message, file or damaged object from the desk. A reply is withdrawn instead (Replies.withdraw)."""
        with self._database.writing() as connection:
            names = _stored_names(connection, EntryRow.id == entry_id)
            gone = connection.execute(delete(EntryRow).where(EntryRow.id == entry_id, EntryRow.kind != "reply"))
            if not gone.rowcount:
                raise GoneError("that is not at this desk any more")
        self._forget(names)

    def _key(self, file_id: int) -> StoredKey:
        with self._database.reading() as connection:
            row = connection.execute(
                select(FileRow.stored, FileRow.sealed_size, FileRow.file_key).where(FileRow.entry_id == file_id)
            ).one_or_none()
        if row is None:
            raise GoneError("that file is not at this desk any more")
        return StoredKey(row[0], row[1], row[2])

    def _forget(self, names: list[str]) -> None:
        # The rows, and with them the file keys, are gone already: a kill here leaves bytes that nothing opens.
        for name in names:
            self._stored.remove(name)
        self._database.checkpoint()


def _stored_names(connection: Connection, condition: ColumnElement[bool]) -> list[str]:
    of_files = select(FileRow.stored).join(EntryRow, EntryRow.id == FileRow.entry_id).where(condition)
    of_damages = select(DamageRow.stored).join(EntryRow, EntryRow.id == DamageRow.entry_id).where(condition)
    return [*connection.scalars(of_files), *connection.scalars(of_damages)]


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _summaries() -> Select[*tuple[Any, ...]]:
    """One row a source. `last_source` and `last_reply` tell whose turn it is."""
    from_source = EntryRow.kind != "reply"
    return (
        select(
            SourceRow.id,
            SourceRow.name,
            _count(EntryRow.unread.is_(True)).label("unread"),
            _count(EntryRow.kind == "message").label("messages"),
            _count(EntryRow.kind == "file").label("files"),
            _count(EntryRow.kind == "reply").label("replies"),
            _count(EntryRow.kind == "damaged").label("damaged"),
            func.coalesce(func.min(EntryRow.day), 0).label("first_day"),
            func.coalesce(func.max(EntryRow.day), 0).label("last_day"),
            func.coalesce(func.max(case((from_source, EntryRow.id))), 0).label("last_source"),
            func.coalesce(func.max(case((~from_source, EntryRow.id))), 0).label("last_reply"),
            exists(select(JournalRow.id).where(JournalRow.source_id == SourceRow.id, JournalRow.open)).label("alarm"),
            SourceRow.closed_day.is_not(None).label("closed"),
            SourceRow.reply_key.is_not(None).label("has_key"),
        )
        .outerjoin(EntryRow, EntryRow.source_id == SourceRow.id)
        .group_by(SourceRow.id)
    )


def _summary(row: Any) -> SourceSummary:
    return SourceSummary(
        source_id=row.id,
        name=row.name,
        unread=row.unread,
        messages=row.messages,
        files=row.files,
        replies=row.replies,
        damaged=row.damaged,
        first_day=row.first_day,
        last_day=row.last_day,
        awaits_answer=row.last_source > row.last_reply and not row.closed,
        alarm=bool(row.alarm),
        closed=bool(row.closed),
        can_reply=bool(row.has_key) and not row.closed,
    )


def _urgency(summary: SourceSummary) -> tuple[bool, bool, bool, int, str]:
    return (not summary.alarm, not summary.unread, not summary.awaits_answer, -summary.last_day, summary.name)


def _entries() -> Select[*tuple[Any, ...]]:
    return (
        select(
            *(EntryRow.id, EntryRow.kind, EntryRow.batch, EntryRow.day, EntryRow.unread, EntryRow.other_key),
            *(
                EntryRow.submission,
                TextRow.text,
                AnswersRow.encoded.label("answers"),
                DamageRow.reason,
                FileRow.size,
                FileRow.file_type,
            ),
            func.coalesce(FileRow.untrusted_name, "").label("untrusted_name"),
            *(ReplyRow.state, ReplyRow.bundle, ReplyRow.withdrawn),
        )
        .outerjoin(TextRow, TextRow.entry_id == EntryRow.id)
        .outerjoin(AnswersRow, AnswersRow.entry_id == EntryRow.id)
        .outerjoin(FileRow, FileRow.entry_id == EntryRow.id)
        .outerjoin(DamageRow, DamageRow.entry_id == EntryRow.id)
        .outerjoin(ReplyRow, ReplyRow.entry_id == EntryRow.id)
    )


_RANK = {"message": 0, "file": 1, "damaged": 2, "reply": 3}


def _outline(source_id: int) -> Select[*tuple[Any, ...]]:
    """In reading order. SQLite tells a text's octets without reading it."""
    octets = _length(TextRow.text) + _length(AnswersRow.encoded)
    rank = case(_RANK, value=EntryRow.kind)
    name = func.coalesce(FileRow.untrusted_name, "")
    return (
        select(EntryRow.id, EntryRow.kind, EntryRow.unread, octets.label("octets"))
        .outerjoin(TextRow, TextRow.entry_id == EntryRow.id)
        .outerjoin(AnswersRow, AnswersRow.entry_id == EntryRow.id)
        .outerjoin(FileRow, FileRow.entry_id == EntryRow.id)
        .where(EntryRow.source_id == source_id)
        .order_by(EntryRow.batch, EntryRow.kind == "reply", EntryRow.day, func.coalesce(EntryRow.submission, b""))
        .order_by(rank, name, EntryRow.id)
    )


def _length(column: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    return func.coalesce(func.octet_length(column), 0)


def _entry(row: Any) -> Entry:
    return Entry(
        entry_id=row.id,
        kind=EntryKind(row.kind),
        day=row.day,
        unread=row.unread,
        other_key=row.other_key,
        submission=row.submission,
        text=row.text,
        answers=Answers.decode(row.answers) if row.answers is not None else None,
        file=_file(row) if row.kind == "file" else None,
        reply=_reply(row) if row.kind == "reply" else None,
        damage=row.reason,
    )


def _file(row: Any) -> FileInfo:
    return FileInfo(
        file_id=row.id,
        untrusted_name=row.untrusted_name,
        safe_name=(safe_name := defuse(row.untrusted_name)),
        size=row.size,
        file_type=row.file_type,
        mismatch=contradicts(row.file_type, extension(safe_name)),
    )


def _reply(row: Any) -> ReplyInfo:
    return ReplyInfo(ReplyState(row.state), row.bundle, withdrawn=row.withdrawn)
