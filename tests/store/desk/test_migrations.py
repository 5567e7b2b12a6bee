"""A desk of any older version opens with every row that it had."""

from pathlib import Path

import pytest
from alembic import command
from alembic.migration import MigrationContext

from store.desk import schema
from store.desk.database import Database
from tests.support.old_rows import ROWS, OldRows, older_revisions

OLDER = older_revisions(Path(schema.__file__).parent)


def test_there_are_older_versions() -> None:
    assert OLDER[0] == "0001"
    assert schema.HEAD not in OLDER


@pytest.mark.parametrize("revision", OLDER)
def test_every_row_of_an_older_version_is_kept(tmp_path: Path, revision: str) -> None:
    database = Database(tmp_path / "desk.db", b"k" * 32)
    with database.writing() as connection:
        command.upgrade(schema.configuration(connection), revision)
        old = OldRows(connection)
    assert {len(rows) for name, rows in old.kept.items() if name != "sqlite_sequence"} == {ROWS}

    schema.bring_up_to_date(database)

    with database.reading() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == schema.HEAD
        assert old.read(connection) == old.kept
    database.close()
