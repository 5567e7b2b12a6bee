"""What `luwte-intake status` tells: counts, numbers and days, nothing of a source."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crypto.epoch import LAST_KEY_DAYS, EpochChoice, Standing
from deploy import questions_command
from deploy.advice_command import AdviceReport
from deploy.command import count, fingerprint
from deploy.onion.couriers import noted_fault
from deploy.onion.keys import known_address, read_address
from deploy.onion.places import OnionPlaces
from deploy.onion_card_commands import lasting
from store.clock import date_of
from store.intake.place import IntakePlace

_MIB: Final = 1024 * 1024


def lines(place: IntakePlace) -> Iterator[str]:
    """One after the other, for an operator. IntakeError when what the host keeps is damaged."""
    now = place.status()
    yield fingerprint(f'line "{place.line.name}"', place.line.fingerprint)
    yield fingerprint("intake host", place.host_card.fingerprint)
    yield f"Onion address: {_onion(place)}"
    for name, address in _addresses(place.state).items():
        yield f"The {name} onion: http://{address}"
    if (fault := noted_fault(OnionPlaces.of(place.state))) is not None:
        yield f"Couriers: KEPT OUT. {fault}"
    yield f"Intake: {'open' if now.is_open else 'CLOSED'}"
    yield f"Intake keys: {_standing(now.keys)}"
    yield f"Waiting for collect: {count(now.waiting_objects, 'sealed object')}, {now.waiting_bytes / _MIB:.1f} MiB"
    if now.couriers_from is not None:
        yield (
            "This machine's clock was ahead: couriers over Tor get nothing new before "
            f"{date_of(now.couriers_from)}. Set it right, then run 'luwte-intake collect'"
        )
    yield f"Bundles not acknowledged: {', '.join(map(str, now.unacknowledged_bundles)) or 'none'}"
    yield f"Last bundle from the desk: {now.last_dispatch or 'none'}"
    yield f"Replies waiting for sources: {now.replies}"
    if now.free_bytes is not None:
        yield f"Free on this disk: {now.free_bytes / _MIB / 1024:.1f} GiB"
    yield f"Notice to sources: {_notice(place)}"
    yield f"Advice: {AdviceReport.of(place).in_short()}"
    yield f"Questions: {questions_command.in_short(place.state)}"
    for day, text in now.notes:
        yield f"{date_of(day)}: {text}"


def _onion(place: IntakePlace) -> str:
    """The address and how far its card has come."""
    address = place.onion_cards.address()
    if address is None:
        return "not known yet"
    if (signed := place.onion_cards.card(address)) is not None:
        return f"{address.text}.onion, signed by the line. {lasting(signed)}"
    return f"{address.text}.onion, not signed by the line yet: luwte-intake card tells what to do"


def _notice(place: IntakePlace) -> str:
    """What the line says of itself to sources."""
    if (notice := place.line_notices.current()) is not None:
        return f"number {notice.number}"
    if place.line_notices.damaged():
        return "WARNING: damaged, and not shown; the desk must sign it again"
    return "none: the pages say what is true of every line"


def _addresses(state: Path) -> dict[str, str]:
    """The courier's is told before anybody is enrolled: a courier needs it to pair."""
    places = OnionPlaces.of(state)
    found = {"source": read_address(places.source_address), "courier": known_address(places.courier_onion)}
    return {name: address for name, address in found.items() if address}


def _standing(keys: EpochChoice) -> str:
    if keys.standing is Standing.CLOSED:
        return "none that may be used; bring a bundle from the desk"
    warning = "" if keys.standing is Standing.OK else f" - WARNING: {keys.standing.value}; bring a bundle from the desk"
    with_a_key = keys.days_left - LAST_KEY_DAYS
    if with_a_key < 0:
        return f"the last one serves {count(keys.days_left, 'day')} more, then intake closes{warning}"
    return f"for {count(with_a_key, 'day')}, then {LAST_KEY_DAYS} days of grace until intake closes{warning}"
