"""The command behind `deploy/try`."""

import signal
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from deploy.onion.errors import OnionError
from deploy.trial import courier, firefox, line, options, told, walkthrough
from deploy.trial.errors import RefusedError, TrialError
from deploy.trial.folder import TrialFolder, default_root
from deploy.trial.line import HANDLER, RunningLine
from deploy.trial.processes import free_ports
from deploy.trial.transport import Loopback, Network, Onion, Transport
from store.files import LockedError, exclusively
from store.intake.errors import SetupError

_SOURCE_PORT: Final = 8080
_SOCKS_PORT: Final = 8082
_PORT: Final = click.IntRange(1, 65535)


@dataclass(frozen=True)
class _Wanted:
    """How a trial is to run. `port` is what sources come by: the host's own port, or with a network that of SOCKS."""

    network: Network | None
    port: int
    desk_port: int

    def transport(self, folder: TrialFolder) -> Transport:
        if self.network is None:
            return Loopback(folder, self.port)
        return Onion(folder, self.network, self.port, told.progress)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="Default: luwte-try in your data folder."
)
@click.option(
    "--onion",
    is_flag=False,
    flag_value=Network.PRIVATE.value,
    type=click.Choice([network.value for network in Network]),
    help="Through Tor, with the whole intake host. 'private' (meant when nothing follows) is a Tor network on this machine "
    "alone; with 'public' the whole world can reach the trial.",
)
@click.option("--source-port", type=_PORT, help=f"Without --onion: the source interface's. Default: {_SOURCE_PORT}.")
@click.option("--socks-port", type=_PORT, help=f"With --onion: for a browser to come through. Default: {_SOCKS_PORT}.")
@click.option("--desk-port", default=8081, show_default=True, type=_PORT)
@click.option("--fresh", is_flag=True, help="Start over: forget everything of the last trial.")
@click.option("--walkthrough", "walk", is_flag=True, help="Drive the whole road without a person, then end.")
@click.option("--carry", is_flag=True, help="Carry bundles both ways, as a courier would, then end.")
@click.option(
    "--browser", is_flag=True, help="Open the onion of a running trial in Firefox, with a profile of its own."
)
@click.pass_context
def main(
    context: click.Context,
    state: Path | None,
    onion: str | None,
    source_port: int | None,
    socks_port: int | None,
    desk_port: int,
    fresh: bool,
    walk: bool,
    carry: bool,
    browser: bool,
) -> None:
    """Start a complete line on this machine: source interface, desk, paired keys, one handler. Ctrl-C ends it."""
    options.check(options.given(context))
    port = (source_port or _SOURCE_PORT) if onion is None else (socks_port or _SOCKS_PORT)
    wanted = _Wanted(Network(onion) if onion else None, port, desk_port)
    # Also where Ctrl-C is ignored by inheritance: a shell script starts what it puts in the background so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminated)
    folder = TrialFolder((state or default_root()).absolute())
    try:
        if carry:
            _carry(folder)
        elif browser:
            _browse(folder)
        else:
            _run(folder, wanted, fresh=fresh, walk=walk)
    except (TrialError, OnionError, SetupError) as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"Error: {error.filename or 'a file'}: {error.strerror}", err=True)
        sys.exit(1)
    except TerminatedError:
        click.echo("\nEnded.")
        sys.exit(128 + signal.SIGTERM)
    except KeyboardInterrupt:
        click.echo("\nEnded.")


class TerminatedError(KeyboardInterrupt):
    """SIGTERM came: it ends everything in the same order as Ctrl-C."""


def _terminated(*_: object) -> NoReturn:
    raise TerminatedError


def _run(folder: TrialFolder, wanted: _Wanted, *, fresh: bool, walk: bool) -> None:
    folder.prepare()
    try:
        with exclusively(folder.lock):
            transport = wanted.transport(folder)
            line.check_ports(transport, wanted.desk_port)
            folder.facts.unlink(missing_ok=True)  # a killed trial leaves them, and with Tor a start takes a minute
            if fresh:
                folder.clear()
            if wanted.network is Network.PUBLIC:
                told.warn_of_public(folder)
            if not folder.ready.exists():
                told.progress("Making keys (once, some seconds) ...")
            line.set_up(folder)
            with RunningLine(folder, transport, wanted.desk_port) as running:
                _serve(folder, running, walk=walk)
    except LockedError:
        if fresh:
            raise RefusedError("a trial is running in this folder: end it first (Ctrl-C where it runs)") from None
        if walk:
            _walk_apart(wanted)
        else:
            _show_running(folder, wanted.network)


def _serve(folder: TrialFolder, running: RunningLine, *, walk: bool) -> None:
    facts = {
        **running.source_facts,
        "desk_url": running.desk_url,
        "desk_login_url": running.desk_link,
        "handler": HANDLER,
        "passphrase": folder.passphrase.read_text("utf-8").strip(),
        "intake_state": str(folder.intake),
        "desk_state": str(folder.desk),
        "pids": running.pids,
    }
    if walk:
        folder.write_facts(facts)
        steps = walkthrough.walk(folder, running, click.echo)
        click.echo(f"walkthrough: {steps} steps passed")
        return
    told.show(facts, folder)
    click.echo("Ctrl-C ends it.")
    folder.write_facts(facts)  # last: who waits for the file and then ends this has all that it says
    running.wait()


def _walk_apart(wanted: _Wanted) -> None:
    """A line is running in the folder: walk beside it, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="luwte-walk-") as root:
        port, desk_port = free_ports(2)
        _run(TrialFolder(Path(root)), replace(wanted, port=port, desk_port=desk_port), fresh=False, walk=True)


def _carry(folder: TrialFolder) -> None:
    if not folder.ready.exists():
        raise RefusedError(f"there is nothing to carry yet in {folder.root}: start deploy/try first")
    carrier: courier.Courier = courier.AtTheHost(folder)
    if told.network_of(_running_facts(folder)) is not None:
        carrier = courier.ThroughTor(folder)
        told.progress("Carrying through Tor (a minute or two) ...")
    carried = courier.carry(folder, carrier)
    for said in carried.said:
        click.echo(said)
    for failed in carried.failed:
        click.echo(f"Error: {failed}", err=True)
    if carried.failed:
        sys.exit(1)


def _browse(folder: TrialFolder) -> None:
    facts = _running_facts(folder)
    if told.network_of(facts) is None:
        raise RefusedError(f"no trial with --onion is running in {folder.root}: start one first")
    firefox.browse(facts["source_url"], facts["socks_port"])


def _running_facts(folder: TrialFolder) -> dict[str, Any]:
    """Of the trial that runs in this folder; empty when none does. RefusedError while one starts or ends."""
    if not folder.lock.exists():
        return {}
    try:
        with exclusively(folder.lock):
            return {}  # what a killed one left says nothing
    except LockedError:
        return _facts(folder)


def _facts(folder: TrialFolder) -> dict[str, Any]:
    if facts := folder.read_facts():
        return facts
    raise RefusedError("a trial is starting or ending in this folder: try again in a minute")


def _show_running(folder: TrialFolder, wanted: Network | None) -> None:
    facts = _facts(folder)
    told.show(facts, folder, already=True)
    if wanted is not None and wanted is not told.network_of(facts):
        raise RefusedError(f"it does not run as --onion {wanted} asks: end it first (Ctrl-C where it runs)")


if __name__ == "__main__":
    main(prog_name="deploy/try")
