"""Reading a bundle on a thread of its own: reading and opening there, checking here, storing on a third (`write_durably`).

All release the interpreter's lock, so that several processors work on one import.
"""

import queue
import threading
from collections.abc import Iterator
from typing import Final, Self

from crypto.age import Opener, Reader
from crypto.xwing import Identity

_BATCH: Final = 8  # chunks joined into one piece: each step of a thread on a piece has its price
_BATCHES_AHEAD: Final = 4


class OpenedAhead:
    """The opened bytes of a bundle, in pieces, read ahead by a thread. Use as a context manager: leaving it ends the thread.

    Iterating raises what the thread met (CryptoError, OSError), in its place.
    """

    def __init__(self, identity: Identity, untrusted_file: Reader) -> None:
        self._file = untrusted_file
        self._identity = identity
        self._queue: queue.Queue[bytes | BaseException | None] = queue.Queue(_BATCHES_AHEAD)
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
        while (piece := self._queue.get()) is not None:
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    def _run(self) -> None:
        try:
            batch: list[bytes] = []
            for chunk in Opener(self._identity, self._file):
                batch.append(chunk)
                if len(batch) >= _BATCH:
                    self._queue.put(b"".join(batch))
                    batch = []
                if self._stop.is_set():
                    return
            self._queue.put(b"".join(batch))
            self._queue.put(None)
        except BaseException as error:  # noqa: BLE001 - handed to the reader, who raises it
            self._queue.put(error)
