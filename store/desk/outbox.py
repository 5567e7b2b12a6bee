"""Dispatch bundles that were made, kept unchanged until the intake host acknowledges them."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from store.desk.errors import DamagedError
from store.desk.saving import in_own_words
from store.files import TEMPORARY_SUFFIX, remove_whole, write_whole
from store.plain_files import file_sha256, open_plain, size_of

_BLOCK = 1024 * 1024


def bundle_name(number: int) -> str:
    """The file name of a dispatch bundle: a hint for people, the manifest decides."""
    return f"luwte-dispatch-{number:06d}.age"


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
            write_whole(self._folder / bundle_name(number), hashed())
        except OSError as error:
            raise in_own_words(error, self._folder) from error
        return digest.digest()

    def copy(self, number: int, sha256: bytes, to: Path) -> Path:
        """Put a bundle on a stick, whole or not at all. DamagedError when the kept file is missing or was changed."""
        target = to / bundle_name(number)
        source = self._folder / bundle_name(number)
        if file_sha256(target, size_of(source)) == sha256:
            return target
        try:
            # What stands under the temporary name on the stick is nobody's: a pipe there would wait for ever.
            target.with_name(target.name + TEMPORARY_SUFFIX).unlink(missing_ok=True)
            write_whole(target, _checked(source, sha256))
        except OSError as error:
            raise in_own_words(error, to) from error
        return target

    def holds(self, number: int, sha256: bytes) -> bool:
        """Whether the bundle is here, unchanged."""
        return file_sha256(self._folder / bundle_name(number)) == sha256

    def remove(self, number: int) -> None:
        remove_whole(self._folder / bundle_name(number))

    def sweep(self, kept: Iterable[int]) -> None:
        """Remove all files but those of the bundles in `kept`."""
        for name in set(os.listdir(self._folder)) - set(map(bundle_name, kept)):
            remove_whole(self._folder / name)


def _checked(source: Path, sha256: bytes) -> Iterator[bytes]:
    try:
        file = open_plain(source)
    except OSError as error:
        raise DamagedError("a bundle's file is missing from the outbox") from error
    digest = hashlib.sha256()
    with file:
        while piece := file.read(_BLOCK):
            digest.update(piece)
            yield piece
    if digest.digest() != sha256:
        raise DamagedError("a bundle's file in the outbox was changed")
