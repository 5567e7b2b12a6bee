"""Hostile circuits, told from the servers' workers to the process that may ask tor to close them.

A worker has no way to tor's control port: it writes the circuit's number, four bytes, into a pipe that it inherited. The
process at the other end closes the circuit. A pipe that is full or closed costs nobody's request anything.

    pipe = CircuitPipe.open()                 # before the servers are forked
    serve(..., circuits=pipe.closer())        # in a server
    CircuitReaper(pipe.reader(), close)       # in the process that may ask tor
"""

import os
import select
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

LARGEST_ID: Final = 2**32 - 1  # tor numbers the circuits of one run from 1
_REMEMBERED: Final = 4_096
_ID_BYTES: Final = 4  # a write of so few bytes is never torn apart (POSIX: PIPE_BUF)
_READ_BYTES: Final = _ID_BYTES * 1_024


class CircuitCloser:
    """A worker's end. Every process that inherits it may use its own copy, from any thread."""

    def __init__(self, pipe: int) -> None:
        """`pipe` is the pipe's writing end, already set not to block."""
        self._pipe = pipe
        self._lock = threading.Lock()
        self._closed = _Recent()

    def close(self, circuit_id: int) -> None:
        """Have this circuit closed, soon and at most once. Never waits, never fails but for ValueError: not an id of tor's."""
        if not 0 < circuit_id <= LARGEST_ID:
            raise ValueError(f"{circuit_id} is no circuit's number")
        with self._lock:
            if circuit_id in self._closed:
                return
            with suppress(OSError):  # full: it is told again at its next trespass; closed: nobody is there to close it
                os.write(self._pipe, circuit_id.to_bytes(_ID_BYTES, "big"))
                self._closed.add(circuit_id)

    def is_closed(self, circuit_id: int) -> bool:
        """Whether this process has lately asked for it: what still comes from there is not worth an answer."""
        with self._lock:
            return circuit_id in self._closed


class CircuitReaper:
    """The supervisor's end: calls `close` with each id. Runs in one thread."""

    def __init__(self, pipe: int, close: Callable[[int], None]) -> None:
        """`pipe` is the pipe's reading end, already set not to block."""
        self._pipe, self._close = pipe, close
        self._closed = _Recent()
        self._rest = b""

    def read(self, timeout_seconds: float | None) -> bool:
        """Close what was told within this time, or whenever it comes (None). False when nobody can tell any more."""
        readable, _, _ = select.select([self._pipe], [], [], timeout_seconds)
        if not readable:
            return True
        told = os.read(self._pipe, _READ_BYTES)
        self._rest += told
        while len(self._rest) >= _ID_BYTES:
            circuit_id, self._rest = int.from_bytes(self._rest[:_ID_BYTES], "big"), self._rest[_ID_BYTES:]
            if circuit_id and circuit_id not in self._closed:
                self._reap(circuit_id)
        return bool(told)

    def _reap(self, circuit_id: int) -> None:
        # It is gone already, or tor does not answer: one that cannot be closed must not keep all others open.
        with suppress(Exception):
            self._close(circuit_id)
            self._closed.add(circuit_id)


@dataclass(frozen=True)
class CircuitPipe:
    """Both ends, until one process has taken the one and its child the other."""

    reading: int
    writing: int

    @classmethod
    def open(cls) -> Self:
        return cls(*os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))

    def closer(self) -> CircuitCloser:
        """For the server's process, after forking: the other end is closed here."""
        os.close(self.reading)
        return CircuitCloser(self.writing)

    def reader(self) -> int:
        """For who reaps, after forking: the other end is closed here, so that the servers' end is noticed."""
        os.close(self.writing)
        return self.reading

    def close(self) -> None:
        """For a process that has no business with circuits: taken over, it could have any circuit closed."""
        os.close(self.reading)
        os.close(self.writing)


class _Recent:
    """The latest ids, so many and no more."""

    def __init__(self) -> None:
        self._ids: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, circuit_id: int) -> bool:
        return circuit_id in self._ids

    def add(self, circuit_id: int) -> None:
        self._ids[circuit_id] = None
        if len(self._ids) > _REMEMBERED:
            self._ids.popitem(last=False)
