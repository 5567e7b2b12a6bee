"""Dispatch bundles that were made, kept unchanged until the intake host acknowledges them."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from crypto.manifest import Direction
from store.bundle_names import bundle_name
from store.desk.errors import DamagedError
from store.desk.saving import in_own_words
from store.files import remove_whole, write_whole
from store.plain_files import ChangedFileError, copy_to_stick, holds


def dispatch_name(number: int) -> str:
    return bundle_name(Direction.DISPATCH, number)


class Outbox:
    """The folder of bundles. A file that the database does not name is a leftover of a crash: it never left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, number: int, pieces: Iterable[bytes]) -> bytes:
        """Write a new bundle, durably; returns the file's SHA-256."""
        digest = hashlib.sha256()

        def hashed() -> Iterator[bytes]:
            for piece in pieces:
                digest.update(piece)
                yield piece

        try:
            write_whole(self._folder / dispatch_name(number), hashed())
        except OSError as error:
            raise in_own_words(error, self._folder) from error
        return digest.digest()

    def copy(self, number: int, file_sha256: bytes, to: Path) -> Path:
        """Put a bundle on a stick, whole or not at all. DamagedError when the kept file is missing or was changed."""
        try:
            copy_to_stick(self._folder / dispatch_name(number), file_sha256, to)
        except ChangedFileError as error:
            raise DamagedError(f"{error} in the outbox") from error
        except OSError as error:
            raise in_own_words(error, to) from error
        return to / dispatch_name(number)

    def holds(self, number: int, file_sha256: bytes) -> bool:
        """Whether the bundle is here, unchanged."""
        path = self._folder / dispatch_name(number)
        with suppress(OSError):
            return holds(path, path.stat().st_size, file_sha256)
        return False

    def remove(self, number: int) -> None:
        remove_whole(self._folder / dispatch_name(number))

    def sweep(self, kept: Iterable[int]) -> None:
        """Remove all files but those of the bundles in `kept`."""
        for name in set(os.listdir(self._folder)) - set(map(dispatch_name, kept)):
            remove_whole(self._folder / name)
