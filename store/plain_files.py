"""What lies on a stick: a stranger may have filled it with links, pipes and devices, which never end."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Final

from store.files import TEMPORARY_SUFFIX, ReadOnce, write_whole

_PIECE: Final = 1 << 20


class ChangedFileError(Exception):
    """A file that is kept to be carried is missing or not as it was written."""


def open_plain(path: Path) -> FileIO:
    """Open a plain file for reading. OSError at once for anything else, a link included."""
    # Not blocking: to open a pipe waits for its writer. What it is can be asked safely only once it is open.
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _not_plain(path) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_plain(path)
    return ReadOnce(descriptor)


def holds(path: Path, size: int, sha256: bytes) -> bool:
    """Whether this is a plain file of exactly this size in bytes and this hash."""
    with suppress(OSError), open_plain(path) as file:
        return os.fstat(file.fileno()).st_size == size and hashlib.file_digest(file, "sha256").digest() == sha256
    return False


def copy_to_stick(source: Path, sha256: bytes, to: Path) -> None:
    """Copy a bundle into the folder `to`, under its own name, readable by all: whole or not at all, unless it is there.

    ChangedFileError when `source` is missing or has another hash; OSError when the stick refuses.
    """
    try:
        file = open_plain(source)
    except OSError as error:
        raise ChangedFileError(f"{source.name} is missing") from error
    with file:
        target = to / source.name
        if holds(target, os.fstat(file.fileno()).st_size, sha256):
            return
        # What stands under the temporary name on the stick is nobody's: a pipe there would wait for ever.
        target.with_name(target.name + TEMPORARY_SUFFIX).unlink(missing_ok=True)
        write_whole(target, _checked(file, sha256), mode=0o644)


def _checked(file: FileIO, sha256: bytes) -> Iterator[bytes]:
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
        yield piece
    if digest.digest() != sha256:
        raise ChangedFileError(f"{file.name} was changed")


def _not_plain(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a plain file", str(path))
