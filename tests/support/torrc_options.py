"""How a test tells `luwte-intake serve` or `luwte-courier` which Tor network its tor is of."""

from collections.abc import Iterable
from pathlib import Path

from deploy.onion.torrc_lines import PRIVATE_NETWORK


def torrc_options(folder: Path, name: str, lines: Iterable[str]) -> list[str]:
    """The options, with the files that they name: what is of a private network, and what operators may give, too."""
    files: dict[str, list[str]] = {}
    for line in lines:
        option = "--private-network" if line.split()[0] in PRIVATE_NETWORK else "--torrc-lines"
        files.setdefault(option, []).append(f"{line}\n")
    options = []
    for option, text in files.items():
        file = folder / f"{name}{option}"
        file.write_text("".join(text))
        options += [option, str(file)]
    return options
