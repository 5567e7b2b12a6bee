"""Bundles on the courier's stick: in part under a name that tells their hash, or whole under their own."""

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from crypto.manifest import Direction
from journalist_interface.courier.errors import InterruptedTransferError, MisbehavedError, StickError
from journalist_interface.courier.protocol import Offered
from store.bundle_names import bundle_name
from store.files import DurableFile, remove_whole, sync_folder
from store.plain_files import holds, open_plain

_PIECE: Final = 1 << 20
_PART: Final = re.compile(r"\.luwte-collect-([0-9]{6,10})-[0-9a-f]{64}\.part", re.ASCII)


class Stick:
    """A folder that is there already: one that is not is a stick that is not plugged in."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def check(self) -> None:
        """StickError when it is no folder."""
        with stick_errors():
            if not self._folder.is_dir():
                raise StickError(f"{self._folder} is not a folder that is there: is the stick plugged in?")

    def path(self, bundle: Offered) -> Path:
        return self._folder / bundle_name(Direction.COLLECT, bundle.number)

    def has(self, bundle: Offered) -> bool:
        """Whether this very bundle is there, whole. What is left of its transfer is removed then."""
        with stick_errors():
            there = holds(self.path(bundle), bundle.size, bundle.sha256)
            if there:
                self._forget_parts(bundle.number)
            return there

    def check_room(self, bundle: Offered) -> None:
        """StickError when what is missing of the bundle does not fit."""
        with stick_errors():
            part = self._part(bundle)
            missing = bundle.size - (part.stat().st_size if part.exists() else 0)
            free = shutil.disk_usage(self._folder).free
        if missing > free:
            raise StickError(
                f"the stick is full: bundle {bundle.number} needs {missing:,} bytes more, {free:,} are free. "
                "Nothing was lost: make room, or take another stick, and repeat"
            )

    def writing(self, bundle: Offered) -> "Writing":
        """Go on with the bundle's file where it stands."""
        with stick_errors():
            return Writing(self._part(bundle), self.path(bundle), bundle)

    def _part(self, bundle: Offered) -> Path:
        return self._folder / f".luwte-collect-{bundle.number:06}-{bundle.sha256.hex()}.part"

    def _forget_parts(self, number: int) -> None:
        for path in self._folder.iterdir():
            match = _PART.fullmatch(path.name)
            if match and int(match[1]) == number:
                remove_whole(path)


class Writing:
    """A bundle's file on its way. `finish` or `pause` ends it; what is there after `pause` is gone on with later."""

    def __init__(self, part: Path, final: Path, bundle: Offered) -> None:
        self._part, self._final, self._bundle = part, final, bundle
        self._digest, self.length = hashlib.sha256(), 0
        with suppress(FileNotFoundError), open_plain(part) as file:
            while piece := file.read(_PIECE):
                self._digest.update(piece)
                self.length += len(piece)
        if self.length > bundle.size:
            remove_whole(part)
            self._digest, self.length = hashlib.sha256(), 0
        self._ended = False
        self._gone_on = self.length > 0
        self._file = DurableFile(part, os.O_APPEND, mode=0o644)

    def write(self, piece: bytes) -> None:
        """StickError when the stick does not take it."""
        with stick_errors():
            self._file.write(piece)
        self._digest.update(piece)
        self.length += len(piece)

    def finish(self) -> Path:
        """The whole file, on the stick for good. When it is not the one announced nothing is there: MisbehavedError, or
        InterruptedTransferError when it is a part from before that may be what is damaged."""
        with stick_errors():
            self._ended = True
            self._file.finish()
            if self.length != self._bundle.size or self._digest.digest() != self._bundle.sha256:
                remove_whole(self._part)
                text = f"bundle {self._bundle.number} is not what the intake host announced (another SHA-256); it was removed"
                raise InterruptedTransferError(text) if self._gone_on else MisbehavedError(text)
            os.rename(self._part, self._final)
            sync_folder(self._final.parent)
        return self._final

    def pause(self) -> None:
        """Nothing, once it is finished."""
        if not self._ended:
            with suppress(OSError):
                self._file.finish()
        self._file.close()


@contextmanager
def stick_errors() -> Iterator[None]:
    """Say in one sentence what an operating system's refusal means to who carries the stick."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            text = "the stick is full. Nothing was lost: make room, or take another stick, and repeat"
        elif error.errno == errno.EFBIG:
            text = "the stick cannot hold a file of this size: format it as exFAT or ext4"
        elif error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO, errno.ENOTDIR, errno.ESTALE):
            text = "the stick is gone or broken. Nothing was lost: plug it in again, or take another one, and repeat"
        else:
            text = f"the stick cannot be used ({error.strerror}). Nothing was lost"
        raise StickError(text) from error
