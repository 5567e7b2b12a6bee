"""Saving a decrypted file into a folder that a handler chose: whole or not at all, and never over another file."""

import errno
import os
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from store.desk.errors import DeskError, FolderError, NoSpaceError
from store.desk.file_names import numbered
from store.files import sync_folder, write_durably

_MOST_TRIES: Final = 10_000


def save_content(folder: Path, safe_name: str, pieces: Iterable[bytes]) -> Path:
    """Write `pieces` to a new file in `folder`, mode 0600, and return its path.

    A name that is taken gets `-2`, `-3` and so on. NoSpaceError or FolderError leave nothing behind.
    """
    temporary = folder / f".luwte-{secrets.token_hex(8)}.part"
    try:
        try:
            write_durably(temporary, pieces, os.O_EXCL)
            path = _claim(temporary, folder, safe_name)
        finally:
            with suppress(OSError):
                temporary.unlink()
        sync_folder(folder)
    except OSError as error:
        raise in_own_words(error, folder) from error
    return path


def in_own_words(error: OSError, folder: Path) -> DeskError:
    """What a handler can do about a folder that refused."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return NoSpaceError(f"no space is left in {folder}; nothing was changed")
    return FolderError(f"{folder} cannot be written to: {error.strerror}")


def _claim(temporary: Path, folder: Path, safe_name: str) -> Path:
    """Give the finished file its name. Never over another file."""
    for number in range(1, _MOST_TRIES):
        path = folder / numbered(safe_name, number)
        try:
            # A hard link fails where the name is taken; a rename would replace it.
            os.link(temporary, path)
        except FileExistsError:
            continue
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
                raise
            if not _claimed_without_links(temporary, path):
                continue
        return path
    raise FolderError(f"{folder} holds too many files of that name")


def _claimed_without_links(temporary: Path, path: Path) -> bool:
    """FAT sticks have no hard links: take the name with an empty file of our own, then rename over that."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        return False
    os.rename(temporary, path)
    return True
