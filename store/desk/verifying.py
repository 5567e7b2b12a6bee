"""Checking a whole desk: nothing is repaired, everything that is wrong is named."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select, text

from crypto.epoch import extend
from crypto.errors import CryptoError
from store.desk.database import Database
from store.desk.epochs import EpochKeys
from store.desk.errors import DeskError
from store.desk.line_keys import LineKeys
from store.desk.line_notices import LineNotices
from store.desk.model import Finding
from store.desk.onion_cards import damaged_cards
from store.desk.outbox import Outbox, dispatch_name
from store.desk.stored import StoredFiles, StoredKey
from store.desk.tables import CollectRow, DamageRow, DispatchRow, EntryRow, FileRow, SourceRow

_PRAGMAS = ("cipher_integrity_check", "integrity_check", "foreign_key_check")


class Verifier:
    """Reads everything that a desk keeps, files to their last byte."""

    def __init__(
        self,
        database: Database,
        stored: StoredFiles,
        outbox: Outbox,
        epochs: EpochKeys,
        line_keys: Callable[[], LineKeys],
        line_notices: LineNotices,
    ) -> None:
        self._database = database
        self._stored = stored
        self._outbox = outbox
        self._epochs = epochs
        self._line_keys = line_keys
        self._line_notices = line_notices

    def verify(self) -> list[Finding]:
        """Everything that is wrong, in the order in which it is worth looking at; empty when all is well."""
        findings: list[Finding] = []
        parts: tuple[Callable[[], Iterator[Finding]], ...] = (
            self._check_database,
            self._check_chains,
            self._check_epochs,
            self._check_outbox,
            self._check_onion_cards,
            self._check_notice,
            self._check_files,
        )
        for part in parts:
            findings += part()
        return findings

    def _check_database(self) -> Iterator[Finding]:
        with self._database.reading() as connection:
            for pragma in _PRAGMAS:
                for row in connection.execute(text(f"PRAGMA {pragma}")):
                    if row[0] != "ok":
                        yield Finding("database", f"{pragma}: {' '.join(map(str, row))}")

    def _check_chains(self) -> Iterator[Finding]:
        with self._database.reading() as connection:
            collected = list(connection.scalars(select(CollectRow.number).order_by(CollectRow.number)))
            dispatched = list(connection.scalars(select(DispatchRow.number).order_by(DispatchRow.number)))
        yield from _gaps("collect", collected)
        yield from _gaps("dispatch", dispatched)

    def _check_epochs(self) -> Iterator[Finding]:
        try:
            extend(None, self._epochs.certificates())
        except CryptoError as error:
            yield Finding("epochs", f"the chain of intake keys is broken: {error}")
        for epoch in self._epochs.missing():
            yield Finding("epochs", f"the private key of epoch {epoch} is missing or damaged")

    def _check_outbox(self) -> Iterator[Finding]:
        with self._database.reading() as connection:
            waiting = connection.execute(
                select(DispatchRow.number, DispatchRow.file_sha256).where(~DispatchRow.taken_in)
            ).all()
        for number, file_sha256 in waiting:
            if not self._outbox.holds(number, file_sha256):
                yield Finding("outbox", f"{dispatch_name(number)} is missing or was changed before it was acknowledged")

    def _check_onion_cards(self) -> Iterator[Finding]:
        keys = self._line_keys()
        with self._database.reading() as connection:
            yield from (Finding("onion cards", words) for words in damaged_cards(connection, keys))

    def _check_notice(self) -> Iterator[Finding]:
        if (number := self._line_notices.damaged()) is not None:
            yield Finding("notice", f"notice {number} to sources is damaged: sign it again")

    def _check_files(self) -> Iterator[Finding]:
        with self._database.reading() as connection:
            files, damages = _kept_files(connection), _kept_damages(connection)
        for row in files:
            try:
                for _ in self._stored.content(StoredKey(row.stored, row.sealed_size, row.file_key)):
                    pass
            except (DeskError, OSError) as error:
                yield Finding("files", f"{row.name}, file {row.entry_id}: {error}")
        for row in damages:
            yield Finding("objects", f"{row.name}, entry {row.entry_id} could not be opened: {row.reason}")
            if not self._stored.path(row.stored).is_file():
                yield Finding("files", f"{row.name}, entry {row.entry_id}: its sealed bytes are missing")


def _kept_files(connection: Connection) -> list[Any]:
    query = select(FileRow.entry_id, FileRow.stored, FileRow.sealed_size, FileRow.file_key, SourceRow.name)
    return list(
        connection.execute(
            query.join(EntryRow, EntryRow.id == FileRow.entry_id).join(SourceRow, SourceRow.id == EntryRow.source_id)
        )
    )


def _kept_damages(connection: Connection) -> list[Any]:
    query = select(DamageRow.entry_id, DamageRow.stored, DamageRow.reason, SourceRow.name)
    return list(
        connection.execute(
            query.join(EntryRow, EntryRow.id == DamageRow.entry_id).join(SourceRow, SourceRow.id == EntryRow.source_id)
        )
    )


def _gaps(direction: str, numbers: list[int]) -> Iterator[Finding]:
    """Missing numbers: one accepted by override is named too, the journal says when it was."""
    for before, after in pairwise([0, *numbers]):
        if after != before + 1:
            yield Finding("chain", f"{direction} bundles {before + 1} to {after - 1} are missing")
