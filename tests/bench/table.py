"""What a benchmark found, beside what it is compared with and what was aimed for."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Figure:
    """One row. `holds` is None where no aim was set."""

    what: str
    value: float
    unit: str
    aim: str = ""
    holds: bool | None = None

    @classmethod
    def at_least(cls, what: str, value: float, unit: str, aim: float) -> "Figure":
        return cls(what, value, unit, f"≥ {aim:,.4g}", value >= aim)

    @classmethod
    def at_most(cls, what: str, value: float, unit: str, aim: float) -> "Figure":
        return cls(what, value, unit, f"≤ {aim:,.4g}", value <= aim)


def table(figures: Sequence[Figure]) -> str:
    """Rows of text with aligned columns."""
    rows = [("", "", "", "aim", "")]
    verdicts = {True: "holds", False: "MISSED", None: ""}
    rows += [(one.what, _number(one.value), one.unit, one.aim, verdicts[one.holds]) for one in figures]
    widths = [max(len(row[at]) for row in rows) for at in range(5)]
    lines = []
    for what, value, unit, aim, verdict in rows:
        cells = (what.ljust(widths[0]), value.rjust(widths[1]), unit.ljust(widths[2]), aim.ljust(widths[3]), verdict)
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def seconds(action: Callable[[], object]) -> float:
    """How long one call took."""
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def median_rate(size: int, runs: int, action: Callable[[], object]) -> float:
    """MiB/s of the median of `runs` calls that each move `size` bytes."""
    return size / MIB / statistics.median(seconds(action) for _ in range(runs))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"
