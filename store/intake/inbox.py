"""Dispatch bundles that a courier is uploading: each a file named by its hash and size, appended to until it is whole.

What a crash or a broken connection leaves is a shorter file, and the upload goes on from its end. The name is the promise
that is checked before anything is taken in, so that nobody who uploads something else under it gains anything. Once a bundle
was taken in, only a mark with its number stays: its replies must not outlive a mailbox that is erased.
"""

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store.clock import SECONDS_A_DAY
from store.files import LockedError, flatten_times, remove_whole, sync_folder, write_all, write_whole
from store.intake.bundles import room_for
from store.intake.errors import UploadDamagedError, UploadOffsetError
from store.plain_files import holds

LARGEST_UPLOAD: Final = 512 << 20  # bytes; a dispatch bundle holds texts
_MOST_BYTES: Final = 1 << 30  # announced, of all uploads
_MOST_UPLOADS: Final = 8
_MOST_MARKS: Final = 16
_DAYS_KEPT: Final = 14
_TAKEN: Final = ".taken"
_NAME: Final = re.compile(r"([0-9a-f]{64})-([1-9][0-9]{0,8})", re.ASCII)
_BUSY: Final = "another courier is at work here; try again in a minute"
_DISK: Final = "the disk of the intake host"


@dataclass(frozen=True)
class Upload:
    """The file that is meant: its SHA-256 and its size in bytes, from 1 to LARGEST_UPLOAD."""

    sha256: bytes
    size: int

    @classmethod
    def parse(cls, untrusted_name: str) -> "Upload | None":
        """What a name means; None when it is no name of an upload."""
        match = _NAME.fullmatch(untrusted_name)
        if match is None or int(match[2]) > LARGEST_UPLOAD:
            return None
        return cls(bytes.fromhex(match[1]), int(match[2]))

    @property
    def name(self) -> str:
        return f"{self.sha256.hex()}-{self.size}"


class Inbox:
    """The folder of uploads. Safe for threads and processes: who works on an upload holds its lock."""

    def __init__(self, folder: Path, today: Callable[[], int]) -> None:
        self._folder, self._today = folder, today

    def have(self, upload: Upload) -> int:
        """How many bytes of it are here."""
        try:
            return (self._folder / upload.name).stat().st_size
        except FileNotFoundError:
            return 0

    def append(self, upload: Upload, offset: int, pieces: Iterable[bytes]) -> int:
        """Add what comes; how many bytes are here then. All that came stays, also when `pieces` raises.

        UploadOffsetError when the upload does not stand at `offset`; UploadDamagedError when more comes than was announced;
        LockedError while another works on it; NoSpaceError.
        """
        with room_for(_DISK):
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._make_room(upload)
        with self._locked(upload, os.O_CREAT) as descriptor:
            have = os.fstat(descriptor).st_size
            if have != offset:
                raise UploadOffsetError(have)
            try:
                for piece in pieces:
                    have += len(piece)
                    if have > upload.size:
                        raise UploadDamagedError("more was sent than was announced")
                    with room_for(_DISK):
                        write_all(descriptor, piece)
            finally:
                with room_for(_DISK):
                    os.fsync(descriptor)
                    sync_folder(self._folder)
                    flatten_times(self._folder / upload.name, self._today())
            return have

    @contextmanager
    def whole(self, upload: Upload) -> Iterator[Path]:
        """The whole file, its hash checked, for the block. UploadOffsetError when it is not whole; UploadDamagedError when it
        is another file than announced, which is then removed; LockedError."""
        with self._locked(upload, 0) as descriptor:
            path = self._folder / upload.name
            if (have := os.fstat(descriptor).st_size) != upload.size:
                raise UploadOffsetError(have)
            if not holds(path, upload.size, upload.sha256):
                remove_whole(path)
                raise UploadDamagedError("what arrived is not what was announced; it was removed")
            yield path

    def discard(self, upload: Upload) -> None:
        """Remove what is here of it."""
        remove_whole(self._folder / upload.name)

    def mark_taken(self, upload: Upload, number: int) -> None:
        """It was taken in as this bundle: remember that, and remove it."""
        with room_for(_DISK):
            write_whole(self._folder / (upload.name + _TAKEN), [b"%d" % number])
        self.discard(upload)
        marks = sorted(self._folder.glob("*" + _TAKEN), key=_number_in)
        for mark in marks[:-_MOST_MARKS]:
            remove_whole(mark)

    def taken_as(self, upload: Upload) -> int | None:
        """The number of the bundle that it was taken in as; None when this folder knows of none."""
        return _number_in(self._folder / (upload.name + _TAKEN)) or None

    def sweep(self) -> None:
        """Remove what is no upload, and what nobody went on with for two weeks. Only before serving."""
        with suppress(FileNotFoundError):
            for path in self._folder.iterdir():
                if Upload.parse(path.name.removesuffix(_TAKEN)) is None:
                    remove_whole(path)
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = (self._today() - _DAYS_KEPT) * SECONDS_A_DAY
        for upload in self._uploads():
            if _day_of(self._folder / upload.name) < oldest:
                self.discard(upload)

    def _make_room(self, upload: Upload) -> None:
        """Bound what lies here: the upload that was left longest goes first, then the shortest; none that is worked on."""
        self._forget_old()
        others = {other: self._folder / other.name for other in self._uploads() if other != upload}
        for other, path in sorted(others.items(), key=lambda item: (_day_of(item[1]), self.have(item[0]))):
            if len(others) < _MOST_UPLOADS and sum(one.size for one in others) + upload.size <= _MOST_BYTES:
                return
            with suppress(LockedError, UploadOffsetError), self._locked(other, 0):
                remove_whole(path)
                del others[other]
        if len(others) >= _MOST_UPLOADS or sum(one.size for one in others) + upload.size > _MOST_BYTES:
            raise LockedError(_BUSY)

    def _uploads(self) -> list[Upload]:
        return [found for path in self._folder.iterdir() if (found := Upload.parse(path.name)) is not None]

    @contextmanager
    def _locked(self, upload: Upload, flag: int) -> Iterator[int]:
        """Its file, opened to append to and held. UploadOffsetError(0) when there is none and `flag` makes none."""
        path = self._folder / upload.name
        flags = os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | flag
        try:
            descriptor = os.open(path, flags, 0o600)
        except FileNotFoundError as error:
            raise UploadOffsetError(0) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise LockedError(_BUSY) from error
            if not os.fstat(descriptor).st_nlink:  # removed between opening and locking
                raise LockedError(_BUSY)
            yield descriptor
        finally:
            os.close(descriptor)


def _number_in(mark: Path) -> int:
    """The number that a mark holds; 0 for one that is gone or damaged."""
    try:
        return int(mark.read_bytes()[:10])
    except (OSError, ValueError):
        return 0


def _day_of(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0
