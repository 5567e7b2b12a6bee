"""The command behind `deploy/try`."""

import shlex
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import click

from deploy.trial import line, walkthrough
from deploy.trial.folder import FolderTakenError, TrialFolder, default_root
from deploy.trial.line import HANDLER, RunningLine, TrialError
from deploy.trial.processes import free_ports
from store.files import LockedError, exclusively


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help="Default: luwte-try in your data folder."
)
@click.option("--source-port", default=8080, show_default=True, type=click.IntRange(1, 65535))
@click.option("--desk-port", default=8081, show_default=True, type=click.IntRange(1, 65535))
@click.option("--fresh", is_flag=True, help="Start over: forget everything of the last trial.")
@click.option("--walkthrough", "walk", is_flag=True, help="Drive the whole road without a person, then end.")
@click.option("--carry", is_flag=True, help="Carry bundles both ways, as a courier would, then end.")
def main(state: Path | None, source_port: int, desk_port: int, fresh: bool, walk: bool, carry: bool) -> None:
    """Start a complete line on this machine: source interface, desk, paired keys, one handler. Ctrl-C ends it."""
    # Also where Ctrl-C is ignored by inheritance: a shell script starts what it puts in the background so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _terminated)
    folder = TrialFolder((state or default_root()).absolute())
    try:
        if carry:
            _carry(folder)
        else:
            _run(folder, source_port, desk_port, fresh=fresh, walk=walk)
    except (TrialError, FolderTakenError, walkthrough.StepError) as error:
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


def _run(folder: TrialFolder, source_port: int, desk_port: int, *, fresh: bool, walk: bool) -> None:
    folder.prepare()
    try:
        with exclusively(folder.lock):
            if fresh:
                folder.clear()
            if not folder.ready.exists():
                click.echo("Making keys (once, some seconds) ...", err=True)
            line.set_up(folder)
            with RunningLine(folder, source_port, desk_port) as running:
                _serve(folder, running, walk=walk)
    except LockedError:
        if walk:
            _walk_apart()
        elif fresh:
            raise TrialError("a trial is running in this folder: end it first (Ctrl-C where it runs)") from None
        else:
            _show_running(folder)


def _serve(folder: TrialFolder, running: RunningLine, *, walk: bool) -> None:
    facts = {
        "source_url": running.source_url,
        "desk_url": running.desk_url,
        "desk_login_url": running.desk_link,
        "handler": HANDLER,
        "passphrase": folder.passphrase.read_text("utf-8").strip(),
        "intake_state": str(folder.intake),
        "desk_state": str(folder.desk),
        "pids": running.pids,
    }
    folder.write_facts(facts)
    if walk:
        steps = walkthrough.walk(folder, running, click.echo)
        click.echo(f"walkthrough: {steps} steps passed")
        return
    _show(facts, folder, "Luwte is running on this machine.")
    click.echo("Ctrl-C ends it.")
    running.wait()


def _walk_apart() -> None:
    """A line is running in the folder: walk beside it, in a folder that goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="luwte-walk-") as root:
        source_port, desk_port = free_ports(2)
        _run(TrialFolder(Path(root)), source_port, desk_port, fresh=False, walk=True)


def _carry(folder: TrialFolder) -> None:
    if not folder.ready.exists():
        raise TrialError(f"there is nothing to carry yet in {folder.root}: start deploy/try first")
    carried = line.carry(folder)
    for said in carried.said:
        click.echo(said)
    for failed in carried.failed:
        click.echo(f"Error: {failed}", err=True)
    if carried.failed:
        sys.exit(1)


def _show_running(folder: TrialFolder) -> None:
    facts = folder.read_facts()
    if not facts:
        raise TrialError("a trial is starting or ending in this folder: try again in a few seconds")
    _show(facts, folder, "Luwte is running on this machine already.")


def _show(facts: dict[str, Any], folder: TrialFolder, first: str) -> None:
    # The desk removes the file when the link is used.
    link = "this link works once, in the browser that opens it first"
    link = link if folder.link.exists() else "used already; Ctrl-C where it runs and start again for a new one"
    click.echo(first)
    click.echo(f"  As a source:   {facts['source_url']}")
    click.echo(f"  As a handler:  {facts['desk_login_url']}")
    click.echo(f"                 ({link})")
    click.echo(f"  Passphrase:    {facts['passphrase']}")
    click.echo(f"  As a courier:  {shlex.join(folder.carry_command)}   (carries bundles both ways)")


if __name__ == "__main__":
    main(prog_name="deploy/try")
