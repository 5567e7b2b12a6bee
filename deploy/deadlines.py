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

_LOOK_UP_SECONDS: Final = 0.05  # shutting the socket for reading would wake at once, but tor would then lose the answer
_CONNECTION_LOST: Final = (errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ETIMEDOUT)


@dataclass(frozen=True)
class Deadlines:
    """All positive: ValueError names the one that is not.

    A long body's first `body_first_bytes` must come within `early_seconds`: at the least rate they take 8 s, so Tor may stall
    for 22, and who sends nothing is gone as soon as who sends half a header. Then the body has `body_grace_seconds`, and earns
    a second with every `body_bytes_per_second` that arrive, but never holds more than the grace again. So 500 MiB at 30 kB/s
    come through in five hours, a silence of `body_grace_seconds` or a lasting trickle does not.

    While others wait for its place, a body is to keep `crowded_bytes_per_second`: half of those 30 kB/s, so that it may also
    stall for half of its time.
    """

    early_seconds: float = 30  # for the whole header; as much again for a short body, which is awaited without a thread
    body_first_bytes: float = 64 * 1024
    body_grace_seconds: float = 120
    body_bytes_per_second: float = 8_192
    crowded_bytes_per_second: float = 16_384
    answer_seconds: float = 120  # for taking an answer of one page
    linger_seconds: float = 5  # for closing after the answer

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise ValueError(f"{field.name}: a positive number is needed")


class Patience:
    """How long a sender may still keep us waiting, and how far ahead it is (below 0: behind) of what is asked in a crowd."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._first_bytes = deadlines.body_first_bytes
        self.left_seconds = deadlines.early_seconds
        self.ahead_seconds = 0.0

    @property
    def has_begun(self) -> bool:
        return self._first_bytes <= 0

    def heard(self, size: int, waited_seconds: float) -> None:
        """So many bytes came, after so long."""
        limits, grace = self._deadlines, self._deadlines.body_grace_seconds
        self.ahead_seconds = min(self.ahead_seconds - waited_seconds + size / limits.crowded_bytes_per_second, grace)
        self.left_seconds -= waited_seconds
        if self.has_begun:
            self.left_seconds = min(self.left_seconds + size / limits.body_bytes_per_second, grace)
            return
        self._first_bytes -= size
        if self.has_begun and self.left_seconds > 0:
            self.left_seconds = grace


class TimedSocket(socket.socket):
    """An accepted connection. Once its sender is too slow or gone, it reads like one that the sender has ended.

    That is what keeps what arrived whole: every layer above gets all bytes that came, and then the end.
    """

    def __init__(self, accepted: socket.socket, deadlines: Deadlines) -> None:
        """Takes the connection over from `accepted`, and does not wait at first."""
        super().__init__(fileno=accepted.detach())
        self.setblocking(False)
        self._deadlines = deadlines
        self._patience = Patience(deadlines)
        self._ended = False
        self.circuit: int | None = None  # tor's number for who is there, when tor is

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """For threads, which wait; b"" once and for all when the sender ended, broke off, is too slow or is not listened to."""
        while not self._ended:
            began = time.monotonic()
            data = self._receive(size, flags)
            self._patience.heard(len(data or b""), time.monotonic() - began)
            if data == b"" or self._patience.left_seconds <= 0:
                self._ended = True
            if data is not None:
                return data
        return b""

    def _receive(self, size: int, flags: int) -> bytes | None:
        """None when nothing came for a moment."""
        try:
            self._limit(socket.SO_RCVTIMEO, min(self._patience.left_seconds, _LOOK_UP_SECONDS))
            return super().recv(size, flags)
        except BlockingIOError:
            return None  # the kernel's word for SO_RCVTIMEO having passed
        except OSError as error:
            if error.errno not in _CONNECTION_LOST:
                raise
            return b""

    @property
    def has_begun(self) -> bool:
        """For any thread: whether the first bytes of a long body have come."""
        return self._patience.has_begun

    @property
    def ahead_seconds(self) -> float:
        """For any thread: how far the sender is ahead of what is asked of it in a crowd."""
        return self._patience.ahead_seconds

    def stop_listening(self) -> None:
        """For any thread: who waits in `recv` sees the sender's end within a moment. It can still be answered."""
        self._ended = True

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
