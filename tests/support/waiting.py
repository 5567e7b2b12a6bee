"""Waiting for what comes by itself. The limits only end a run that hangs: nothing is measured by them."""

import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

Found = TypeVar("Found")
_LIMIT_SECONDS = 240


def wait_until(
    look: Callable[[], Found],
    seconds: float = _LIMIT_SECONDS,
    *,
    every: float = 0.05,
    check: Callable[[], object] = lambda: None,
    words: Callable[[], object] = lambda: "it did not come in time",
) -> Found:
    """The first thing that `look` finds and that is true. `check` raises when waiting has become vain; `words` tell the rest."""
    end = time.monotonic() + seconds
    while not (found := look()):
        check()
        assert time.monotonic() < end, words()
        time.sleep(every)
    return found


def tried_until(
    act: Callable[[], Found],
    errors: type[Exception] | tuple[type[Exception], ...],
    seconds: float = _LIMIT_SECONDS,
    *,
    every: float = 0.5,
) -> Found:
    """What `act` gives, the first time that it raises none of these errors; after so many seconds the last of them."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except errors:
            if time.monotonic() > end:
                raise
            time.sleep(every)


def runs(process: "subprocess.Popen[Any]", said: Callable[[], object] = lambda: "") -> Callable[[], None]:
    """A check for `wait_until`: that this process has not ended. `said` is told when it has."""

    def check() -> None:
        assert process.poll() is None, f"it ended with {process.returncode}:\n{said()}"

    return check
