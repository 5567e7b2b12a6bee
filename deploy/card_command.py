"""`luwte-intake card`: the card that people are given, as text and as a page to print."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from crypto.errors import CryptoError
from crypto.onion_card import OnionAddress, OnionCard
from deploy.command import fail
from deploy.printed_card.content import CardContent, as_text
from deploy.printed_card.fonts import NoFontError
from deploy.printed_card.pdf import as_pdf
from store.files import write_whole
from store.intake.place import IntakePlace

TEXT_NAME: Final = "luwte-card.txt"
PAGE_NAME: Final = "luwte-card.pdf"


def write(place: IntakePlace, to: Path, onion: str | None, fonts: Iterable[Path] | None) -> OnionCard:
    """Write both files. Ends with a sentence when there is no card yet, which asks for it, or no font for the page."""
    address = _given(onion) or place.onion_cards.address()
    if address is None:
        fail("this host knows no onion address yet: serve it over Tor first, or name the address with --onion")
    signed = place.onion_cards.card(address)
    if signed is None:
        place.onion_cards.ask(address)
        fail(_to_be_signed(address, place.onion_cards.asked_in(address)))
    content = CardContent(place.line, signed)
    to.mkdir(parents=True, exist_ok=True)
    write_whole(to / TEXT_NAME, [as_text(content).encode()], mode=0o644)
    try:
        page = as_pdf(content, fonts)
    except NoFontError as error:
        fail(f"{TEXT_NAME} was written, {PAGE_NAME} was not: {error}")
    write_whole(to / PAGE_NAME, [page], mode=0o644)
    return signed


def _given(onion: str | None) -> OnionAddress | None:
    try:
        return None if onion is None else OnionAddress.from_typed(onion)
    except CryptoError as error:
        raise click.BadParameter(str(error), param_hint="--onion") from error


def _to_be_signed(address: OnionAddress, asked_in: int | None) -> str:
    how = "'luwte-intake collect' asks for it" if asked_in is None else f"bundle {asked_in} asks for it"
    return (
        f"the line has not signed {address.text}.onion yet: {how}. Carry that bundle to the desk; a handler calls you, types"
        " the address as you read it out, and exports. Bring that bundle back with 'luwte-intake deliver', then repeat this"
    )
