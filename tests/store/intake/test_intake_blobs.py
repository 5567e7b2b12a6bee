"""Both stores of sealed bytes keep one promise: whole under its id, or not there."""

import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.intake.blobs import Blobs, FileBlobs, MissingBlobError, RowBlobs
from store.intake.database import Database, upgrade
from store.intake.errors import NoSpaceError
from tests.store.intake.conftest import DAY
from tests.support.disk import room_for
from tests.support.kept_blobs import kept
from tests.support.postgresql import PostgreSQL

ONE, TWO = b"1" * 16, b"2" * 16
SIZES = [1, 65_535, 1 << 20, (1 << 20) + 1, 17 << 20]  # about the edges of a row and of writing back


@pytest.fixture
def files(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs", lambda: DAY)


@pytest.fixture(params=["files", "rows in SQLite", "rows in PostgreSQL"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Blobs]:
    if request.param == "files":
        yield request.getfixturevalue("files")
        return
    if request.param == "rows in SQLite":
        database = Database(f"sqlite:///{tmp_path / 'rows.sqlite'}")
    else:
        database = Database(request.getfixturevalue("postgresql").new_database())
    upgrade(database)
    yield RowBlobs(database, lambda: DAY)
    database.close()


def keep(blobs: Blobs, blob_id: bytes, *pieces: bytes) -> None:
    writer = blobs.create(blob_id)
    try:
        for piece in pieces:
            writer.write(piece)
        writer.finish()
    except BaseException:
        writer.abort()
        raise


def read(blobs: Blobs, blob_id: bytes) -> bytes:
    return b"".join(blobs.read(blob_id))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_finished_is_read_back(blobs: Blobs, size: int) -> None:
    data = secrets.token_bytes(size)
    keep(blobs, ONE, *(data[at : at + 300_000] for at in range(0, size, 300_000)))
    assert read(blobs, ONE) == data
    assert kept(blobs) == {ONE}


def test_an_unfinished_blob_cannot_be_read_or_listed(blobs: Blobs) -> None:
    writer = blobs.create(ONE)
    writer.write(b"x" * (2 << 20))
    if not (isinstance(blobs, RowBlobs) and blobs._database.is_sqlite):  # there a reader of its own transaction
        assert kept(blobs) == set()
        with pytest.raises(MissingBlobError):
            read(blobs, ONE)
    writer.abort()
    assert kept(blobs) == set()
    with pytest.raises(MissingBlobError):
        read(blobs, ONE)
    assert blobs.sweep(lambda _: True) == 0


def test_the_same_id_again_replaces_the_blob_only_when_finished(blobs: Blobs) -> None:
    keep(blobs, ONE, b"old" * 1_000_000)
    aborted = blobs.create(ONE)
    aborted.write(b"new")
    aborted.abort()
    assert read(blobs, ONE) == b"old" * 1_000_000
    keep(blobs, ONE, b"new")
    assert read(blobs, ONE) == b"new"
    assert kept(blobs) == {ONE}


def test_deleting_takes_one_and_does_not_mind_that_there_is_none(blobs: Blobs) -> None:
    keep(blobs, ONE, b"1")
    keep(blobs, TWO, b"2")
    blobs.delete(ONE)
    blobs.delete(ONE)
    with pytest.raises(MissingBlobError):
        read(blobs, ONE)
    assert read(blobs, TWO) == b"2"


def test_sweeping_removes_what_is_not_wanted(blobs: Blobs) -> None:
    keep(blobs, ONE, b"1")
    keep(blobs, TWO, b"2")
    blobs._today = lambda: DAY + 2
    assert blobs.sweep({ONE}.__contains__) == 1
    assert kept(blobs) == {ONE}


def test_rows_that_another_host_is_taking_in_are_not_swept(postgresql: PostgreSQL) -> None:
    database = Database(postgresql.new_database())
    upgrade(database)
    day = DAY
    one_host, other_host = (RowBlobs(database, lambda: day) for _ in range(2))
    keep(one_host, ONE, b"at rest, and in no submission yet")
    day = DAY + 1
    assert other_host.sweep(lambda _: False) == 0
    day = DAY + 2
    assert other_host.sweep(lambda _: False) == 1
    database.close()


def test_aborting_twice_is_aborting_once(blobs: Blobs) -> None:
    writer = blobs.create(ONE)
    writer.write(b"x")
    writer.abort()
    writer.abort()
    keep(blobs, ONE, b"y")
    assert read(blobs, ONE) == b"y"


def test_a_failed_file_never_closes_what_somebody_else_opened_since(
    files: FileBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = files.create(ONE)
    monkeypatch.setattr(os, "fsync", _full)
    with pytest.raises(NoSpaceError):
        writer.finish()
    monkeypatch.undo()
    writer.abort()
    others, more = os.pipe()  # takes the number that was freed
    writer.abort()
    os.write(more, b"still open")
    assert os.read(others, 100) == b"still open"
    os.close(others)
    os.close(more)


@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "utime", "rename"])
def test_no_room_at_any_step_of_a_file_is_said_and_leaves_nothing(
    files: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    genuine = getattr(os, call)

    def refuses(*given: object, **keywords: object) -> object:
        monkeypatch.setattr(os, call, genuine)
        return _full()

    monkeypatch.setattr(os, call, refuses)
    with pytest.raises(NoSpaceError):
        keep(files, ONE, b"x" * 100)
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
    keep(files, ONE, b"y")
    assert read(files, ONE) == b"y"


def test_no_room_while_a_large_file_is_brought_to_disk_is_not_overheard(
    files: FileBlobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells a write error once; the thread that writes back may be the one that hears it."""
    told = []

    def full(descriptor: int) -> None:
        told.append(descriptor)
        _full()

    monkeypatch.setattr(os, "fdatasync", full)
    writer = files.create(ONE)
    writer.write(b"x" * (17 << 20))
    while not told:
        pass  # the other thread's turn: it comes, however long it takes
    with pytest.raises(NoSpaceError):
        writer.finish()
    writer.abort()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_file_that_the_disk_has_no_room_for_is_refused_by_the_kernel_itself(files: FileBlobs, tmp_path: Path) -> None:
    keep(files, TWO, b"before")
    writer = files.create(ONE)
    with room_for(100_000):
        writer.write(b"x" * 99_999)
        with pytest.raises(NoSpaceError):
            writer.write(b"x" * 2)
        writer.abort()
    assert kept(files) == {TWO}


def test_a_row_that_postgresql_has_no_room_for_is_refused_and_leaves_nothing(postgresql: PostgreSQL) -> None:
    database = Database(postgresql.new_database())
    upgrade(database)
    blobs = RowBlobs(database, lambda: DAY)
    keep(blobs, TWO, b"before")
    database.close()
    with postgresql.with_room_for(3_000_001):
        with pytest.raises(NoSpaceError):
            keep(blobs, ONE, *(secrets.token_bytes(1 << 20) for _ in range(8)))
        assert kept(blobs) == {TWO}
        database.close()
    keep(blobs, ONE, b"after")
    assert read(blobs, ONE) == b"after"
    database.close()


def _full(*_: object, **__: object) -> object:
    raise OSError(errno.ENOSPC, "No space left on device")
