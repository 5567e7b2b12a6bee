"""Reading a bundle on a thread of its own: reading and opening there, checking and storing here.

All release the interpreter's lock, so that two processors work on one import.
"""

import queue
import threading
from collections.abc import Iterator
from io import BufferedReader, RawIOBase
from typing import Final, Self

from crypto.age import Opener
from crypto.xwing import Identity

_BATCH: Final = 16  # chunks handed over at once: handing over has its price
_BATCHES_AHEAD: Final = 8
_BLOCK: Final = 1024 * 1024


class OpenedAhead:
    """The opened chunks of a bundle, read ahead by a thread. Use as a context manager: leaving it ends the thread.

    Iterating raises what the thread met (CryptoError, OSError), in its place.
    """

    def __init__(self, identity: Identity, untrusted_file: RawIOBase) -> None:
        self._reader = BufferedReader(untrusted_file, _BLOCK)
        self._identity = identity
        self._queue: queue.Queue[list[bytes] | BaseException | None] = queue.Queue(_BATCHES_AHEAD)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bundle reader", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        while self._thread.is_alive():
            # The thread may wait for room: make some until it sees that it shall stop.
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._thread.join()

    def __iter__(self) -> Iterator[bytes]:
        while (batch := self._queue.get()) is not None:
            if isinstance(batch, BaseException):
                raise batch
            yield from batch

    def _run(self) -> None:
        try:
            batch: list[bytes] = []
            for chunk in Opener(self._identity, self._reader):
                batch.append(chunk)
                if len(batch) >= _BATCH:
                    self._queue.put(batch)
                    batch = []
                if self._stop.is_set():
                    return
            self._queue.put(batch)
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            self._queue.put(error)
