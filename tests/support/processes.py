"""Processes that a test started."""

from collections.abc import Iterable
from pathlib import Path

from tests.support.waiting import wait_until


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def await_ended(pids: Iterable[int]) -> None:
    """Until none of these is there any more."""
    numbers = list(pids)
    wait_until(
        lambda: not [pid for pid in numbers if Path(f"/proc/{pid}").exists()], words=lambda: f"of {numbers} some run"
    )
