"""The courier's side: fetches sealed bundles from the intake host and brings sealed bundles to it.

Whatever breaks off is gone on with, now after a pause or at the next command. Nothing is believed: a file gets its name only
when its hash is the announced one, and no answer of the host makes anything else happen on this machine.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final, TypeVar

from crypto.errors import MalformedError
from journalist_interface.courier.errors import (
    InterruptedTransferError,
    MisbehavedError,
    RefusedError,
    StickError,
    UnreachableError,
)
from journalist_interface.courier.protocol import Offer, Offered, Refusal, Taken, UploadState
from journalist_interface.courier.stick import Stick, stick_errors
from journalist_interface.courier.wire import Connect, HostRefusal, Wire
from store.plain_files import open_plain

Progress = Callable[[str, int, int], None]  # what, bytes done, bytes in all
_Result = TypeVar("_Result")
_PIECE: Final = 1 << 16
_AGAIN: Final = (Refusal.BUSY, Refusal.OFFSET)


@dataclass(frozen=True)
class Patience:
    """How long to try. `pauses` are the seconds between attempts that brought nothing: as many attempts, and one more."""

    silence: float = 300  # seconds that the host may be silent, as while it makes a bundle
    pauses: tuple[float, ...] = (2, 5, 10, 20, 30, 60, 60)


@dataclass(frozen=True)
class Collected:
    """`made`: numbers of bundles that the host made just now. `files`: all that the desk has not acknowledged, on the stick.
    `fetched`: numbers of those that were not there before."""

    made: tuple[int, ...]
    files: tuple[Path, ...]
    fetched: tuple[int, ...]


class Client:
    """Talks to one intake host by connections that `connect` makes.

    Raises a CourierError; after any, repeating the same call goes on where it stood. `say` hears why it waits.
    """

    def __init__(
        self,
        host: str,
        connect: Connect,
        patience: Patience | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._patience, self._say = patience or Patience(), say
        self._wire = Wire(host, connect, self._patience.silence)

    def collect(self, to: Path, progress: Progress = lambda *_: None) -> Collected:
        """Let the host make bundles of what came before today; bring all that the desk has not into the folder `to`."""
        stick = Stick(to)
        stick.check()
        with _refusals():
            offer = self._again(lambda: _read(Offer.decode, self._wire.ask("POST", "/collect")))
            files, fetched = [], []
            for bundle in offer.bundles:
                if not stick.has(bundle):
                    if not self._fetch(stick, bundle, progress):
                        continue
                    fetched.append(bundle.number)
                files.append(stick.path(bundle))
        return Collected(offer.made, tuple(files), tuple(fetched))

    def deliver(self, path: Path, progress: Progress = lambda *_: None) -> Taken:
        """Bring a dispatch bundle's file to the host, which takes it in. RefusedError with its reason."""
        with _opened(path) as file, _refusals():
            with stick_errors():
                size = os.fstat(file.fileno()).st_size
                if not size:
                    raise StickError(f"{path.name} is no bundle from the desk: it is empty")
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            furthest = _Furthest(path.name, size, progress)
            return self._again(lambda: self._bring(file, f"/uploads/{digest}-{size}", furthest), furthest)

    def _fetch(self, stick: Stick, bundle: Offered, progress: Progress) -> bool:
        """Bring one bundle. False when the host has it no more: meanwhile the desk has it."""
        stick.check_room(bundle)
        furthest = _Furthest(f"bundle {bundle.number}", bundle.size, progress)
        try:
            self._again(lambda: self._receive(stick, bundle, furthest), furthest)
        except HostRefusal as error:
            if error.refused.refusal is Refusal.MISSING:
                return False
            raise
        return True

    def _receive(self, stick: Stick, bundle: Offered, furthest: "_Furthest") -> None:
        """One attempt: go on where the file on the stick ends."""
        writing = stick.writing(bundle)
        try:
            furthest.at(writing.length)
            if writing.length < bundle.size:
                for piece in self._wire.fetch(bundle, writing.length):
                    writing.write(piece)
                    furthest.at(writing.length)
            writing.finish()
        finally:
            writing.pause()

    def _bring(self, file: FileIO, address: str, furthest: "_Furthest") -> Taken:
        """One attempt: ask what is there, send the rest, let it be taken in."""
        size = furthest.size
        state = _read(UploadState.decode, self._wire.ask("GET", address))
        if state.taken:
            return Taken(state.taken, before=True)
        if state.have > size:
            raise MisbehavedError("the intake host says that it has more of the file than there is")
        furthest.at(state.have)
        if state.have < size:
            after = self._wire.ask(
                "POST", f"{address}/{state.have}", _rest(file, state.have, furthest), size - state.have
            )
            if _read(UploadState.decode, after).have != size:
                raise InterruptedTransferError("the connection broke")
        try:
            return _read(Taken.decode, self._wire.ask("POST", f"{address}/take"))
        except HostRefusal as error:
            if error.refused.refusal is Refusal.DAMAGED and state.have:
                # What lay there from before may be somebody else's doing. It is removed: the whole file is sent now.
                raise InterruptedTransferError(error.refused.reason) from error
            raise

    def _again(self, attempt: Callable[[], _Result], furthest: "_Furthest | None" = None) -> _Result:
        """Repeat after what may pass. An attempt that got further than all before it does not count."""
        reached, failures = 0, 0
        while True:
            try:
                return attempt()
            except InterruptedTransferError as error:
                if furthest is not None and furthest.done > reached:
                    reached, failures = furthest.done, 0
                if failures == len(self._patience.pauses):
                    raise UnreachableError(f"{error}. Nothing was lost; repeat the command later") from error
                why = str(error)
            except HostRefusal as error:
                if error.refused.refusal not in _AGAIN or failures == len(self._patience.pauses):
                    raise
                why = error.refused.reason
            pause = self._patience.pauses[failures]
            self._say(f"{why}. Trying again in {pause:.0f} s; Ctrl-C ends it, and nothing is lost")
            time.sleep(pause)
            failures += 1


class _Furthest:
    """Tells progress, and knows how far it ever got."""

    def __init__(self, what: str, size: int, progress: Progress) -> None:
        self._what, self.size, self._progress = what, size, progress
        self.done = 0

    def at(self, done: int) -> None:
        self.done = max(self.done, done)
        self._progress(self._what, done, self.size)


@contextmanager
def _opened(path: Path) -> Iterator[FileIO]:
    with stick_errors():
        try:
            file = open_plain(path)
        except FileNotFoundError as error:
            raise StickError(f"there is no file {path}") from error
    with file:
        yield file


def _rest(file: FileIO, done: int, furthest: _Furthest) -> Iterator[bytes]:
    """What is missing of the file, each piece counted once the network has taken it."""
    with stick_errors():
        file.seek(done)
    while done < furthest.size:
        with stick_errors():
            piece = file.read(min(_PIECE, furthest.size - done))
        if not piece:
            raise StickError("the file became shorter while it was sent")
        yield piece
        done += len(piece)
        furthest.at(done)


def _read(decode: Callable[[bytes], _Result], untrusted: bytes) -> _Result:
    try:
        return decode(untrusted)
    except MalformedError as error:
        raise MisbehavedError(f"the intake host's answer does not follow the protocol: {error}") from error


@contextmanager
def _refusals() -> Iterator[None]:
    """Raise what a refusal means that repeating does not change."""
    try:
        yield
    except HostRefusal as error:
        refusal, reason = error.refused.refusal, error.refused.reason
        if refusal in (Refusal.REFUSED, Refusal.GAP, Refusal.DAMAGED):
            raise RefusedError(f"the intake host did not take it in: {reason}") from error
        if refusal in (Refusal.BUSY, Refusal.FULL, Refusal.FAULT, Refusal.OFFSET):
            raise UnreachableError(f"the intake host cannot do it now: {reason}") from error
        raise MisbehavedError(f"the intake host refuses what it should not: {reason}") from error
