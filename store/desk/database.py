"""The encrypted database: SQLCipher through SQLAlchemy, with transactions that say whether they write.

Readers go on beside one writer (WAL). The command line and the pages may work side by side: SQLite orders their
transactions. The write-ahead log is encrypted under the same key.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import sqlcipher3.dbapi2 as sqlcipher
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import QueuePool

from store.desk.errors import DamagedError, DeskClosedError, DeskError, NoSpaceError

WAIT_SECONDS: Final = 120  # for another process's transaction: an import's may take long

# cipher_memory_security stays off: measured, it makes a bulk import twice as slow, and Python wipes no memory anyway.
_PRAGMAS: Final = (
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # KiB: an import's pages are encrypted once, at its commit
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
)


class Database:
    """One open desk database. After `close` the key is gone and every use raises DeskClosedError."""

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key: bytes | None = key
        self._closing = threading.Lock()
        self._is_unsettled = False
        self._engine = create_engine("sqlite://", module=sqlcipher, creator=self._connect, poolclass=QueuePool)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view; nothing written in it is kept."""
        with self._connection() as connection:
            connection.execute(text("BEGIN"))
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, alone in writing; committed and on disk when the block ends well, undone when it raises."""
        with self._connection() as connection:
            connection.execute(text("BEGIN IMMEDIATE"))
            try:
                yield connection
                self._commit(connection)
            except BaseException:
                connection.rollback()
                raise

    def settle(self) -> bool:
        """Whether all that failed is undone for good, so that what it named may be removed.

        A commit whose sync failed may stand whole in the log: nobody reads it, but after a crash SQLite would take it for
        committed (wal.c, walIndexRecover). An empty log brings nothing back. False while it cannot be emptied.
        """
        if self._is_unsettled:
            with suppress(DeskError), self._connection() as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
                self._is_unsettled = bool(busy)
        return not self._is_unsettled

    def checkpoint(self) -> None:
        """Bring the write-ahead log into the database and empty it, so that what was deleted is not in it either."""
        with self._connection() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").all()

    def close(self) -> None:
        with self._closing:
            self._key = None
            self._engine.dispose()

    def _commit(self, connection: Connection) -> None:
        try:
            connection.commit()
        except DatabaseError:
            self._is_unsettled = True
            raise

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise _in_own_words(error) from error

    def _connect(self) -> Any:
        key = self._key
        if key is None:
            raise DeskClosedError("the desk is locked")
        connection = sqlcipher.connect(
            str(self._path), timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        # A raw key: the vault key was stretched already, and stretching again for each connection is slow.
        connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        return connection


def _in_own_words(error: DatabaseError) -> Exception:
    said = str(error.orig)
    if "disk is full" in said or "readonly database" in said or "disk I/O error" in said:
        return NoSpaceError("the desk's disk is full or cannot be written to; nothing was changed")
    if "not a database" in said or "malformed" in said:
        return DamagedError("the desk's database is damaged, or belongs to another vault key")
    return error
