"""The desk database's migrations."""

import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from store.desk import schema
from store.desk.database import Database
from store.desk.errors import DamagedError
from store.desk.tables import Base

KEY = b"k" * 32


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "desk.db", KEY)


def test_migrations_lead_to_what_the_code_expects(database: Database) -> None:
    schema.bring_up_to_date(database)
    schema.bring_up_to_date(database)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
        script = ScriptDirectory.from_config(schema.configuration(connection))
        assert script.get_current_head() == schema.HEAD
    database.close()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    schema.bring_up_to_date(database)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DamagedError, match="newer"):
        schema.bring_up_to_date(database)
    database.close()


def test_the_pragmas_hold_on_every_connection(database: Database) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1, "temp_store": 2}
    for _ in range(2):
        with database.reading() as connection:
            for pragma, value in expected.items():
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value
            assert str(connection.exec_driver_sql("PRAGMA cipher_version").scalar()).startswith("4.")
    database.close()


def test_an_error_undoes_the_whole_transaction(database: Database) -> None:
    schema.bring_up_to_date(database)
    with pytest.raises(ZeroDivisionError):
        _add_a_handler_and_fail(database)
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM handlers").scalar() == 0
    database.close()


def test_the_desk_loads_no_network_code() -> None:
    code = "import sys, store.desk.place; print('\\n'.join(sys.modules))"
    modules = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    # The database library itself loads asyncio (and it ssl); neither opens anything.
    forbidden = {"stem", "gunicorn", "flask", "werkzeug", "http.client", "http.server", "urllib.request"}
    assert not modules & (forbidden | {"psycopg", "smtplib", "ftplib", "store.intake", "requests"})


def _add_a_handler_and_fail(database: Database) -> None:
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO handlers VALUES (x'00', 'Ann', 1)")
        raise ZeroDivisionError
