"""A host of any older version opens with every row that it had, on both databases."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext

from store.intake import database as database_module
from store.intake.database import HEAD, Database, upgrade
from tests.support.old_rows import ROWS, OldRows, older_revisions

OLDER = older_revisions(Path(database_module.__file__).parent)


def test_there_are_older_versions() -> None:
    assert OLDER[0] == "0001"
    assert HEAD not in OLDER


@pytest.mark.parametrize("revision", OLDER)
def test_every_row_of_an_older_version_is_kept(tmp_path: Path, database_url: str | None, revision: str) -> None:
    database = Database(database_url or f"sqlite:///{tmp_path / 'old.sqlite'}")
    with database.engine.execution_options(luwte_writing=True).begin() as connection:
        command.upgrade(configuration(connection), revision)
        old = OldRows(connection)
    assert {len(rows) for name, rows in old.kept.items() if name != "sqlite_sequence"} == {ROWS}

    upgrade(database)

    with database.engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == HEAD
        assert old.read(connection) == old.kept
    database.close()


def configuration(connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "store.intake:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
