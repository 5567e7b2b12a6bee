"""Measure the line on this machine and print a table: `deploy/bench [uploads] [messages] [pages] [floods] [tor] [desk]`."""

import platform
import sys

from tests.bench import desk, floods, messages, pages, tor, uploads
from tests.bench.table import Figure, table

_PARTS = {
    "uploads": uploads.run,
    "messages": messages.run,
    "pages": pages.run,
    "floods": floods.run,
    "tor": tor.run,
    "desk": desk.run,
}


def main(chosen: list[str]) -> int:
    if unknown := [name for name in chosen if name not in _PARTS]:
        print(f"Error: no benchmark '{unknown[0]}'; there are {', '.join(_PARTS)}.", file=sys.stderr)
        return 2
    figures: list[Figure] = []
    for name in chosen or _PARTS:
        for figure in _PARTS[name]():
            print(f"  measured: {figure.what}", file=sys.stderr)
            figures.append(figure)
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        cores = file.read().count("processor\t")
    print(f"\nPython {platform.python_version()}, {cores} cores\n")
    print(table(figures))
    return 1 if any(figure.holds is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
