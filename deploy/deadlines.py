"""How long a client may take, and the socket that holds it to that.

Time counts only while we wait for the client: what we need ourselves, for sealing or for a disk, is no fault of theirs.
"""

import errno
import math
import socket
import struct
import time
from dataclasses import dataclass, fields
from typing import Final

_CONNECTION_LOST: Final = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ETIMEDOUT)


@dataclass(frozen=True)
class Deadlines:
    """All positive: ValueError names the one that is not.

    A body has `body_grace_seconds` to begin with, and earns a second with every `body_bytes_per_second` that arrive, but never
    holds more than the grace again. So 500 MiB at 30 kB/s come through in five hours, a silence of `body_grace_seconds`
    or a lasting trickle does not.
    """

    early_seconds: float = (
        30  # for the whole header; as much again for a body that is awaited before a thread serves it
    )
    body_grace_seconds: float = 120
    body_bytes_per_second: float = 8_192
    answer_seconds: float = 120  # for taking an answer of one page
    linger_seconds: float = 5  # for closing after the answer

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name}: a positive number is needed")


class TimedSocket(socket.socket):
    """An accepted connection. Once its sender is too slow or gone, it reads like one that the sender has ended.

    That is what keeps what arrived whole: every layer above gets all bytes that came, and then the end.
    """

    def __init__(self, accepted: socket.socket, deadlines: Deadlines) -> None:
        """Takes the connection over from `accepted`, and does not wait at first."""
        super().__init__(fileno=accepted.detach())
        self.setblocking(False)
        self._deadlines = deadlines
        self._left = deadlines.body_grace_seconds
        self._ended = False
        self.circuit: int | None = None  # tor's number for who is there, when tor is

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """For threads, which wait; b"" once and for all when the sender ended, broke off or is too slow."""
        if self._ended:
            return b""
        began = time.monotonic()
        try:
            self._limit(socket.SO_RCVTIMEO, self._left)
            data = super().recv(size, flags)
        except BlockingIOError:
            data = b""  # the kernel's word for SO_RCVTIMEO having passed
        except OSError as error:
            if error.errno not in _CONNECTION_LOST:
                raise
            data = b""
        earned = len(data) / self._deadlines.body_bytes_per_second
        left = self._left - (time.monotonic() - began) + earned
        self._left = min(left, self._deadlines.body_grace_seconds)
        self._ended = not data or self._left <= 0
        return data

    def receive_now(self, size: int) -> bytes | None:
        """What is there without waiting; None when nothing is, b"" when the sender ended or broke off."""
        try:
            return super().recv(size)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return b""

    def sendall(self, data: bytes, flags: int = 0, /) -> None:  # type: ignore[override]  # gunicorn sends bytes only
        """ConnectionResetError when the client does not take it in time: then it is as good as gone."""
        end = time.monotonic() + self._deadlines.answer_seconds
        view = memoryview(data)
        while view:
            left = end - time.monotonic()
            if left <= 0:
                raise ConnectionResetError(errno.ECONNRESET, "the answer was not taken in time")
            self._limit(socket.SO_SNDTIMEO, left)
            try:
                view = view[super().send(view, flags) :]
            except BlockingIOError:
                continue

    def _limit(self, which: int, seconds: float) -> None:
        """SO_RCVTIMEO or SO_SNDTIMEO, a `struct timeval`, of which zero would mean to wait for ever."""
        microseconds = max(1, math.ceil(seconds * 1_000_000))
        self.setsockopt(socket.SOL_SOCKET, which, struct.pack("@ll", *divmod(microseconds, 1_000_000)))
