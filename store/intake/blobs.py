"""Sealed bytes at rest: one small interface, files by default, rows where several hosts share one database."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Executable, delete, insert, select

from store.files import TEMPORARY_SUFFIX, DurableFile, flatten_times, remove_whole, sync_folder
from store.intake.database import Database
from store.intake.errors import NoSpaceError
from store.intake.tables import BlobChunk

_PIECE: Final = 1 << 20


class MissingBlobError(Exception):
    """No such blob: erased meanwhile, or lost."""


class BlobWriter(Protocol):
    """Bytes on their way to rest. `finish` or `abort` ends it; `abort` may follow any error, and itself."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None:
        """The blob is on disk, whole, under its id."""

    def abort(self) -> None:
        """Nothing remains."""


class Blobs(Protocol):
    """Named by 16 random bytes. Writing the same id again replaces the blob."""

    def create(self, blob_id: bytes) -> BlobWriter: ...

    def read(self, blob_id: bytes) -> Iterator[bytes]:
        """Its pieces; MissingBlobError when there is none."""

    def delete(self, blob_id: bytes) -> None:
        """Remove it if it is there."""

    def sweep(self, wanted: Callable[[bytes], bool]) -> int:
        """Remove leftovers of a crash: unfinished blobs and those not wanted; how many. Only while this host writes nothing;
        what another host may be writing stays."""

    def free_bytes(self) -> int: ...


class FloorWriter:
    """Writes as long as `floor` bytes stay free, looking once for each MiB. NoSpaceError as soon as they would not."""

    def __init__(self, writer: BlobWriter, free_bytes: Callable[[], int], floor: int) -> None:
        self._writer, self._free_bytes, self._floor = writer, free_bytes, floor
        self._looked_ahead = 0

    def write(self, data: bytes) -> None:
        if self._looked_ahead < len(data):
            self._looked_ahead = max(_PIECE, len(data))
            if self._free_bytes() - self._looked_ahead < self._floor:
                raise NoSpaceError("the disk is nearly full")
        self._looked_ahead -= len(data)
        self._writer.write(data)

    def finish(self) -> None:
        self._writer.finish()

    def abort(self) -> None:
        self._writer.abort()


class FileBlobs:
    """One file each, in 256 folders, times flattened to the day."""

    def __init__(self, root: Path, today: Callable[[], int]) -> None:
        self._root, self._today = root, today
        root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def create(self, blob_id: bytes) -> "_FileWriter":
        path = self._path(blob_id)
        with _space_errors(), suppress(FileExistsError):
            path.parent.mkdir(mode=0o700)
            sync_folder(self._root)
            flatten_times(self._root, self._today())
        return _FileWriter(path, self._today())

    def read(self, blob_id: bytes) -> Iterator[bytes]:
        try:
            with self._path(blob_id).open("rb", buffering=0) as file:
                while piece := file.read(_PIECE):
                    yield piece
        except FileNotFoundError as error:
            raise MissingBlobError from error

    def delete(self, blob_id: bytes) -> None:
        path = self._path(blob_id)
        remove_whole(path)
        with suppress(FileNotFoundError):
            flatten_times(path.parent, self._today())

    def sweep(self, wanted: Callable[[bytes], bool]) -> int:
        leftovers = [path for path in self._root.glob("??/*.age") if not wanted(bytes.fromhex(path.stem))]
        leftovers += self._root.glob(f"??/*{TEMPORARY_SUFFIX}")
        for path in leftovers:
            remove_whole(path)
            flatten_times(path.parent, self._today())
        return len(leftovers)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self._root).free

    def _path(self, blob_id: bytes) -> Path:
        name = blob_id.hex()
        return self._root / name[:2] / f"{name}.age"


class _FileWriter:
    def __init__(self, path: Path, day: int) -> None:
        self._path, self._day = path, day
        self._stands_at = path.with_name(path.name + TEMPORARY_SUFFIX)
        with _space_errors():
            self._file = DurableFile(self._stands_at, os.O_TRUNC)

    def write(self, data: bytes) -> None:
        with _space_errors():
            self._file.write(data)

    def finish(self) -> None:
        with _space_errors():
            self._file.finish()
            flatten_times(self._stands_at, self._day)
            self._stands_at = self._stands_at.rename(self._path)
            sync_folder(self._path.parent)
            flatten_times(self._path.parent, self._day)

    def abort(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._stands_at.unlink()
        with suppress(OSError):
            flatten_times(self._path.parent, self._day)


class RowBlobs:
    """Rows of up to 1 MiB. An unfinished blob is an open transaction, which a crash undoes."""

    def __init__(self, database: Database, today: Callable[[], int]) -> None:
        self._database, self._today = database, today

    def create(self, blob_id: bytes) -> "_RowWriter":
        return _RowWriter(self._database, blob_id, self._today())

    def read(self, blob_id: bytes) -> Iterator[bytes]:
        position = 0
        while True:
            with self._database.reading() as session:
                data = session.scalar(select(BlobChunk.data).filter_by(blob_id=blob_id, position=position))
            if data is None:
                break
            yield data
            position += 1
        if position == 0:
            raise MissingBlobError

    def delete(self, blob_id: bytes) -> None:
        with self._database.writing() as session:
            session.execute(delete(BlobChunk).filter_by(blob_id=blob_id))

    def sweep(self, wanted: Callable[[bytes], bool]) -> int:
        # Younger ones may belong to a submission that another host is taking in at this moment.
        old = select(BlobChunk.blob_id).where(BlobChunk.day < self._today() - 1).distinct()
        with self._database.reading() as session:
            leftovers = [blob_id for blob_id in session.scalars(old) if not wanted(blob_id)]
        for blob_id in leftovers:
            self.delete(blob_id)
        return len(leftovers)

    def free_bytes(self) -> int:
        """The database's disk is not ours to measure: host_bytes bounds what is kept there."""
        return 1 << 62


class _RowWriter:
    def __init__(self, database: Database, blob_id: bytes, day: int) -> None:
        self._blob_id, self._day = blob_id, day
        self._buffer = bytearray()
        self._position = 0
        self._transaction = database.writing()
        self._session = self._transaction.__enter__()
        self._execute(delete(BlobChunk).filter_by(blob_id=blob_id))

    def write(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= _PIECE:
            self._insert(bytes(self._buffer[:_PIECE]))
            del self._buffer[:_PIECE]

    def finish(self) -> None:
        if self._buffer:
            self._insert(bytes(self._buffer))
        self._transaction.__exit__(None, None, None)

    def abort(self) -> None:
        error = RuntimeError("aborted")
        with suppress(RuntimeError):
            self._transaction.__exit__(RuntimeError, error, None)

    def _insert(self, data: bytes) -> None:
        row = {"blob_id": self._blob_id, "position": self._position, "day": self._day, "data": data}
        self._execute(insert(BlobChunk).values(row))
        self._position += 1

    def _execute(self, statement: Executable) -> None:
        try:
            self._session.execute(statement)
        except BaseException as error:
            # Undone, the connection given back, and said in our own words: nothing hangs on whether `abort` follows.
            self._transaction.__exit__(type(error), error, error.__traceback__)
            raise


class _space_errors:  # noqa: N801 - reads as a statement
    """Turns the operating system's refusals to write into NoSpaceError."""

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, OSError):
            raise NoSpaceError("the disk is full or cannot be written to") from error
