"""A clock that tests set."""

from store.clock import SECONDS_A_DAY


class SetClock:
    """Stands at noon of `day` (days since 1970) until it is moved."""

    def __init__(self, day: int) -> None:
        self.day = day

    def now(self) -> float:
        return (self.day + 0.5) * SECONDS_A_DAY
