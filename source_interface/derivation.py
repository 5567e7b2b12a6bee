"""The gate to key derivation: a few at a time, a short queue, then a friendly refusal. Each takes 128 MiB."""

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from crypto.codename import Codename
from crypto.kdf import Profile, SourceKeys, derive_source_keys
from source_interface.budgets import Budget, BusyError, NoBudget
from store.intake.host_keys import HostKeys
from store.intake.settings import Settings

_NO_BUDGET: Final = NoBudget()


class Derivation:
    """Derives source keys for this process's threads."""

    def __init__(
        self,
        keys: HostKeys,
        profile: Profile,
        settings: Settings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._keys, self._profile = keys, profile
        self._slots = threading.BoundedSemaphore(settings.concurrent_logins)
        self._queue = threading.BoundedSemaphore(settings.concurrent_logins + settings.waiting_logins)
        self._step = settings.login_step_milliseconds / 1000
        self._monotonic, self._sleep = monotonic, sleep

    def derive(self, codename: Codename, budget: Budget = _NO_BUDGET) -> SourceKeys:
        """BusyError when the queue is full, or this sender has had or holds enough of it: others find a place."""
        if not self._queue.acquire(blocking=False):
            raise BusyError
        try:
            with budget.deriving(), self._slots:
                return derive_source_keys(
                    codename, salt=self._keys.salt, pepper=self._keys.pepper, profile=self._profile
                )
        finally:
            self._queue.release()

    def started(self) -> float:
        """When something began whose duration must not tell anything."""
        return self._monotonic()

    def wait(self, started: float) -> None:
        """Wait until a whole number of steps has passed since then."""
        passed = self._monotonic() - started
        self._sleep(math.ceil(passed / self._step) * self._step - passed)
