"""The intake host's database: SQLite by default, PostgreSQL by URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from store.intake.errors import NoSpaceError, SetupError

HEAD: Final = "0001"  # the newest revision in migrations/

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
)


class Database:
    """An open database; transactions say whether they write.

    `lasting` is False for what may be lost with the machine's memory: it is then not waited for.
    """

    def __init__(self, url: str, *, lasting: bool = True) -> None:
        try:
            self.engine = _sqlite(url, lasting=lasting) if url.startswith("sqlite:") else _postgresql(url)
        except (ImportError, ValueError, DBAPIError) as error:
            raise SetupError(f"the database cannot be opened: {type(error).__name__}") from error

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
        """One transaction: on disk when the block ends well, undone when it raises. SQLite lets one write at a time."""
        with self._session(writing=True) as session:
            yield session
            session.commit()

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def _session(self, *, writing: bool) -> Iterator[Session]:
        options = {"luwte_writing": writing}
        if not self.is_sqlite and not writing:
            options["isolation_level"] = "REPEATABLE READ"  # type: ignore[assignment]  # options mix types
        try:
            with Session(self.engine.execution_options(**options), expire_on_commit=False) as session:
                yield session
        except DBAPIError as error:
            raise _in_own_words(error) from error


def upgrade(database: Database) -> None:
    """Bring the tables to the newest version. Alembic is only loaded when there is something to do."""
    if _revision(database.engine) == HEAD:
        return
    from alembic import command  # noqa: PLC0415 - half a second that most starts don't need
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", "store.intake:migrations")
    config.set_main_option("path_separator", "os")
    with database.engine.execution_options(luwte_writing=True).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return revision


def _sqlite(url: str, *, lasting: bool) -> Engine:
    engine = create_engine(url, connect_args={"timeout": 60})
    synchronous = "FULL" if lasting else "OFF"

    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin below, not by the driver's guess
        for pragma in (*_PRAGMAS, f"PRAGMA synchronous = {synchronous}"):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writing = connection.get_execution_options().get("luwte_writing", False)
        # Taking the write lock at once avoids a deadlock between two readers that both go on to write.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql(url: str) -> Engine:
    if not url.startswith("postgresql+psycopg:"):
        raise ValueError("a database URL begins with sqlite: or postgresql+psycopg:")
    return create_engine(url, pool_pre_ping=True)


def _in_own_words(error: DBAPIError) -> Exception:
    said = str(error.orig)
    if "disk is full" in said or "disk I/O error" in said or "readonly database" in said or "No space left" in said:
        return NoSpaceError("the disk is full or cannot be written to; nothing was changed")
    if "not a database" in said or "malformed" in said:
        return SetupError("the database is damaged")
    return error
