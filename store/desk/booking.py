"""Writing what an import took into the database, within its one transaction."""

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, text, tuple_, update

from crypto import wordlists
from crypto.manifest import Manifest
from crypto.request import Response
from crypto.wordlists import EFF_LARGE
from store.desk.journal import write_note
from store.desk.model import EntryKind, Severity
from store.desk.request_record import Arrived, write_arrived
from store.desk.tables import AnswersRow, DamageRow, EntryRow, FileRow, SourceRow, TextRow
from store.desk.taking import Taken

LAST_DAY: Final = 2_932_896  # 9999-12-31: a later one breaks calendars
_AT_ONCE: Final = 400


@dataclass
class Tally:
    """What has been booked so far."""

    messages: int = 0
    files: int = 0
    damaged: int = 0
    doubles: int = 0
    new_sources: int = 0
    alarms: list[str] = field(default_factory=list)


@dataclass
class _Source:
    """A source as this import knows it. `warned`: its alarm was written already."""

    source_id: int
    name: str
    reply_key: bytes | None
    warned: bool = False


class Book:
    """One import's entries. Everything is undone if the transaction is."""

    def __init__(self, connection: Connection, manifest: Manifest, day: int) -> None:
        self.connection = connection
        self._manifest = manifest
        self._day = day
        self._sources: dict[bytes, _Source] = {}
        self._next_id = _following(connection, EntryRow.__tablename__)
        self._next_source = _following(connection, SourceRow.__tablename__)
        self._names = _fresh_names(set(connection.scalars(select(SourceRow.name))))
        self._pinned: list[dict[str, Any]] = []
        self._misfits: set[int] = set()  # sources whose alarm for it was written already
        self.tally = Tally()
        self.stored: set[str] = set()  # names of files that rows now refer to

    def write(self, taken: Sequence[Taken]) -> None:
        """Book objects, but for those that this desk has already."""
        for part in (taken[at : at + _AT_ONCE] for at in range(0, len(taken), _AT_ONCE)):
            had = self._had(part)
            self._write([one for one in part if (one.entry.object_id, one.entry.sha256) not in had])
            self.tally.doubles += len(had)

    def _had(self, taken: Iterable[Taken]) -> set[tuple[bytes, bytes]]:
        keys = [(one.entry.object_id, one.entry.sha256) for one in taken]
        query = select(EntryRow.object_id, EntryRow.sha256).where(tuple_(EntryRow.object_id, EntryRow.sha256).in_(keys))
        return {(object_id, sha256 or b"") for object_id, sha256 in self.connection.execute(query)}

    def _write(self, taken: Sequence[Taken]) -> None:
        self._load_sources({one.entry.mailbox_ref for one in taken})
        entries, texts, answers, files, damages = [], [], [], [], []
        responses: list[Arrived] = []
        for one in taken:
            entry_id, self._next_id = self._next_id, self._next_id + 1
            entries.append(self._entry(entry_id, one))
            if one.stored is not None:
                self.stored.add(one.stored)
            if one.damage is not None:
                damages.append(_damage(entry_id, one))
            elif one.text is not None:
                texts.append({"entry_id": entry_id, "text": one.text})
                answers += _answers(entry_id, one)
                if one.response is not None:
                    responses.append(self._arrived(entries[-1], one.entry.mailbox_ref, one.response))
            else:
                files.append(_file(entry_id, one))
        tables = (EntryRow, TextRow, AnswersRow, FileRow, DamageRow)
        for table, rows in zip(tables, (entries, texts, answers, files, damages), strict=True):
            if rows:
                self.connection.execute(insert(table), rows)
        self._pin()
        for words, source_id in write_arrived(self.connection, responses):
            if source_id not in self._misfits:
                self._misfits.add(source_id)
                self._alarm(words, source_id)
        self.tally.messages += len(texts)
        self.tally.files += len(files)
        self.tally.damaged += len(damages)

    def _entry(self, entry_id: int, one: Taken) -> dict[str, Any]:
        source = self._sources[one.entry.mailbox_ref]
        header = one.header if one.damage is None else None
        day = min(header.day if header else self._manifest.day, self._manifest.day, LAST_DAY)
        return {
            "id": entry_id,
            "source_id": source.source_id,
            "kind": str(EntryKind.DAMAGED if one.damage is not None else one.entry.kind),
            "batch": self._manifest.number,
            "day": day,
            "unread": True,
            "other_key": header is not None
            and header.reply_key is not None
            and self._differs(source, header.reply_key.raw),
            "object_id": one.entry.object_id,
            "sha256": one.entry.sha256,
            "submission": header.submission_id if header else None,
        }

    def _arrived(self, entry: dict[str, Any], mailbox_ref: bytes, response: Response) -> Arrived:
        return Arrived(
            entry_id=entry["id"],
            source_id=entry["source_id"],
            name=self._sources[mailbox_ref].name,
            day=entry["day"],
            batch=entry["batch"],
            other_key=entry["other_key"],
            response=response,
        )

    def _differs(self, source: _Source, reply_key: bytes) -> bool:
        """Pin the first key of a source; any other one later is an alarm and is not used."""
        if source.reply_key is None:
            source.reply_key = reply_key
            self._pinned.append({"source": source.source_id, "key": reply_key})
        if source.reply_key == reply_key:
            return False
        if not source.warned:
            source.warned = True
            self._alarm(
                f"{source.name}: something came with another reply key than before. Replies still go to the first"
                " one. Somebody else writes in this source's name, or the intake host was tampered with.",
                source.source_id,
            )
        return True

    def _pin(self) -> None:
        if self._pinned:
            pin = update(SourceRow).where(SourceRow.id == bindparam("source")).values(reply_key=bindparam("key"))
            self.connection.execute(pin, self._pinned)
            self._pinned = []

    def _load_sources(self, refs: set[bytes]) -> None:
        missing = refs.difference(self._sources)
        if not missing:
            return
        query = select(SourceRow.mailbox_ref, SourceRow.id, SourceRow.name, SourceRow.reply_key)
        for row in self.connection.execute(query.where(SourceRow.mailbox_ref.in_(missing))):
            self._sources[row.mailbox_ref] = _Source(row.id, row.name, row.reply_key)
        # In random order already: the host draws each mailbox_ref.
        new = sorted(missing.difference(self._sources))
        if new:
            rows = []
            for ref, name in zip(new, self._names, strict=False):
                rows.append({"id": self._next_source, "mailbox_ref": ref, "name": name})
                self._sources[ref] = _Source(self._next_source, name, None)
                self._next_source += 1
            self.connection.execute(insert(SourceRow), rows)
            self.tally.new_sources += len(new)

    def _alarm(self, words: str, source_id: int | None = None) -> None:
        self.tally.alarms.append(words)
        write_note(self.connection, self._day, Severity.ALARM, words, source_id)


def _following(connection: Connection, table: str) -> int:
    """The next number of an AUTOINCREMENT table: above every one that was ever used."""
    used = connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table})
    return 1 + (used or 0)


def _answers(entry_id: int, one: Taken) -> list[dict[str, Any]]:
    answers = one.header.answers if one.header else None
    if answers is None:
        return []
    heeded = any(answer.heeded for answer in answers.answers)
    return [{"entry_id": entry_id, "encoded": answers.encode(), "heeded": heeded}]


def _file(entry_id: int, one: Taken) -> dict[str, Any]:
    return {
        "entry_id": entry_id,
        "untrusted_name": one.header.name if one.header else None,
        "size": one.size,
        "file_type": one.file_type,
        "stored": one.stored,
        "sealed_size": one.entry.size,
        "file_key": one.file_key,
    }


def _damage(entry_id: int, one: Taken) -> dict[str, Any]:
    return {"entry_id": entry_id, "reason": one.damage, "stored": one.stored, "sealed_size": one.entry.size}


def _fresh_names(taken: set[str]) -> Iterator[str]:
    """Two words that no source of this desk has, drawn: nothing about a mailbox shows in its name."""
    words = [word for word in wordlists.load(EFF_LARGE).words if word.isalpha()]
    while True:
        name = f"{secrets.choice(words)} {secrets.choice(words)}"
        if name not in taken:
            taken.add(name)
            yield name
