"""Work on a thread of its own, handed over through a short queue: hashing, AEAD and writing release the interpreter's lock."""

import queue
import threading
from collections.abc import Callable
from typing import Final

_GATHERED: Final = 1 << 20  # bytes handed over at once: handing over has its price
_WAITING: Final = 3

Pieces = list[bytes | memoryview]


class Beside:
    """Does `work` on pieces of bytes in order, about 1 MiB of them at a time, of which at most three wait.

    The thread begins with the first MiB; what is less than one at the end is done by who calls `end`. `put` and `end` raise
    what the work raised. After `end`, nothing of it runs any more. A piece must stay as it is until then.
    """

    def __init__(self, work: Callable[[Pieces], None], name: str) -> None:
        self._work, self._name = work, name
        self._queue: queue.Queue[Pieces | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._gathered: Pieces = []
        self._length = 0

    def put(self, piece: bytes | memoryview) -> None:
        self._gathered.append(piece)
        self._length += len(piece)
        if self._length >= _GATHERED:
            self._hand_over()

    def end(self) -> None:
        """All that was put is done."""
        self._join()
        if self._error is not None:
            raise self._error
        rest, self._gathered = self._gathered, []
        self._work(rest)

    def abandon(self) -> None:
        """Nothing more is done. An error of the work is not told: who abandons it does not want the work."""
        self._join()
        self._gathered = []

    def _hand_over(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        if self._error is not None:
            raise self._error
        self._queue.put(self._gathered)
        self._gathered, self._length = [], 0

    def _join(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        # After an error the queue is still emptied: who puts must never wait for a thread that has stopped.
        while (pieces := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._work(pieces)
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that puts
                    self._error = error
