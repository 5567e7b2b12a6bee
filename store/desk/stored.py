"""Collected files as they arrived: sealed age files under random names. Their keys are in the encrypted database.

A file that no row names is a leftover of a crash; `sweep` removes it.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Final

from crypto.age import FileKey
from crypto.errors import CryptoError
from crypto.sealed_object import ObjectReader
from store.desk.errors import DamagedError
from store.files import ReadOnce, remove_whole, sync_folder

_BLOCK: Final = 1 << 20  # chunks read one by one would cost more in calls than in opening them


@dataclass(frozen=True, repr=False)
class StoredKey:
    """Where a file is, how long its sealed form is, and the 16-byte key that opens it."""

    name: str
    sealed_size: int
    file_key: bytes


class StoredFiles:
    """The folder of sealed files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_name(self) -> str:
        return secrets.token_hex(16)

    def path(self, name: str) -> Path:
        return self.folder / name

    def content(self, key: StoredKey) -> Iterator[bytes]:
        """The content of a file in pieces. DamagedError at the first wrong byte: then throw away what came before."""
        try:
            with BufferedReader(ReadOnce(self.path(key.name)), _BLOCK) as untrusted_file:
                yield from ObjectReader(FileKey(key.file_key), untrusted_file, key.sealed_size)
        except FileNotFoundError as error:
            raise DamagedError("the file is missing from the desk's folder") from error
        except CryptoError as error:
            raise DamagedError(f"the file does not open: {error}") from error

    def remove(self, name: str) -> None:
        remove_whole(self.path(name))

    def sync(self) -> None:
        """Make the names of new files last."""
        sync_folder(self.folder)

    def names(self) -> set[str]:
        return set(os.listdir(self.folder))

    def sweep(self, kept: Iterable[str]) -> int:
        """Remove all files but those in `kept`; returns how many. Only while nobody else writes here."""
        leftovers = self.names().difference(kept)
        for name in leftovers:
            with suppress(FileNotFoundError):
                self.path(name).unlink()
        if leftovers:
            self.sync()
        return len(leftovers)
