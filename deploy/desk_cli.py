"""`luwte-desk`: the command line on the air-gapped workstation."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from crypto.chain import ForkError
from crypto.errors import CryptoError, of_a_bundle
from deploy import onion_card_commands
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
from deploy.private_memory import keep_memory_private
from store.clock import SystemClock, today
from store.desk import passphrases, vault
from store.desk.errors import DeskError, OnionError, PairingError
from store.desk.place import DeskPlace
from store.files import LockedError, write_whole

PASSPHRASE_FILE = click.option(
    "--passphrase-file",
    type=click.File("r"),
    help="Read the passphrase from this file ('-': standard input) instead of asking.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@version("luwte-desk")
def main() -> None:
    """Luwte's desk: the machine without a network on which handlers read and answer.

    \b
    First time:   luwte-desk init --state DIR --line-name NAME --handler NAME
                  luwte-desk pair --state DIR host.card
                  luwte-desk export --state DIR --to STICK
    Every day:    luwte-desk serve --state DIR
    The courier:  luwte-desk import --state DIR FILE
                  luwte-desk export --state DIR --to STICK
    For people:   luwte-desk sign-onion --state DIR ADDRESS
    """
    keep_memory_private()


@main.command()
@STATE
@click.option("--line-name", required=True, help="What sources see, such as the organisation's name.")
@click.option("--handler", required=True, help="The first handler's name.")
@PASSPHRASE_FILE
def init(state: Path, line_name: str, handler: str, passphrase_file: TextIO | None) -> None:
    """Make a new desk and a new line.

    Without a passphrase file it proposes a passphrase of seven random words. Writes line.card into the state folder:
    carry it to the intake host for 'luwte-intake init'.
    """
    with _sentences():
        passphrase = _new_passphrase(passphrase_file)
        key = DeskPlace.create(state, line_name=line_name, handler=handler, passphrase=passphrase)
        with DeskPlace.open(state, key) as place:
            write_whole(state / "line.card", [place.line_card_text.encode()], mode=0o644)
            show_fingerprint(f'line "{place.line_name}"', place.line_fingerprint)
        click.echo(f"Carry this card to the intake host: {state / 'line.card'}")


@main.command()
@STATE
@click.argument("host_card", type=click.Path(path_type=Path))
@PASSPHRASE_FILE
def pair(state: Path, host_card: Path, passphrase_file: TextIO | None) -> None:
    """Take in the intake host's card. Compare its fingerprint with the operator over another way."""
    with _sentences(), _opened(state, passphrase_file) as place:
        show_fingerprint("intake host", place.pair(read_card(host_card)))


@main.command()
@STATE
@click.option("--port", default=8081, show_default=True, type=click.IntRange(1, 65535), help="On 127.0.0.1.")
@click.option(
    "--stick",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where bundles are carried: read and written. Default: 'stick' in the state folder.",
)
@click.option(
    "--save-to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where saved files go. Default: 'saved' in the state folder.",
)
@click.option(
    "--link-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the one-time link here, too; removed once it is used.",
)
@click.option("--carry-hint", default="", help="A sentence for the Carry page: how bundles are carried here.")
def serve(
    state: Path, port: int, stick: Path | None, save_to: Path | None, link_file: Path | None, carry_hint: str
) -> None:
    """Serve the desk's pages on this machine until stopped (Ctrl-C), and print the one-time link that opens them."""
    from deploy import desk_server  # noqa: PLC0415 - the other commands need no web server

    with _sentences():
        if not vault.is_desk(state):
            fail("this folder holds no desk: run 'luwte-desk init' first")
        desk_server.serve(
            state,
            port=port,
            carry_folder=stick,
            save_folder=save_to or state / "saved",
            link_file=link_file,
            carry_hint=carry_hint,
            say=click.echo,
        )


@main.command("import")
@STATE
@click.argument("file", type=click.Path(path_type=Path))
@ACCEPT_GAP
@PASSPHRASE_FILE
def import_(state: Path, file: Path, accept_gap: range | None, passphrase_file: TextIO | None) -> None:
    """Take in a collect bundle from the intake host.

    A bundle that is damaged, forged or out of order is refused by name and changes nothing (exit code 3).
    """
    with _sentences(), _opened(state, passphrase_file) as place:
        try:
            report = place.importing.import_bundle(file, accept_gap=accept_gap)
        except ForkError:
            raise
        except CryptoError as error:
            fail(f"{file.name} was not taken in: {of_a_bundle(error)}", REFUSED)
    if report.already_had:
        click.echo(f"Bundle {report.number} was taken in before. Nothing changed.")
        return
    click.echo(f"Took in bundle {report.number}: {count(report.messages, 'message')}, {count(report.files, 'file')}.")
    if report.damaged:
        click.echo(f"Could not be opened: {report.damaged}. Listed as damaged.")
    if report.asks_for_onion_card:
        click.echo("The intake host asks to sign its onion address: see the Line page, or 'luwte-desk sign-onion'.")
    for alarm in report.alarms:
        click.echo(f"ALARM: {alarm}")


@main.command()
@STATE
@TO
@PASSPHRASE_FILE
def export(state: Path, to: Path, passphrase_file: TextIO | None) -> None:
    """Put replies, new intake keys and acknowledgements for the intake host onto the courier's stick."""
    with _sentences(), _opened(state, passphrase_file) as place:
        check_stick(to)
        report = place.exporting.export(to)
    if report.made:
        numbers = ", ".join(map(str, report.made))
        replies, keys = count(report.replies, "reply", "replies"), count(report.certificates, "intake key")
        cards = f", {count(report.onion_cards, 'onion card')}" if report.onion_cards else ""
        notice = ", the notice to sources" if report.notice else ""
        click.echo(f"Made bundle {numbers} with {replies} and {keys}{cards}{notice}.")
    else:
        click.echo("Nothing new.")
    for name in report.written:
        click.echo(f"On the stick: {name}")
    warn_of_missing(report.missing, "desk")


@main.command("sign-onion")
@STATE
@click.argument("address")
@click.option(
    "--days", type=click.IntRange(1, 3650), help="How long the card holds. Default: until another replaces it."
)
@PASSPHRASE_FILE
def sign_onion(state: Path, address: str, days: int | None, passphrase_file: TextIO | None) -> None:
    """Sign the onion address of the intake host; the next export carries the card there.

    Give the address as its operator reads it to you over a way that you trust. An address that only came in a bundle may be
    an attacker's who has taken over the host.
    """
    with _sentences(), _opened(state, passphrase_file) as place:
        asked = place.onion_cards.asked()
        card = place.onion_cards.sign(address, days=days)
    click.echo(f"Signed: {' '.join(card.address.groups)} .onion")
    if asked is not None and asked.address != card.address:
        click.echo(f"ALARM: the intake host asks for another address: {' '.join(asked.address.groups)} .onion")
    click.echo(f"{onion_card_commands.lasting(card)} The next export carries the card to the intake host:")
    click.echo(card.text, nl=False)


@main.command("verify-card")
@STATE
@click.argument("file", type=click.Path(path_type=Path))
@PASSPHRASE_FILE
def verify_card(state: Path, file: Path, passphrase_file: TextIO | None) -> None:
    """Say whether a card is genuine and this line's: for which onion address, and since when.

    FILE is luwte-card.txt or the signed block alone. Exit code 3 for a card that is not genuine, 1 for one that is over.
    """
    with _sentences(), _opened(state, passphrase_file) as place:
        line = place.line_keys().card
        genuine = onion_card_commands.verify_file(file, line)
    if not onion_card_commands.tell(genuine, line, today(SystemClock())):
        sys.exit(1)


@main.command()
@STATE
@PASSPHRASE_FILE
def verify(state: Path, passphrase_file: TextIO | None) -> None:
    """Check everything that this desk keeps: database, bundle chains, intake keys, files. Exit code 1 when not all is well."""
    with _sentences(), _opened(state, passphrase_file) as place:
        findings = place.verify()
    for finding in findings:
        click.echo(f"{finding.where}: {finding.text}")
    if findings:
        sys.exit(1)
    click.echo("All is well.")


@contextmanager
def _sentences() -> Iterator[None]:
    with sentences((CryptoError, PairingError, OnionError), (DeskError, LockedError)):
        yield


@contextmanager
def _opened(state: Path, passphrase_file: TextIO | None) -> Iterator[DeskPlace]:
    if not vault.is_desk(state):
        fail("this folder holds no desk: run 'luwte-desk init' first")
    passphrase = _read(passphrase_file)
    if passphrase is None:
        passphrase = click.prompt("Passphrase", hide_input=True, err=True)
    with DeskPlace.open(state, vault.unlock(state, passphrase)) as place:
        yield place


def _new_passphrase(passphrase_file: TextIO | None) -> str:
    given = _read(passphrase_file)
    if given is not None:
        return given
    proposed = passphrases.propose()
    click.echo("A passphrase for this handler. Learn it; it is shown only now:")
    click.echo(f"    {proposed}")
    if click.confirm("Use it? (No: type one of your own)", default=True, err=True):
        return proposed
    return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True))


def _read(passphrase_file: TextIO | None) -> str | None:
    """The first line; None when there is no such file."""
    if passphrase_file is None:
        return None
    try:
        given = passphrase_file.readline(2_000).strip()
    except UnicodeDecodeError:
        given = ""
    return given or fail("the passphrase file is empty or is not text")
