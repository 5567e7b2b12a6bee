"""What both command lines share: errors in one sentence, exit codes, secrets that never stand in the arguments."""

import errno
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from crypto.chain import read_gap

REFUSED = 3  # a bundle or card was refused; nothing was changed

STATE = click.option(
    "--state",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder in which this place keeps everything.",
)

TO = click.option(
    "--to",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder in which the courier's stick is mounted.",
)

TORRC_LINES = click.option(
    "--torrc-lines",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file with further lines for the Tor that is started here: bridges or a proxy, where Tor is blocked.",
)

PRIVATE_NETWORK = click.option(
    "--private-network", hidden=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)


def version(command: str) -> Callable[[Any], Any]:
    """`--version`, on a command line's main command."""
    return click.version_option(package_name="luwte", prog_name=command, message="%(prog)s %(version)s")


def check_stick(to: Path) -> None:
    """A folder that is not there is never made: a bundle for a stick that is not mounted would stay on this disk."""
    if not to.is_dir():
        fail(f"{to} is not there: is the stick mounted?")


def _read_gap(_: click.Context, __: click.Parameter, value: str | None) -> range | None:
    try:
        return read_gap(value) if value is not None else None
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


ACCEPT_GAP = click.option(
    "--accept-gap",
    metavar="N",
    callback=_read_gap,
    help="Take it in although bundle N (or 4-6) is lost for ever. This is noted.",
)


def fail(message: str, code: int = 1) -> NoReturn:
    """End with one sentence on standard error."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(code)


@contextmanager
def sentences(refused: tuple[type[Exception], ...], others: tuple[type[Exception], ...]) -> Iterator[None]:
    """Turn expected errors into a sentence and an exit code: REFUSED for a refused bundle or card, else 1."""
    try:
        yield
    except refused as error:
        fail(str(error), REFUSED)
    except others as error:
        fail(str(error))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fail("this port is in use by another program: choose another one")
        if error.errno == errno.EACCES and error.filename is None:
            fail("this user may not use this port: choose one above 1023")
        fail(f"{error.filename or 'a file'}: {error.strerror}")


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """Show rows of equally many cells, each column as wide as its widest."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def read_card(path: Path) -> str:
    """A card's text; far more than a card is not read."""
    try:
        with path.open("rb") as file:
            return file.read(65_536).decode("utf-8", "replace")
    except OSError as error:
        fail(f"{path}: {error.strerror}")


def fingerprint(what: str, words: tuple[str, ...]) -> str:
    """Words that two people compare, under the name of what they are of."""
    return f"Fingerprint of the {what}:\n    {' '.join(words)}"


def show_fingerprint(what: str, words: tuple[str, ...]) -> None:
    """Show words that two people compare."""
    click.echo(fingerprint(what, words))


def warn_of_missing(bundles: tuple[int, ...], place: str) -> None:
    """Say that this place's disk has lost or changed bundles that the other place does not have yet; exit code 1."""
    if bundles:
        numbers = ", ".join(map(str, bundles))
        fail(
            f"bundle {numbers}: this {place}'s disk has lost or changed the file. Put it back from a copy, then repeat."
        )
