"""`luwte-intake`: the operator's command line on the intake host."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from crypto.card import parse_line_card
from crypto.epoch import EpochChoice, Standing
from crypto.errors import CryptoError
from crypto.onion_card import OnionAddress
from deploy import onion_card_commands
from deploy.command import STATE, count, fail, read_card, sentences, show_fingerprint
from deploy.intake_config import ConfigurationError, load_configuration
from store.clock import SystemClock, today
from store.files import LockedError, write_whole
from store.intake.errors import BundleRefusedError, IntakeError
from store.intake.place import IntakePlace

_MIB = 1024 * 1024


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Luwte's intake host: takes what sources send, seals it at once, opens nothing.

    \b
    First time:   luwte-intake init --state DIR --line-card FILE
    Every day:    luwte-intake serve --state DIR
    The courier:  luwte-intake collect --state DIR --to STICK
                  luwte-intake deliver --state DIR FILE
    For people:   luwte-intake card --state DIR --to DIR
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
        card = IntakePlace.create(state, read_card(line_card))
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
@click.option("--to", required=True, type=click.Path(path_type=Path, file_okay=False), help="The courier's stick.")
def collect(state: Path, to: Path) -> None:
    """Put all that waits for the desk onto the courier's stick.

    Repeat it as you like: what the desk has not acknowledged is put there again, nothing is lost or doubled.
    """
    with _sentences(), _opened(state) as place:
        report = place.collector.collect(to)
    if report.made:
        click.echo(f"Made bundle {_numbers(report.made)} with {count(report.objects, 'sealed object')}.")
    else:
        click.echo("Nothing new.")
    for path in report.files:
        click.echo(f"On the stick: {path.name}")


@main.command()
@STATE
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--accept-gap", is_flag=True, help="Take it in although earlier bundles are missing. This is noted.")
def deliver(state: Path, file: Path, accept_gap: bool) -> None:
    """Take in a dispatch bundle from the desk: replies, intake keys, acknowledgements.

    A bundle that is damaged, forged or out of order is refused by name and changes nothing (exit code 3).
    """
    with _sentences(), _opened(state) as place:
        report = place.deliverer.deliver(file, accept_gap=accept_gap)
    if report.already_had:
        click.echo(f"Bundle {report.number} was taken in before. Nothing changed.")
        return
    replies, keys = count(report.replies, "reply", "replies"), count(report.intake_keys, "intake key")
    click.echo(f"Took in bundle {report.number}: {replies}, {keys}.")
    for address in report.signed_onions:
        click.echo(f"The line has signed {address.text}.onion. Make its card: luwte-intake card")
    if report.deleted:
        deleted = count(report.deleted, "sealed object")
        click.echo(f"The desk has everything up to bundle {report.acknowledged}: {deleted} deleted here.")


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
    # They draw the page; no other command needs them.
    from deploy.printed_card.content import CardContent, as_text  # noqa: PLC0415 - as said above
    from deploy.printed_card.fonts import NoFontError  # noqa: PLC0415 - as said above
    from deploy.printed_card.pdf import as_pdf  # noqa: PLC0415 - as said above

    with _sentences(), _opened(state) as place:
        address = _given(onion) or place.onion_cards.address()
        if address is None:
            fail("this host knows no onion address yet: serve it over Tor first, or name the address with --onion")
        signed = place.onion_cards.card(address)
        if signed is None:
            place.onion_cards.ask(address)
            fail(_to_be_signed(address, place.onion_cards.asked_in(address)))
        content = CardContent(place.line, signed)
        to.mkdir(parents=True, exist_ok=True)
        write_whole(to / "luwte-card.txt", [as_text(content).encode()], mode=0o644)
        try:
            page = as_pdf(content, fonts or None)
        except NoFontError as error:
            fail(f"luwte-card.txt was written, luwte-card.pdf was not: {error}")
        write_whole(to / "luwte-card.pdf", [page], mode=0o644)
    click.echo(f"Written: {to / 'luwte-card.txt'} and {to / 'luwte-card.pdf'}")
    click.echo(f"They hold {address.text}.onion. {onion_card_commands.lasting(signed)}")


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
    with _sentences(), _opened(state) as place:
        now = place.status()
        show_fingerprint(f'line "{place.line.name}"', place.line.fingerprint)
        show_fingerprint("intake host", place.host_card.fingerprint)
        onion = _onion(place)
    click.echo(f"Onion address: {onion}")
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
        click.echo(f"{onion_card_commands.date(day)}: {text}")


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
    return f"intake closes in {count(keys.days_left, 'day')} without new ones{warning}"


def _numbers(numbers: tuple[int, ...]) -> str:
    return ", ".join(map(str, numbers))


def _given(onion: str | None) -> OnionAddress | None:
    try:
        return None if onion is None else OnionAddress.from_typed(onion)
    except CryptoError as error:
        raise click.BadParameter(str(error), param_hint="--onion") from error


def _onion(place: IntakePlace) -> str:
    """The address and how far its card has come."""
    address = place.onion_cards.address()
    if address is None:
        return "not known yet"
    if (signed := place.onion_cards.card(address)) is not None:
        return f"{address.text}.onion, signed by the line. {onion_card_commands.lasting(signed)}"
    return f"{address.text}.onion, not signed by the line yet: luwte-intake card tells what to do"


def _to_be_signed(address: OnionAddress, asked_in: int | None) -> str:
    how = "'luwte-intake collect' asks for it" if asked_in is None else f"bundle {asked_in} asks for it"
    return (
        f"the line has not signed {address.text}.onion yet: {how}. Carry that bundle to the desk; a handler calls you, types"
        " the address as you read it out, and exports. Bring that bundle back with 'luwte-intake deliver', then repeat this"
    )
