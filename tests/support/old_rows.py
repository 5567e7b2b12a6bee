"""Rows for a database of any older version, made from its own tables, and what became of them."""

from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Boolean, Column, Connection, Integer, LargeBinary, MetaData, String, inspect, select, text

ROWS = 3

Kept = dict[str, list[tuple[Any, ...]]]


def older_revisions(package: Path) -> list[str]:
    """Every revision of these migrations but the newest."""
    script = ScriptDirectory(str(package / "migrations"))
    return [one.revision for one in reversed(list(script.walk_revisions())) if not one.is_head]


class OldRows:
    """Some rows in every table of an older version. Constructed on its database, which they are written to."""

    def __init__(self, connection: Connection) -> None:
        self._metadata = MetaData()
        self._metadata.reflect(connection)
        self._metadata.remove(self._metadata.tables["alembic_version"])
        for table in self._metadata.sorted_tables:
            rows = [{column.name: _value(column, number) for column in table.columns} for number in range(ROWS)]
            connection.execute(table.insert(), rows)
        self.kept = self.read(connection)

    def read(self, connection: Connection) -> Kept:
        """What now stands in the tables and columns of then, and the numbers that must not be given again."""
        found: Kept = {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in self._metadata.sorted_tables
        }
        if connection.dialect.name == "sqlite" and inspect(connection).has_table("sqlite_sequence"):
            found["sqlite_sequence"] = [
                tuple(row) for row in connection.execute(text("SELECT * FROM sqlite_sequence ORDER BY name"))
            ]
        return found


def _value(column: Column[Any], number: int) -> Any:
    """Different for each row, so that keys are; the same in every table, so that rows find what they refer to."""
    if column.nullable and number == 0:
        return None
    match column.type:
        case Boolean():
            return bool(number % 2)
        case Integer():
            return number + 1
        case LargeBinary():
            return bytes([number + 1]) * (column.type.length or 16)
        case String():
            return f"text {number}"
    raise AssertionError(f"{column} is of a type that rows are not yet made for: add it here")
