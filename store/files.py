"""Files that are there whole or not at all, and tell no time finer than a day."""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from store.clock import SECONDS_A_DAY

TEMPORARY_SUFFIX: Final = ".part"


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
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            for piece in pieces:
                write_all(file.fileno(), piece)
            os.fsync(file.fileno())
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


def remove_whole(path: Path) -> None:
    """Remove a file if it is there, durably."""
    with suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def flatten_times(path: Path, day: int) -> None:
    """Set the times of a file or folder to the beginning of `day`."""
    os.utime(path, (day * SECONDS_A_DAY, day * SECONDS_A_DAY))


@contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block. LockedError when another process holds it; it ends with its process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LockedError("another command is at work here; wait until it has ended") from error
        yield
    finally:
        os.close(descriptor)
