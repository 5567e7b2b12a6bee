"""One import or export at a time, each beginning from a clean floor.

Pages and commands may read and write beside each other, SQLite orders them; only what touches files as well is done alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import select

from store.desk.database import Database
from store.desk.epochs import EpochKeys
from store.desk.errors import BusyError
from store.desk.outbox import Outbox
from store.desk.stored import StoredFiles
from store.desk.tables import DamageRow, DispatchRow, FileRow
from store.files import LockedError, exclusively


class Workplace:
    """Holds the work lock, and removes what a crash left while it has it."""

    def __init__(self, lock: Path, database: Database, stored: StoredFiles, outbox: Outbox, epochs: EpochKeys) -> None:
        self._lock = lock
        self._database = database
        self._stored = stored
        self._outbox = outbox
        self._epochs = epochs

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only import or export on this desk for the block, or BusyError at once."""
        try:
            with exclusively(self._lock):
                self.sweep()
                yield
        except LockedError as error:
            raise BusyError("another import or export is under way at this desk; wait until it has ended") from error

    def tidy(self) -> None:
        """Sweep and destroy keys that are due, unless somebody is at work: then they have swept themselves."""
        with suppress(BusyError), self.alone():
            self._epochs.destroy_due()

    def sweep(self) -> None:
        """Remove what no row names. Only within `alone`: an import stages files before any row names them.

        Nothing is removed while a crash could still bring rows back that nobody reads now.
        """
        if not self._database.settle():
            return
        with self._database.reading() as connection:
            kept = {*connection.scalars(select(FileRow.stored)), *connection.scalars(select(DamageRow.stored))}
            waiting = list(connection.scalars(select(DispatchRow.number).where(~DispatchRow.taken_in)))
        self._stored.sweep(kept)
        self._outbox.sweep(waiting)
        self._epochs.sweep()
