"""What both command lines do with onion cards: read one from a file, verify it, and say what it proves."""

import re
from pathlib import Path

import click

from crypto import onion_card
from crypto.card import LineCard
from crypto.errors import ForgedError
from crypto.onion_card import OnionCard
from deploy.command import read_card, show_fingerprint
from store.clock import date_of

_ADDRESSES = re.compile(r"(?=([a-z2-7]{56})\.onion)")


def verify_file(path: Path, line: LineCard) -> OnionCard:
    """The card in a file, alone or among other words (luwte-card.txt).

    CryptoError when it is not this line's, or when the words around name another onion address: people read those.
    """
    untrusted_text = read_card(path)
    card = onion_card.verify_text(line.verify_key, onion_card.find_text(untrusted_text))
    named = set(_ADDRESSES.findall(re.sub(r"\s+", "", untrusted_text.lower())))
    if named - {card.address.text}:
        raise ForgedError("the text around the signed card names another onion address than the card: do not use it")
    return card


def tell(card: OnionCard, line: LineCard, today: int) -> bool:
    """Say for which line and address a verified card stands and since when. False when its time is over."""
    holds = card.holds(today)
    click.echo(f'{"Genuine" if holds else "EXPIRED"}: signed by the line "{line.name}".')
    show_fingerprint(f'line "{line.name}"', line.fingerprint)
    click.echo("Onion address (compare every group; only this one is signed):")
    click.echo(f"    {' '.join(card.address.groups)} .onion")
    click.echo(f"Made on {date_of(card.day)}. {lasting(card)}")
    if not holds:
        click.echo("Its time is over: ask the line for a new one.")
    click.echo("This proves as much as the line card does: its fingerprint must be the one that the line told you.")
    return holds


def lasting(card: OnionCard) -> str:
    """How long the card holds, in one sentence."""
    return "It holds until another one replaces it." if card.until is None else f"It holds to {date_of(card.until)}."
