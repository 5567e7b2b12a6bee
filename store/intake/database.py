"""The intake host's database: SQLite by default, PostgreSQL by URL."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session

from store.intake.errors import NoSpaceError, SetupError, UnsettledError

HEAD: Final = "0004"  # the newest revision in migrations/

_TABLES_LOCK: Final = 0x4C75777465  # an arbitrary number that only we use
_NO_ROOM: Final = ("53100", "58030")  # PostgreSQL's disk_full and io_error

_LOCK_SECONDS: Final = 60
_PRAGMAS: Final = (
    "PRAGMA wal_autocheckpoint = 100",  # pages: the log tells the order in which things came, so little of it is kept
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


class Database:
    """An open database; transactions say whether they write.

    What every page asks is a statement made once, of a table's columns (`marks.py`): to make it anew for each page takes four
    times as long as to ask.

    `lasting` is False for what may be lost with the machine's memory: it is then not waited for.
    """

    def __init__(self, url: str, *, lasting: bool = True) -> None:
        try:
            self.engine = _sqlite(url, lasting=lasting) if url.startswith("sqlite:") else _postgresql(url)
        except (ImportError, ValueError, DBAPIError) as error:
            raise SetupError(f"the database cannot be opened: {type(error).__name__}") from error
        # Made once: each takes longer than a short question. They share the connections.
        self._to_write = self.engine.execution_options(luwte_writing=True)
        consistent = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._to_read = self.engine.execution_options(luwte_writing=False, **consistent)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A consistent view; nothing written in it is kept."""
        with self._session(writing=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """One transaction: on disk when the block ends well, undone when it raises. SQLite lets one write at a time.

        UnsettledError when that is not known, because the database failed in the middle of the last step.
        """
        with self._session(writing=True) as session:
            yield session
            session.flush()
            try:
                session.commit()
            except DBAPIError as error:
                if _is_undone(error):
                    raise
                raise UnsettledError(
                    "the disk or the database failed at the last step; whether this was kept shows after the next start"
                ) from error

    def forget_log(self) -> None:
        """Empty SQLite's write-ahead log, which keeps what was deleted and the order in which it came.

        At once unless somebody reads or writes at this moment; then the next call does it.
        """
        if self.is_sqlite:
            with self.engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA busy_timeout = 0")
                try:
                    # What it cannot do now is no error of what was just written: the next call does it.
                    with suppress(sqlite3.Error):
                        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    cursor.execute(f"PRAGMA busy_timeout = {1000 * _LOCK_SECONDS}")

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _session(self, *, writing: bool) -> Iterator[Session]:
        try:
            with Session(self._to_write if writing else self._to_read, expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            raise _in_own_words(error) from error


def upgrade(database: Database) -> None:
    """Bring the tables to the newest version. Alembic is only loaded when there is something to do.

    SetupError when the database cannot be opened, or a newer version of Luwte made it.
    """
    try:
        with database.engine.connect() as connection:
            revision = _revision(connection)
        if revision != HEAD:
            _migrate(database)
    except DBAPIError as error:
        database.close()
        said = _in_own_words(error)
        if said is error:
            said = SetupError(f"the database cannot be opened: {type(error.orig).__name__}")
        raise said from error
    except SetupError:
        database.close()
        raise


def alone(connection: Connection) -> None:
    """Until this writing transaction ends, no other process makes tables. In SQLite no other writes at all."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _TABLES_LOCK})


def add_if_absent(session: Session, table: type[DeclarativeBase], **values: Any) -> None:
    """Insert a row unless its key is taken, be it by a transaction that goes on at this moment: that one is waited for."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    session.execute(insert(table).values(**values).on_conflict_do_nothing())


def _migrate(database: Database) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that most starts don't need
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", "store.intake:migrations")
    config.set_main_option("path_separator", "os")
    # One transaction from the first look to the last table: Alembic would commit after each migration, and another
    # process that waits would then run the next one as well.
    with database.engine.execution_options(luwte_writing=True).begin() as connection:
        alone(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise SetupError("a newer version of Luwte made this database: use that one") from error


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _sqlite(url: str, *, lasting: bool) -> Engine:
    engine = create_engine(url, max_overflow=-1, connect_args={"timeout": _LOCK_SECONDS})
    synchronous = "FULL" if lasting else "OFF"

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not by the driver's guess
        _use_write_ahead_log(connection)
        for pragma in (*_PRAGMAS, f"PRAGMA synchronous = {synchronous}"):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        if connection.get_execution_options().get("luwte_writing", False):
            # Taking the write lock at once avoids a deadlock between two readers that both go on to write.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # By the driver itself, which is quicker: this touches no file and has no error to put in our words.
            connection.connection.driver_connection.execute("BEGIN")

    return engine


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """SQLite does not wait by itself for another process that changes the mode of a new database at this moment."""
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _postgresql(url: str) -> Engine:
    if not url.startswith("postgresql+psycopg:"):
        raise ValueError("a database URL begins with sqlite: or postgresql+psycopg:")
    # Each upload holds a connection while it comes in (blobs.py). Threads bound their number; a smaller bound would
    # keep every page waiting for the slow senders.
    return create_engine(url, max_overflow=-1, pool_pre_ping=True)


def _is_undone(error: DBAPIError) -> bool:
    """Whether a COMMIT that failed has surely kept nothing.

    In SQLite a write that failed has left no whole transaction in the log. A sync that failed may have: nobody reads it
    now, the next transaction is written over it, but after a crash before that, SQLite takes it for committed (wal.c,
    walIndexRecover). PostgreSQL's server says by a code that it undid; a server that went away says nothing (57: shut down).
    """
    if isinstance(error.orig, sqlite3.Error):
        code = error.orig.sqlite_errorcode
        return code & 0xFF != sqlite3.SQLITE_IOERR or code == sqlite3.SQLITE_IOERR_WRITE
    state = getattr(error.orig, "sqlstate", None)
    return state is not None and not state.startswith("57")


def _in_own_words(error: DBAPIError) -> Exception:
    said = str(error.orig)
    no_room = getattr(error.orig, "sqlstate", None) in _NO_ROOM
    if no_room or "disk is full" in said or "disk I/O error" in said or "readonly database" in said:
        return NoSpaceError("the disk is full or cannot be written to; nothing was changed")
    if "not a database" in said or "malformed" in said:
        return SetupError("the database is damaged")
    return error
