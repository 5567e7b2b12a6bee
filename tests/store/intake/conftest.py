"""Fixtures: an intake host on SQLite and on a real PostgreSQL, a clock that tests move, and a desk that can also lie."""

import copy
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from crypto.epoch import EpochCertificate
from store.intake.place import IntakePlace
from store.intake.settings import Settings
from store.intake.tables import Base
from tests.support.clock import SetClock
from tests.support.kept_blobs import kept
from tests.support.paper_desk import PaperDesk
from tests.support.postgresql import NotInstalledError, PostgreSQL
from tests.support.road import RoadSource

DAY = 20_000


@dataclass
class Line:
    """A paired host, closed: each use opens it. `database_url` is None for SQLite."""

    state: Path
    runtime: Path
    desk: PaperDesk
    clock: SetClock
    database_url: str | None
    opened: list[IntakePlace] = field(default_factory=list)

    def open(self, settings: Settings | None = None, **changes: Any) -> IntakePlace:
        """`changes` are limits."""
        place = IntakePlace.open(
            self.state,
            settings=settings or Settings(**changes),
            database_url=self.database_url,
            runtime=self.runtime,
            clock=self.clock,
        )
        self.opened.append(place)
        return place

    def certificate(self, epoch: int) -> EpochCertificate:
        return self.desk.keys[epoch - 1][0]

    def blob_files(self) -> list[Path]:
        return [path for path in (self.state / "blobs").rglob("*") if path.is_file()]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    try:
        server = PostgreSQL()
    except NotInstalledError as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def clock() -> SetClock:
    return SetClock(DAY)


@pytest.fixture(scope="session")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A closed host on SQLite, and its desk: made once, copied for each test."""
    line = pair(tmp_path_factory.mktemp("paired"), SetClock(DAY), None)
    for place in line.opened:
        place.close()
    return line


@pytest.fixture
def new_line(paired: Line, tmp_path: Path, clock: SetClock) -> Iterator[Callable[[str | None], Line]]:
    """Makes a paired host that has intake keys for forty days."""
    lines: list[Line] = []

    def make(database_url: str | None) -> Line:
        folder = tmp_path / f"line{len(lines)}"
        folder.mkdir()
        line = copy_of(paired, folder, clock) if database_url is None else pair(folder, clock, database_url)
        lines.append(line)
        return line

    yield make
    for line in lines:
        for place in line.opened:
            place.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    """An empty database; None stands for the SQLite file that a place makes for itself."""
    if request.param == "sqlite":
        return None
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture
def line(new_line: Callable[[str | None], Line], database_url: str | None) -> Line:
    """Each test that asks for it runs on both databases."""
    return new_line(database_url)


@pytest.fixture
def sqlite_line(new_line: Callable[[str | None], Line]) -> Line:
    return new_line(None)


@pytest.fixture
def postgresql_line(new_line: Callable[[str | None], Line], postgresql: PostgreSQL) -> Line:
    return new_line(postgresql.new_database())


@pytest.fixture
def host(line: Line) -> IntakePlace:
    return line.open()


def pair(folder: Path, clock: SetClock, database_url: str | None) -> Line:
    desk = PaperDesk(clock, folder / "stick")
    desk.pair(IntakePlace.create(folder / "state", desk.card.text).text)
    line = Line(folder / "state", folder / "runtime", desk, clock, database_url)
    place = line.open()
    place.deliverer.deliver(desk.dispatch(certificates=desk.certify(*range(clock.day, clock.day + 41))))
    place.close()
    return line


def copy_of(line: Line, folder: Path, clock: SetClock) -> Line:
    shutil.copytree(line.state, folder / "state")
    shutil.copytree(line.desk.stick, folder / "stick")
    desk = copy.copy(line.desk)
    desk.clock, desk.stick, desk.keys = clock, folder / "stick", list(line.desk.keys)
    desk.manifests, desk.opened = [], []
    return Line(folder / "state", folder / "runtime", desk, clock, None)


def contents(place: IntakePlace) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but blobs', to compare before and after."""
    with place.database.reading() as session:
        return {
            name: sorted((tuple(row) for row in session.execute(table.select())), key=repr)
            for name, table in Base.metadata.tables.items()
            if name != "blob_chunk"
        }


def blob_ids(place: IntakePlace) -> set[bytes]:
    return kept(place.blobs)


def rows_of(place: IntakePlace, table: str) -> list[tuple[Any, ...]]:
    return contents(place)[table]


def mailbox(place: IntakePlace, source: RoadSource) -> bytes:
    """The mailbox_ref of a source that has sent something."""
    ref = place.mailboxes.find(source.lookup)
    assert ref is not None
    return ref
