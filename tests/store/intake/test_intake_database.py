"""The database is set up as promised, has exactly its tables, and says in a sentence why it cannot be used."""

import os
import re
import secrets
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from store.intake import database as database_module
from store.intake.database import HEAD, Database, upgrade
from store.intake.errors import NoSpaceError, SetupError
from store.intake.place import IntakePlace
from store.intake.tables import Base, Mailbox
from tests.store.intake.conftest import Line, contents
from tests.support.disk import room_for
from tests.support.postgresql import PostgreSQL
from tests.support.road import RoadSource, submit

OPENERS = 6


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1), ("temp_store", 2)],
)
def test_every_connection_to_sqlite_is_set_up(sqlite_line: Line, pragma: str, value: object) -> None:
    host = sqlite_line.open()
    connections = [host.database.engine.connect() for _ in range(3)]
    try:
        assert [one.scalar(text(f"PRAGMA {pragma}")) for one in connections] == [value] * 3
    finally:
        for one in connections:
            one.close()


def test_rows_in_sqlite_have_no_hidden_number_that_tells_their_order(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    with host.database.reading() as session:
        for table in ("mailbox", "submitted_object", "reply", "grave"):
            definition = session.scalar(text(f"SELECT sql FROM sqlite_master WHERE name = '{table}'"))
            assert definition.rstrip().endswith("WITHOUT ROWID")


def test_migrations_lead_to_exactly_the_tables(host: IntakePlace) -> None:
    with host.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": _ours, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert set(inspect(connection).get_table_names()) >= set(Base.metadata.tables)


def test_head_is_the_newest_migration(host: IntakePlace) -> None:
    folder = Path(database_module.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [HEAD]
    with host.database.reading() as session:
        assert session.scalar(text("SELECT version_num FROM alembic_version")) == HEAD


def test_a_database_of_a_newer_version_is_refused_and_not_touched(line: Line) -> None:
    host = line.open()
    submit(host, RoadSource(1), "x")
    before = contents(host)
    with host.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SetupError, match="newer version"):
        line.open()
    assert contents(host) == before


def test_a_file_that_is_no_database_is_refused(sqlite_line: Line) -> None:
    (sqlite_line.state / "intake.sqlite").write_bytes(secrets.token_bytes(100_000))
    with pytest.raises(SetupError, match="damaged"):
        sqlite_line.open()


def test_a_server_that_does_not_answer_is_refused_without_showing_its_password(sqlite_line: Line) -> None:
    sqlite_line.database_url = "postgresql+psycopg://luwte:secret-word@127.0.0.1:1/luwte"
    with pytest.raises(SetupError, match="cannot be opened") as caught:
        sqlite_line.open()
    assert "secret-word" not in str(caught.value)


@pytest.mark.parametrize("url", ["mysql://x", "postgresql://x", "postgresql+asyncpg://x", "nonsense", ""])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(SetupError):
        Database(url)


def test_what_is_not_committed_is_undone(host: IntakePlace) -> None:
    before = contents(host)
    with pytest.raises(ZeroDivisionError), host.database.writing() as session:
        _add_and_fail(session)
    assert contents(host) == before


def test_a_reader_keeps_its_view_while_others_write(host: IntakePlace) -> None:
    query = text("SELECT count(*) FROM mailbox")
    with host.database.reading() as session:
        assert session.scalar(query) == 0
        submit(host, RoadSource(1), "x")
        assert session.scalar(query) == 0
    with host.database.reading() as session:
        assert session.scalar(query) == 1


def test_a_disk_without_room_for_rows_is_said_and_changes_nothing(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    before = contents(host)
    with room_for(1_000_000), pytest.raises(NoSpaceError), host.database.writing() as session:
        session.add_all(
            Mailbox(ref=number.to_bytes(16, "big"), lookup=secrets.token_bytes(32)) for number in range(20_000)
        )
    assert contents(host) == before
    submit(host, RoadSource(1), "x")


def test_what_was_committed_outlives_a_crash_of_postgresql(postgresql_line: Line, postgresql: PostgreSQL) -> None:
    host = postgresql_line.open()
    submit(host, RoadSource(1), "x", {"f": b"y"})
    before = contents(host)
    host.close()
    postgresql.crash()
    postgresql.start()
    again = postgresql_line.open()
    assert contents(again) == before
    assert again.collector.collect(postgresql_line.desk.stick).objects == 2


@pytest.mark.parametrize("round_", range(3))
def test_many_processes_open_a_new_database_at_once(tmp_path: Path, database_url: str | None, round_: int) -> None:
    url = database_url or f"sqlite:///{tmp_path / 'new.sqlite'}"
    go, start = os.pipe()
    children = [_in_child(lambda: (os.read(go, 1), _open_and_close(url))) for _ in range(OPENERS)]
    os.write(start, b"g" * OPENERS)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * OPENERS
    os.close(go)
    os.close(start)


def test_many_processes_open_a_place_at_once(line: Line) -> None:
    """As the server's workers do after a restart of the machine, when memory-backed storage is empty."""
    for path in line.runtime.glob("*"):
        path.unlink()
    go, start = os.pipe()
    children = [_in_child(lambda: (os.read(go, 1), line.open().close())) for _ in range(OPENERS)]
    os.write(start, b"g" * OPENERS)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * OPENERS
    os.close(go)
    os.close(start)


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or name not in ("alembic_version", "browser_session")


def _open_and_close(url: str) -> None:
    database = Database(url)
    upgrade(database)
    with database.reading() as session:
        assert re.fullmatch(HEAD, session.scalar(text("SELECT version_num FROM alembic_version")))
    database.close()


def _add_and_fail(session: Session) -> None:
    session.add(Mailbox(ref=b"r" * 16, lookup=b"l" * 32))
    session.flush()
    raise ZeroDivisionError


def _in_child(work) -> int:
    child = os.fork()
    if child == 0:
        # Nothing of the test runner may run in the child, whatever happens.
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return child
