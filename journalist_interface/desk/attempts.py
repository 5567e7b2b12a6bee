"""Slowing down guesses at a passphrase: each failure doubles the wait, up to a minute, for everybody."""

import threading
from collections.abc import Callable
from typing import Final

FREE_FAILURES: Final = 2  # typing mistakes cost nothing
LONGEST_WAIT: Final = 60.0  # seconds


class Attempts:
    """Counts failures. Refusing costs nothing, so that refused attempts cannot fill the memory with Argon2id."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._failures = 0
        self._not_before = 0.0
        self._lock = threading.Lock()

    def wait(self) -> float:
        """Seconds until the next attempt is taken; 0 when it is now."""
        with self._lock:
            return max(0.0, self._not_before - self._seconds())

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            over = self._failures - FREE_FAILURES
            if over > 0:
                self._not_before = self._seconds() + min(2.0**over, LONGEST_WAIT)

    def succeeded(self) -> None:
        with self._lock:
            self._failures, self._not_before = 0, 0.0
