"""`luwte-intake`: the operator's command line on the intake host."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from crypto.card import parse_line_card
from crypto.errors import CryptoError, of_a_bundle
from deploy import onion_card_commands
from deploy.command import (
    ACCEPT_GAP,
    PRIVATE_NETWORK,
    REFUSED,
    STATE,
    TORRC_LINES,
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
from deploy.onion import description
from deploy.onion.couriers import enrolled
from deploy.onion.errors import OnionError
from deploy.onion.places import OnionPlaces
from deploy.onion.torrc_lines import further_lines
from deploy.private_memory import keep_memory_private
from deploy.questions_command import questions_commands, warn_at_start
from journalist_interface.courier.errors import PairingError
from store.clock import SystemClock, today
from store.files import LockedError
from store.intake.errors import BundleRefusedError, IntakeError, SetupError
from store.intake.place import IntakePlace


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
    For people:   luwte-intake card --state DIR --to DIR
                  luwte-intake advice --state DIR
                  luwte-intake questions --help
                  luwte-intake languages --state DIR
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
@TORRC_LINES
@PRIVATE_NETWORK
def serve(state: Path, bind: str | None, torrc_lines: Path | None, private_network: Path | None) -> None:
    """Bring the whole intake host up, with its onions, until stopped (Ctrl-C or SIGTERM). SIGHUP reads the couriers again.

    It runs a tor of its own. With 'configured = true' under [tor] in intake.toml it uses a packaged tor, whose torrc has
    the lines that 'luwte-intake torrc' prints.
    """
    from deploy import intake_host, intake_server  # noqa: PLC0415 - the other commands need no web server

    with _sentences():
        warn_at_start(state)
        if bind is None:
            lines = further_lines(torrc_lines, private_network)
            intake_host.IntakeHost(state, more_torrc_lines=lines, say=click.echo, guard=_sentences).run()
            return
        if torrc_lines is not None or private_network is not None:
            raise click.UsageError("--torrc-lines has no meaning with --bind, which runs no tor")
        try:
            intake_server.check_bind(bind)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--bind") from error
        intake_server.serve(state, bind, ready=lambda: click.echo(f"The source interface answers at {bind}"))


@main.command()
@STATE
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder in which the courier's stick is mounted. Without it, bundles are made for couriers who come over Tor.",
)
def collect(state: Path, to: Path | None) -> None:
    """Put all that waits for the desk onto the courier's stick.

    Repeat it as you like: what the desk has not acknowledged is put there again, nothing is lost or doubled.

    Couriers who come over Tor get what came in before the current day (UTC) by themselves. What this command has made they
    get at once, and see that it was made.
    """
    with _sentences(), _opened(state) as place:
        if to is None:
            report = place.collector.make()
        else:
            check_stick(to)
            report = place.collector.collect(to)
    if report.made:
        click.echo(f"Made bundle {', '.join(map(str, report.made))} with {count(report.objects, 'sealed object')}.")
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
    for address in report.signed_onions:
        click.echo(f"The line has signed {address.text}.onion. Make its card: luwte-intake card")
    if report.notice is not None:
        click.echo(f"Sources now read notice {report.notice} of the line. Look at the first page.")
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
@click.option(
    "--to", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where the card is written."
)
@click.option("--onion", help="The source onion's address. Default: the one that tor wrote, or was asked for before.")
@click.option(
    "--font",
    "fonts",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A font file (TTF, OTF) for the line's name. Default: found on this machine. Repeat it for several scripts.",
)
def card(state: Path, to: Path, onion: str | None, fonts: tuple[Path, ...]) -> None:
    """Write the card that people are given, luwte-card.txt and luwte-card.pdf: the onion address, signed by the line.

    The line's key is at the desk: the first time, this asks for the signature with the next bundle.
    """
    from deploy import card_command  # noqa: PLC0415 - it draws a page; no other command needs that

    with _sentences(), _opened(state) as place:
        signed = card_command.write(place, to, onion, fonts or None)
    click.echo(f"Written: {to / card_command.TEXT_NAME} and {to / card_command.PAGE_NAME}")
    click.echo(f"They hold {signed.address.text}.onion. {onion_card_commands.lasting(signed)}")


@main.command("verify-card")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--line-card", required=True, type=click.Path(path_type=Path), help="The card of the line: line.card.")
def verify_card(file: Path, line_card: Path) -> None:
    """Say whether a card is genuine: for which line, which onion address, and since when.

    FILE is luwte-card.txt or the signed block alone. Exit code 3 for a card that is not genuine, 1 for one that is over.
    """
    with sentences((CryptoError,), ()):
        line = parse_line_card(read_card(line_card))
        genuine = onion_card_commands.verify_file(file, line)
    if not onion_card_commands.tell(genuine, line, today(SystemClock())):
        sys.exit(1)


@main.command()
@STATE
def status(state: Path) -> None:
    """Show whether intake is open, what waits, and how long the intake keys last."""
    from deploy import intake_status  # noqa: PLC0415 - it needs the web application

    with _sentences(), _opened(state) as place:
        told = list(intake_status.lines(place))
    for line in told:
        click.echo(line)


@main.command()
@STATE
def advice(state: Path) -> None:
    """List the advice texts that sources can read: languages, when each was checked, and which are the line's own.

    The line's own stand in STATE/advice/LANGUAGE/TOPIC.md. One that is wrong is named, and what ships with Luwte is shown
    in its place; exit code 1. A running host shows a change after its next start.
    """
    from deploy.advice_command import AdviceReport  # noqa: PLC0415 - it needs the web application

    with _sentences(), _opened(state) as place:
        report = AdviceReport.of(place)
    report.show()
    if report.faults:
        sys.exit(1)


@main.command()
@STATE
def languages(state: Path) -> None:
    """List the languages of the source's pages: which are offered, how complete they are, and whether they were reviewed.

    A running host shows a change of intake.toml after its next start.
    """
    from deploy import languages_command  # noqa: PLC0415 - it needs the web application

    with _sentences(), _opened(state) as place:
        languages_command.show(load_configuration(state).languages, place)


@contextmanager
def _sentences() -> Iterator[None]:
    with sentences((BundleRefusedError,), (IntakeError, LockedError, ConfigurationError, OnionError, PairingError)):
        yield


main.add_command(courier_commands(_sentences))
main.add_command(questions_commands)


@contextmanager
def _opened(state: Path) -> Iterator[IntakePlace]:
    configuration = load_configuration(state)
    place = IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url)
    try:
        yield place
    finally:
        place.close()
