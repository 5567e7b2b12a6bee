"""Bringing the database to the schema of this version, with Alembic, inside the encrypted file."""

from importlib import resources
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, inspect, text

from store.desk.database import Database
from store.desk.errors import DamagedError

HEAD: Final = "0005"
_PACKAGE: Final = "store.desk.migrations"


def bring_up_to_date(database: Database) -> None:
    """Run the migrations that are missing, in one transaction. DamagedError for a database of a newer version."""
    with database.reading() as connection:
        found = _revision(connection)
    if found == HEAD:
        return
    if found is not None and not _is_known(found):
        raise DamagedError("this desk was made by a newer version of the program: install that one")
    with database.writing() as connection:
        command.upgrade(configuration(connection), "head")


def configuration(connection: Connection) -> Config:
    """Alembic's configuration for the caller's connection; no file, no URL."""
    with resources.as_file(resources.files(_PACKAGE)) as folder:
        config = Config()
        config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return str(revision) if revision is not None else None


def _is_known(revision: str) -> bool:
    versions = resources.files(_PACKAGE) / "versions"
    return any(item.name.startswith(f"{revision}_") for item in versions.iterdir())
