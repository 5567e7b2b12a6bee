"""Time, passed in, so that tests can move it."""

import datetime
import time
from typing import Final, Protocol

SECONDS_A_DAY: Final = 86_400
_FIRST: Final = datetime.date(1970, 1, 1)
_DAYS: Final = (datetime.date.max - _FIRST).days


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


def day_of(date: datetime.date) -> int:
    """The number of a day; below zero before 1970."""
    return (date - _FIRST).days


def date_of(day: int) -> datetime.date:
    """The date of a day since 1970-01-01; beyond the calendar, its last one."""
    return _FIRST + datetime.timedelta(days=min(max(day, 0), _DAYS))
