"""Who holds the unlocked desk: nobody while it is locked, and never longer than a quarter of an hour without a request."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from crypto.kdf import Profile
from journalist_interface.desk.attempts import Attempts
from store.clock import Clock
from store.desk import vault
from store.desk.errors import WrongPassphraseError
from store.desk.place import DeskPlace

IDLE_SECONDS: Final = 15 * 60


class NotNowError(Exception):
    """The passphrase was not looked at: another attempt is under way, or too many failed. The message is one sentence."""


def boot_seconds() -> float:
    """Seconds that go on while the machine sleeps: a laptop that was closed for an hour wakes up locked."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class DeskHolder:
    """Opens the desk with a passphrase and closes it at lock. Thread-safe.

    Locking takes effect at once for every later request. Requests that are under way (an import, say) end first; the last
    one of them drops the keys.
    """

    def __init__(
        self,
        state: Path,
        clock: Clock,
        *,
        seconds: Callable[[], float] = boot_seconds,
        test_profile: Profile | None = None,
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._state = state
        self._clock = clock
        self._seconds = seconds
        self._test_profile = test_profile
        self._forget = forget
        self._attempts = Attempts(seconds)
        self._unlocking = threading.Lock()
        self._lock = threading.Lock()
        self._place: DeskPlace | None = None
        self._users: dict[DeskPlace, int] = {}
        self._last_use = 0.0

    def unlock(self, passphrase: str) -> None:
        """Open the desk. NotNowError, WrongPassphraseError, or what DeskPlace.open raises.

        One attempt at a time: each takes up to 2 GiB of memory.
        """
        if not self._unlocking.acquire(blocking=False):
            raise NotNowError("Another attempt is still being checked. Try again in a moment.")
        try:
            self._open(passphrase)
        finally:
            self._unlocking.release()

    def enter(self) -> DeskPlace | None:
        """Begin a use of the desk, or None when it is locked. Every use ends with `leave`."""
        self.lock_if_idle()
        with self._lock:
            if self._place is None:
                return None
            self._users[self._place] = self._users.get(self._place, 0) + 1
            return self._place

    def leave(self, place: DeskPlace) -> None:
        """End a use. The last one of a desk that was locked meanwhile closes it."""
        with self._lock:
            self._last_use = self._seconds()
            self._users[place] -= 1
            if self._users[place]:
                return
            del self._users[place]
            if place is not self._place:
                place.close()

    def lock(self) -> None:
        """Lock now."""
        with self._lock:
            place, self._place = self._place, None
            if place is not None and place not in self._users:
                place.close()
        self._forget()

    def lock_if_idle(self) -> None:
        """Lock if the last use ended a quarter of an hour ago and none is under way."""
        with self._lock:
            idle = (
                self._place is not None
                and self._place not in self._users
                and self._seconds() - self._last_use >= IDLE_SECONDS
            )
        if idle:
            self.lock()

    @property
    def locked(self) -> bool:
        with self._lock:
            return self._place is None

    def _open(self, passphrase: str) -> None:
        if wait := self._attempts.wait():
            raise NotNowError(f"Too many wrong passphrases. The next one is looked at in {int(wait) + 1} seconds.")
        try:
            key = vault.unlock(self._state, passphrase, test_profile=self._test_profile)
        except WrongPassphraseError:
            self._attempts.failed()
            raise
        self._attempts.succeeded()
        place = DeskPlace.open(self._state, key, clock=self._clock, test_profile=self._test_profile)
        with self._lock:
            before, self._place = self._place, place
            self._last_use = self._seconds()
            if before is not None and before not in self._users:
                before.close()
