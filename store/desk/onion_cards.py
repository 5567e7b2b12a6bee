"""Signing the intake host's onion address, after a handler has compared it.

The address comes from the host, which an attacker may have taken over and have ask for an address of their own. So one request
is kept, the newest; nothing is signed unless a handler types the very address; and an address that changes is an alarm.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, insert, select, update

from crypto import onion_card
from crypto.errors import CryptoError, MalformedError
from crypto.onion_card import OnionAddress, OnionCard
from store.clock import Clock, today
from store.desk.database import Database
from store.desk.errors import OnionError
from store.desk.journal import write_note
from store.desk.line_keys import LineKeys
from store.desk.model import Severity
from store.desk.tables import OnionCardRow, OnionRequestRow

MOST_DAYS: Final = 3_650
CARDS_LISTED: Final = 20
_ONE: Final = 1  # key of the only row


@dataclass(frozen=True)
class OnionAsked:
    """An address that the intake host asks to sign. `batch` is the collect bundle that asked."""

    address: OnionAddress
    batch: int
    day: int


@dataclass(frozen=True)
class OnionSigned:
    """A card that this line has signed. `bundle` is the dispatch bundle that carries it, None before the next export."""

    card: OnionCard
    handler: str
    bundle: int | None


class OnionCards:
    """What the intake host asks to sign, and what was signed."""

    def __init__(self, database: Database, clock: Clock, line_keys: Callable[[], LineKeys], handler: str) -> None:
        self._database, self._clock, self._line_keys, self._handler = database, clock, line_keys, handler

    def asked(self) -> OnionAsked | None:
        """The request that waits for a handler, if there is one."""
        with self._database.reading() as connection:
            return _asked(connection)

    def signed(self) -> list[OnionSigned]:
        """The newest cards that verify, newest first."""
        query = select(OnionCardRow.id, OnionCardRow.encoded, OnionCardRow.handler, OnionCardRow.bundle)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(OnionCardRow.id.desc()).limit(CARDS_LISTED)).all()
        whole = dict(verified(rows, self._line_keys()))
        return [OnionSigned(whole[row.id], row.handler, row.bundle) for row in rows if row.id in whole]

    def damaged(self) -> list[str]:
        """A sentence for each card and request that this desk cannot read any more. None of them is used."""
        with self._database.reading() as connection:
            return damaged_cards(connection, self._line_keys())

    def confirm(self, typed: str, *, days: int | None = None) -> OnionCard:
        """Sign what the host asks for, if it is what the handler typed; see `sign`.

        OnionError when nothing is asked for, or something else: also when it has changed since the page was shown.
        """
        address = _read(typed)
        with self._database.writing() as connection:
            asked = _asked(connection)
            if asked is None:
                raise OnionError("the intake host asks for no address any more; nothing was signed")
            if asked.address != address:
                raise OnionError(
                    "what you typed is not the address that the intake host asks for; nothing was signed. If it is what"
                    " the operator reads to you, the host may have been taken over: do not sign"
                )
            return self._sign(connection, address, days)

    def sign(self, typed: str, *, days: int | None = None) -> OnionCard:
        """Sign an address that a handler knows; the next export carries the card.

        It holds for `days` days (1 to 3,650), or until it is replaced. The same again gives the same card, which travels
        once more. OnionError when it is no onion address.
        """
        address = _read(typed)
        with self._database.writing() as connection:
            return self._sign(connection, address, days)

    def decline(self) -> None:
        """Do not sign what the host asks for. It is noted."""
        with self._database.writing() as connection:
            asked = _asked(connection)
            if asked is not None:
                connection.execute(delete(OnionRequestRow))
                words = f"{self._handler} did not sign the onion address {asked.address.text}"
                write_note(connection, today(self._clock), Severity.NOTE, words)

    def _sign(self, connection: Connection, address: OnionAddress, days: int | None) -> OnionCard:
        if days is not None and not 1 <= days <= MOST_DAYS:
            raise OnionError(f"a card holds for 1 to {MOST_DAYS:,} days; nothing was signed")
        day = today(self._clock)
        card = onion_card.make(self._line_keys().signing, address, day, None if days is None else day + days)
        connection.execute(delete(OnionRequestRow).where(OnionRequestRow.address == address.text))
        # Ed25519 is deterministic: the same card has the same bytes.
        again = update(OnionCardRow).where(OnionCardRow.encoded == card.signed).values(bundle=None)
        if not connection.execute(again).rowcount:
            connection.execute(insert(OnionCardRow).values(encoded=card.signed, handler=self._handler, bundle=None))
            words = f"{self._handler} signed the onion address {address.text}"
            write_note(connection, day, Severity.NOTE, words)
        return card


def take_request(connection: Connection, address: OnionAddress, batch: int, day: int, keys: LineKeys) -> str | None:
    """Within an import: keep what the host asks for. Returns an alarm's words when it is not the address known so far.

    An address whose card holds was compared already: the host has lost the card, which travels once more.
    """
    before = _asked(connection)
    cards = verified(_rows(connection), keys)
    connection.execute(delete(OnionRequestRow))
    holding = [row_id for row_id, card in cards if card.address == address and card.holds(day)]
    if holding:
        connection.execute(update(OnionCardRow).where(OnionCardRow.id == holding[-1]).values(bundle=None))
        return None
    connection.execute(insert(OnionRequestRow).values(id=_ONE, address=address.text, batch=batch, day=day))
    known = before.address if before else cards[-1][1].address if cards else address
    if known == address:
        if before is None:
            words = f"the intake host asks to sign the onion address {address.text}: see the line page"
            write_note(connection, day, Severity.NOTE, words)
        return None
    words = (
        f"the intake host asks to sign another onion address than before: {address.text}, before it was {known.text}."
        " Do not sign it before its operator has told you by voice why it changed: the host may have been taken over"
    )
    write_note(connection, day, Severity.ALARM, words)
    return words


def _asked(connection: Connection) -> OnionAsked | None:
    row = connection.execute(select(OnionRequestRow.address, OnionRequestRow.batch, OnionRequestRow.day)).one_or_none()
    with suppress(MalformedError):
        return OnionAsked(OnionAddress(row[0]), row[1], row[2]) if row else None
    return None


def _rows(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(OnionCardRow.id, OnionCardRow.encoded).order_by(OnionCardRow.id)).all()


def verified(rows: Iterable[Any], keys: LineKeys) -> list[tuple[int, OnionCard]]:
    """Each card with its number, in the same order; those that do not verify are left out."""
    found = []
    for row in rows:
        with suppress(CryptoError):
            found.append((row.id, onion_card.verify_signed(keys.card.verify_key, row.encoded)))
    return found


def damaged_cards(connection: Connection, keys: LineKeys) -> list[str]:
    """For each kept card that does not verify, and a request that names no address, a sentence."""
    rows = _rows(connection)
    whole = dict(verified(rows, keys))
    found = [f"onion card {row.id} is damaged" for row in rows if row.id not in whole]
    if connection.scalar(select(OnionRequestRow.id)) is not None and _asked(connection) is None:
        found.append("the address that the intake host asked to sign is damaged")
    return found


def _read(typed: str) -> OnionAddress:
    try:
        return OnionAddress.from_typed(typed)
    except MalformedError as error:
        raise OnionError(f"{error}; nothing was signed") from error
