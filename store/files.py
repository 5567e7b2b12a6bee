"""Files that are there whole or not at all, and whose times can be flattened to the day."""

import fcntl
import io
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from store.beside import Beside
from store.clock import SECONDS_A_DAY

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TEMPORARY_SUFFIX: Final = ".part"
_LARGE: Final = 16 << 20
_GIVEN_BACK: Final = 8 << 20  # bytes
_WRITE_BACK_PAUSE: Final = 0.005  # seconds


class LockedError(Exception):
    """Another process does the same work at this moment."""


def sync_folder(folder: Path) -> None:
    """Make renames and removals in `folder` last."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, pieces: Iterable[bytes], *, mode: int = 0o600) -> None:
    """Write a file so that it is on disk whole, or not there: temporary name, fsync, rename, fsync of the folder.

    On any error the temporary file is removed and what stood at `path` stays.
    """
    temporary = path.with_name(path.name + TEMPORARY_SUFFIX)
    try:
        write_durably(temporary, pieces, os.O_TRUNC, mode=mode)
        os.rename(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte: a single write may be cut short."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_durably(path: Path, pieces: Iterable[bytes | memoryview], flag: int, *, mode: int = 0o600) -> None:
    """Write a file and wait until it is on disk; `flag` is os.O_EXCL or os.O_TRUNC. After an error, what stands there is
    for the caller to remove. Many pieces are written on a thread of their own; each must stay as it is."""
    file = DurableFile(path, flag, mode)
    beside = Beside(file.write_each, "writing")
    try:
        for piece in pieces:
            beside.put(piece)
        beside.end()
        file.finish()
    finally:
        beside.abandon()
        file.close()


class DurableFile:
    """A file on its way to disk. A large one is brought there while it grows, so that `finish` is short. What is there is
    given back to the system's memory: it is read later, if ever, and shall not push out what is in use now.

    `finish` returns once all of it is on disk, and raises what the disk refused meanwhile. `close` may follow any error,
    and itself.
    """

    def __init__(self, path: Path, flag: int, mode: int = 0o600) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag | os.O_NOFOLLOW, mode)
        self._length = 0
        self._write_back: _WriteBack | None = None

    def write(self, data: bytes | memoryview) -> None:
        write_all(self._descriptor, data)
        self._length += len(data)
        if self._write_back is None and self._length >= _LARGE:
            self._write_back = _WriteBack(self._descriptor)

    def write_each(self, pieces: Iterable[bytes | memoryview]) -> None:
        for piece in pieces:
            self.write(piece)

    def finish(self) -> None:
        self._end_write_back()
        os.fsync(self._descriptor)
        _give_back(self._descriptor)
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._end_write_back()
        # Once: a second time the number may be another file's, or somebody's connection.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _end_write_back(self) -> None:
        write_back, self._write_back = self._write_back, None
        if write_back is not None:
            write_back.end()


class _WriteBack:
    """Brings a file to disk while it is written. The system tells a write error once: when told here, `end` raises it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._error: OSError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="write-back", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while not self._ended.wait(_WRITE_BACK_PAUSE):
                os.fdatasync(self._descriptor)
        except OSError as error:
            self._error = error


class ReadOnce(io.FileIO):
    """A file that is read from front to back and not again soon; what was read is given back to the system's memory."""

    def __init__(self, file: Path | int) -> None:
        super().__init__(file)
        self._not_given_back = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._count(len(data))
        return data

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        count = super().readinto(buffer)
        self._count(count)
        return count

    def _count(self, length: int) -> None:
        self._not_given_back += length
        if self._not_given_back >= _GIVEN_BACK:
            _give_back(self.fileno(), self.tell())
            self._not_given_back = 0

    def close(self) -> None:
        if not self.closed:
            _give_back(self.fileno())
        super().close()


def _give_back(descriptor: int, end: int = 0) -> None:
    """Let the system forget a file's bytes up to `end`, 0 for all. A hint: where it is refused, nothing is wrong."""
    with suppress(OSError):
        os.posix_fadvise(descriptor, 0, end, os.POSIX_FADV_DONTNEED)


def remove_whole(path: Path) -> None:
    """Remove a file if it is there, durably."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def flatten_times(path: Path, day: int) -> None:
    """Set the times of a file or folder to the beginning of `day`."""
    os.utime(path, (day * SECONDS_A_DAY, day * SECONDS_A_DAY))


@contextmanager
def exclusively(
    path: Path, otherwise: str = "another command is at work here; wait until it has ended"
) -> Iterator[None]:
    """Hold the lock file `path` for the block; it ends with its process. LockedError(otherwise) when another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError(otherwise) from error
        yield
    finally:
        os.close(descriptor)
