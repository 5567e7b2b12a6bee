"""`luwte-intake`: the operator's command line on the intake host."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from crypto.epoch import LAST_KEY_DAYS, EpochChoice, Standing
from crypto.errors import CryptoError, of_a_bundle
from deploy.command import (
    REFUSED,
    STATE,
    TO,
    check_stick,
    count,
    fail,
    read_card,
    sentences,
    show_fingerprint,
    version,
    warn_of_missing,
)
from deploy.intake_config import ConfigurationError, load_configuration
from store.files import LockedError
from store.intake.errors import BundleRefusedError, IntakeError, SetupError
from store.intake.place import IntakePlace

_MIB = 1024 * 1024


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@version("luwte-intake")
def main() -> None:
    """Luwte's intake host: takes what sources send, seals it at once, opens nothing.

    \b
    First time:   luwte-intake init --state DIR --line-card FILE
    Every day:    luwte-intake serve --state DIR
    The courier:  luwte-intake collect --state DIR --to STICK
                  luwte-intake deliver --state DIR FILE
    """


@main.command()
@STATE
@click.option(
    "--line-card", required=True, type=click.Path(path_type=Path), help="The card that luwte-desk init wrote."
)
def init(state: Path, line_card: Path) -> None:
    """Make a new intake host for the line whose card is given.

    Writes host.card into the state folder: carry it to the desk for 'luwte-desk pair'. Compare both fingerprints with
    the desk over another way, such as a telephone.
    """
    with _sentences():
        try:
            card = IntakePlace.create(state, read_card(line_card))
        except SetupError as error:
            if isinstance(error.__cause__, CryptoError):
                fail(str(error), REFUSED)
            raise
        with _opened(state) as place:
            show_fingerprint(f'line "{place.line.name}"', place.line.fingerprint)
        show_fingerprint("intake host", card.fingerprint)
        click.echo(f"Carry this card to the desk: {state / 'host.card'}")


@main.command()
@STATE
@click.option("--bind", default="127.0.0.1:8080", show_default=True, help="127.0.0.1:PORT or unix:/PATH.")
def serve(state: Path, bind: str) -> None:
    """Serve the source's pages until stopped (Ctrl-C). Only this machine can reach them."""
    from deploy import intake_server  # noqa: PLC0415 - the other commands need no web server

    with _sentences():
        try:
            intake_server.check_bind(bind)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--bind") from error
        intake_server.serve(state, bind, ready=lambda: click.echo(f"The source interface answers at {bind}"))


@main.command()
@STATE
@TO
def collect(state: Path, to: Path) -> None:
    """Put all that waits for the desk onto the courier's stick.

    Repeat it as you like: what the desk has not acknowledged is put there again, nothing is lost or doubled.
    """
    with _sentences(), _opened(state) as place:
        check_stick(to)
        report = place.collector.collect(to)
    if report.made:
        click.echo(f"Made bundle {_numbers(report.made)} with {count(report.objects, 'sealed object')}.")
    else:
        click.echo("Nothing new.")
    for path in report.files:
        click.echo(f"On the stick: {path.name}")
    warn_of_missing(report.missing, "intake host")


@main.command()
@STATE
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--accept-gap", is_flag=True, help="Take it in although earlier bundles are missing. This is noted.")
def deliver(state: Path, file: Path, accept_gap: bool) -> None:
    """Take in a dispatch bundle from the desk: replies, intake keys, acknowledgements.

    A bundle that is damaged, forged or out of order is refused by name and changes nothing (exit code 3).
    """
    with _sentences(), _opened(state) as place:
        try:
            report = place.deliverer.deliver(file, accept_gap=accept_gap)
        except BundleRefusedError as error:
            if isinstance(error.__cause__, CryptoError):
                fail(f"{file.name} was not taken in: {of_a_bundle(error.__cause__)}", REFUSED)
            raise
    if report.already_had:
        click.echo(f"Bundle {report.number} was taken in before. Nothing changed.")
        return
    replies, keys = count(report.replies, "reply", "replies"), count(report.intake_keys, "intake key")
    click.echo(f"Took in bundle {report.number}: {replies}, {keys}.")
    if report.deleted:
        deleted = count(report.deleted, "sealed object")
        click.echo(f"The desk has everything up to bundle {report.acknowledged}: {deleted} deleted here.")


@main.command()
@STATE
def status(state: Path) -> None:
    """Show whether intake is open, what waits, and how long the intake keys last."""
    with _sentences(), _opened(state) as place:
        now = place.status()
        show_fingerprint(f'line "{place.line.name}"', place.line.fingerprint)
        show_fingerprint("intake host", place.host_card.fingerprint)
    click.echo(f"Intake: {'open' if now.is_open else 'CLOSED'}")
    click.echo(f"Intake keys: {_standing(now.keys)}")
    click.echo(
        f"Waiting for collect: {count(now.waiting_objects, 'sealed object')}, {now.waiting_bytes / _MIB:.1f} MiB"
    )
    click.echo(f"Bundles not acknowledged: {_numbers(now.unacknowledged_bundles) or 'none'}")
    click.echo(f"Last bundle from the desk: {now.last_dispatch or 'none'}")
    click.echo(f"Replies waiting for sources: {now.replies}")
    if now.free_bytes is not None:
        click.echo(f"Free on this disk: {now.free_bytes / _MIB / 1024:.1f} GiB")
    for day, text in now.notes:
        click.echo(f"{_date(day)}: {text}")


@contextmanager
def _sentences() -> Iterator[None]:
    with sentences((BundleRefusedError,), (IntakeError, LockedError, ConfigurationError)):
        yield


@contextmanager
def _opened(state: Path) -> Iterator[IntakePlace]:
    configuration = load_configuration(state)
    place = IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url)
    try:
        yield place
    finally:
        place.close()


def _standing(keys: EpochChoice) -> str:
    if keys.standing is Standing.CLOSED:
        return "none that may be used; bring a bundle from the desk"
    warning = "" if keys.standing is Standing.OK else f" - WARNING: {keys.standing.value}; bring a bundle from the desk"
    with_a_key = keys.days_left - LAST_KEY_DAYS
    if with_a_key < 0:
        return f"the last one serves {count(keys.days_left, 'day')} more, then intake closes{warning}"
    return f"for {count(with_a_key, 'day')}, then {LAST_KEY_DAYS} days of grace until intake closes{warning}"


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _date(day: int) -> str:
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()
