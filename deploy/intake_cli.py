"""`luwte-intake`: the operator's command line on the intake host."""

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from crypto.epoch import LAST_KEY_DAYS, EpochChoice, Standing
from crypto.errors import CryptoError, of_a_bundle
from deploy.command import (
    ACCEPT_GAP,
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
from deploy.courier_enrolment import courier_commands
from deploy.intake_config import ConfigurationError, load_configuration
from deploy.onion import description, own_tor
from deploy.onion.couriers import enrolled
from deploy.onion.errors import OnionError
from deploy.onion.keys import known_address, read_address
from deploy.onion.places import OnionPlaces
from deploy.private_memory import keep_memory_private
from journalist_interface.courier.errors import PairingError
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
    Over Tor:     luwte-intake courier add --state DIR NAME LINE
    """
    keep_memory_private()


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
@click.option("--bind", help="For a trial without Tor: 127.0.0.1:PORT or unix:/PATH. Only this machine can reach it.")
@click.option(
    "--torrc-lines",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Further lines for the tor that is run here, such as bridges.",
)
def serve(state: Path, bind: str | None, torrc_lines: Path | None) -> None:
    """Bring the whole intake host up, with its onions, until stopped (Ctrl-C or SIGTERM). SIGHUP reads the couriers again.

    It runs a tor of its own. With 'configured = true' under [tor] in intake.toml it uses a packaged tor, whose torrc has
    the lines that 'luwte-intake torrc' prints.
    """
    from deploy import intake_host, intake_server  # noqa: PLC0415 - the other commands need no web server

    with _sentences():
        if bind is None:
            lines = own_tor.read_lines(torrc_lines) if torrc_lines else ""
            intake_host.IntakeHost(state, more_torrc_lines=lines, say=click.echo, guard=_sentences).run()
            return
        if torrc_lines is not None:
            raise click.UsageError("--torrc-lines has no meaning with --bind, which runs no tor")
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
@ACCEPT_GAP
def deliver(state: Path, file: Path, accept_gap: range | None) -> None:
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
def torrc(state: Path) -> None:
    """Print the lines for the torrc of a packaged tor. The courier's are among them once a courier is enrolled."""
    with _sentences():
        places = OnionPlaces.of(state, load_configuration(state).tor.sockets)
        onions = [description.source_onion(places)]
        if enrolled(places.authorized_clients):
            onions.append(description.courier_onion(places))
        click.echo(description.torrc(onions), nl=False)


@main.command()
@STATE
def status(state: Path) -> None:
    """Show whether intake is open, what waits, and how long the intake keys last."""
    with _sentences(), _opened(state) as place:
        now = place.status()
        show_fingerprint(f'line "{place.line.name}"', place.line.fingerprint)
        show_fingerprint("intake host", place.host_card.fingerprint)
    for name, address in _addresses(state).items():
        click.echo(f"The {name} onion: http://{address}")
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
    with sentences((BundleRefusedError,), (IntakeError, LockedError, ConfigurationError, OnionError, PairingError)):
        yield


main.add_command(courier_commands(_sentences))


def _addresses(state: Path) -> dict[str, str]:
    places, is_packaged = OnionPlaces.of(state), load_configuration(state).tor.packaged is not None
    folders = {"source": places.source_onion}
    if enrolled(places.authorized_clients):
        folders["courier"] = places.courier_onion
    found = {
        name: read_address(places.noted_address(name)) if is_packaged else known_address(folder)
        for name, folder in folders.items()
    }
    return {name: address for name, address in found.items() if address}


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
