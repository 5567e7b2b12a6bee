"""Work on a thread of its own, handed over through a short queue: hashing, AEAD and writing release the interpreter's lock."""

import queue
import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

_WAITING: Final = 3

Item = TypeVar("Item")


class Beside(Generic[Item]):
    """Does `work` on each item in order. The thread begins with the first item; at most three wait.

    `put` and `end` raise what the work raised. After `end`, nothing of it runs any more.
    """

    def __init__(self, work: Callable[[Item], object], name: str) -> None:
        self._work, self._name = work, name
        self._queue: queue.Queue[tuple[Item] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def put(self, item: Item) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        if self._error is not None:
            raise self._error
        self._queue.put((item,))

    def end(self) -> None:
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        # After an error the queue is still emptied: who puts must never wait for a thread that has stopped.
        while (handed := self._queue.get()) is not None:
            if self._error is None:
                try:
                    self._work(handed[0])
                except BaseException as error:  # noqa: BLE001 - raised again in the thread that puts
                    self._error = error
