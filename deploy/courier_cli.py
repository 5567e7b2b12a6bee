"""`luwte-courier`: the command line on the courier's laptop, between the intake host's onion service and a stick."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from deploy.command import PRIVATE_NETWORK, TORRC_LINES, fail, sentences
from deploy.courier_tor import CourierTorError, courier_tor
from deploy.onion.errors import TorrcLinesError
from deploy.onion.torrc_lines import further_lines
from deploy.user_folders import data_folder
from journalist_interface.courier.client import Client
from journalist_interface.courier.errors import CourierError, PairingError, RefusedError
from journalist_interface.courier.keys import FOLDER, CourierKey, parse_onion
from journalist_interface.courier.socks import SocksRoute
from store.files import LockedError, exclusively

_MIB = 1024 * 1024
_SHOWN_SECONDS = 0.2
_DATA = "luwte-courier"


STATE = click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for your key and Tor's files. Default: luwte-courier in your data folder (~/.local/share).",
)
SOCKS = click.option(
    "--socks",
    metavar="HOST:PORT",
    help="Use a Tor that runs already instead of starting one, such as 127.0.0.1:9050. It needs your key's file ('pair' "
    "says where it is) in its ClientOnionAuthDir; with ExtendedErrors at its SocksPort it tells a revoked key from a host "
    "that is off.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Luwte's courier: carries sealed bundles between the intake host and the desk. It can open none of them.

    \b
    First time:   luwte-courier pair --onion ADDRESS      (the operator gives you the address and enrols your line)
    To the desk:  luwte-courier collect --to STICK        (then import at the desk, and export there)
    From there:   luwte-courier deliver STICK/luwte-dispatch-000001.age

    Repeat any command as you like: it goes on where it broke off, and nothing is lost or doubled.
    """


@main.command()
@STATE
@click.option("--onion", required=True, help="The address of the intake host's onion service for couriers.")
def pair(state: Path | None, onion: str) -> None:
    """Make your key and print the one line that the operator enrols.

    The line is no secret, but somebody may swap it on its way: read its end to the operator by telephone. Repeating this
    prints the same line.
    """
    state = state or data_folder(_DATA)
    with _sentences():
        key = CourierKey.load(state)
        if key is None:
            key = CourierKey.generate(onion)
            key.save(state)
        elif key.onion != parse_onion(onion):
            raise PairingError(
                f"there is a key for {key.onion}.onion here already: give another folder with --state, or remove "
                f"{state / FOLDER} if that intake host is gone"
            )
    click.echo(
        "Send this line to the operator, who runs 'luwte-intake courier add --state DIR YOUR-NAME LINE':", err=True
    )
    click.echo(key.enrolment)
    click.echo(
        f"Your key is in {state / FOLDER} and stays there. For a Tor of your own, that is its ClientOnionAuthDir.",
        err=True,
    )


@main.command()
@STATE
@SOCKS
@TORRC_LINES
@PRIVATE_NETWORK
@click.option("--to", required=True, type=click.Path(path_type=Path), help="The stick's folder; it must be there.")
def collect(
    state: Path | None, socks: str | None, torrc_lines: Path | None, private_network: Path | None, to: Path
) -> None:
    """Fetch all that waits for the desk onto the stick.

    What came in today (UTC) is kept from couriers until tomorrow, so that a stolen laptop does not tell when it came. The
    operator can have it collected at once.
    """
    more_lines = _more_lines(socks, torrc_lines, private_network)
    with _sentences(), _client(state or data_folder(_DATA), socks, more_lines) as client, _Shown() as progress:
        collected = client.collect(to, progress)
    if collected.made:
        click.echo(f"The intake host made bundle {', '.join(map(str, collected.made))}.")
    elif collected.fetched:
        click.echo(f"Fetched bundle {', '.join(map(str, collected.fetched))}, which was made before.")
    else:
        click.echo("Nothing new. What comes in today can be fetched tomorrow, from midnight UTC on.")
    for path in collected.files:
        click.echo(f"On the stick: {path.name} ({path.stat().st_size / _MIB:.1f} MiB)")


@main.command()
@STATE
@SOCKS
@TORRC_LINES
@PRIVATE_NETWORK
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
def deliver(
    state: Path | None,
    socks: str | None,
    torrc_lines: Path | None,
    private_network: Path | None,
    files: tuple[Path, ...],
) -> None:
    """Bring dispatch bundles from the desk to the intake host, in the order of their numbers.

    One that is damaged, forged or out of order is refused by name and changes nothing (exit code 3).
    """
    more_lines = _more_lines(socks, torrc_lines, private_network)
    with _sentences(), _client(state or data_folder(_DATA), socks, more_lines) as client, _Shown() as progress:
        for file in files:
            taken = client.deliver(file, progress)
            if taken.before:
                progress.say(f"Bundle {taken.number} was taken in before. Nothing changed.")
            else:
                progress.say(f"Bundle {taken.number} was taken in.")


class _Shown:
    """Shows how far a transfer is, on a terminal only: one line that is written over. A context manager that ends it."""

    def __init__(self) -> None:
        self._last, self._wide = 0.0, 0

    def __enter__(self) -> "_Shown":
        return self

    def __exit__(self, *_: object) -> None:
        self._show("")

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if done == total or now - self._last > _SHOWN_SECONDS:
            self._last = now
            self._show(f"{what}: {done / _MIB:.1f} of {total / _MIB:.1f} MiB ({100 * done // total} %)")

    def say(self, text: str) -> None:
        """A line that stays."""
        self._show("")
        click.echo(text)

    def _show(self, text: str) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r{text:{self._wide}}" + ("" if text else "\r"), err=True, nl=False)
            self._wide = len(text)


def _more_lines(socks: str | None, torrc_lines: Path | None, private_network: Path | None) -> tuple[str, ...]:
    if socks is not None and torrc_lines is not None:
        raise click.UsageError(
            "--torrc-lines has no meaning with --socks: give these lines to the Tor that runs already"
        )
    with _sentences():
        return further_lines(torrc_lines, private_network)


@contextmanager
def _client(state: Path, socks: str | None, more_lines: Sequence[str]) -> Iterator[Client]:
    key = CourierKey.load(state)
    if key is None:
        fail("this folder holds no key yet: run 'luwte-courier pair --onion ADDRESS' first")
    host = f"{key.onion}.onion"
    if socks is not None:
        yield _client_of(SocksRoute(host, _address(socks)), host)
        return
    with (
        exclusively(state / "courier.lock", "another luwte-courier is at work here; wait until it has ended"),
        courier_tor(state, state / FOLDER, extra_lines=more_lines, say=_say) as tor,
    ):
        yield _client_of(SocksRoute(host, tor.socks, tor.forget), host)


def _client_of(route: SocksRoute, host: str) -> Client:
    _say("Looking for the intake host. This can take some minutes")
    return Client(host, route, say=_say)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _address(socks: str) -> tuple[str, int]:
    host, _, port = socks.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        raise click.BadParameter("HOST:PORT is needed, such as 127.0.0.1:9050", param_hint="--socks")
    return host.strip("[]"), int(port)


@contextmanager
def _sentences() -> Iterator[None]:
    with sentences((RefusedError,), (CourierError, CourierTorError, LockedError, TorrcLinesError)):
        yield
