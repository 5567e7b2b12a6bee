"""Time, passed in, so that tests can move it."""

import time
from typing import Final, Protocol

SECONDS_A_DAY: Final = 86_400


class Clock(Protocol):
    """Gives the time in seconds since 1970, UTC."""

    def now(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()


def today(clock: Clock) -> int:
    """The day in whole days since 1970-01-01: the finest time that is kept."""
    return int(clock.now() // SECONDS_A_DAY)
