"""Opening what a stick holds: a stranger may have filled it with links, pipes and devices, which never end."""

import errno
import hashlib
import os
import stat
from contextlib import suppress
from io import FileIO
from pathlib import Path

from store.files import ReadOnce


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


def file_sha256(path: Path, size: int | None = None) -> bytes | None:
    """The SHA-256 of a plain file, or None when it cannot be read, or has another size than the one that is given."""
    with suppress(OSError), open_plain(path) as file:
        if size is None or os.fstat(file.fileno()).st_size == size:
            return hashlib.file_digest(file, "sha256").digest()
    return None


def size_of(path: Path) -> int | None:
    """The size of a file, or None when it is not there."""
    with suppress(OSError):
        return path.stat().st_size
    return None


def _not_plain(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a plain file", str(path))
