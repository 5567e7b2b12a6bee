"""The onion address of this host, and the line's signed cards for it.

The host asks the desk to sign its address: once, in a collect bundle. The card comes back in a dispatch bundle. One request
waits at a time, the newest.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from crypto import onion_card
from crypto.card import LineCard
from crypto.errors import CryptoError, MalformedError
from crypto.onion_card import OnionAddress, OnionCard
from store.intake.database import Database
from store.intake.errors import OnionAddressError
from store.intake.tables import OnionCardRow, OnionRequest

WRITTEN: Final = Path("onions", "source.address")  # below the state folder; whoever brings the onion up writes it
_ONE: Final = 1  # key of the only row
_LONGEST_WRITTEN: Final = 256


class OnionCards:
    """Keeps the request and the cards. What takes a session works within the caller's transaction."""

    def __init__(self, state: Path, database: Database, line: LineCard, today: Callable[[], int]) -> None:
        self._state, self._database, self._line, self._today = state, database, line, today

    def address(self) -> OnionAddress | None:
        """The source onion's address, as it is served; else the one that was last asked for; None when none is known.

        OnionAddressError when its file holds none or cannot be read.
        """
        if (written := self._written()) is not None:
            return written
        with self._database.reading() as session:
            if (request := session.get(OnionRequest, _ONE)) is not None:
                return OnionAddress(request.address)
            rows = session.query(OnionCardRow).all()
        cards = [self._verified(row.encoded) for row in rows]
        return max(cards, key=lambda card: card.day).address if cards else None

    def card(self, address: OnionAddress) -> OnionCard | None:
        """The line's card for this address, if there is one that holds today. It is verified again."""
        with self._database.reading() as session:
            return self._holding(session, address)

    def asked_in(self, address: OnionAddress) -> int | None:
        """The number of the collect bundle that asks for this card; None when it is not in any yet."""
        with self._database.reading() as session:
            request = session.get(OnionRequest, _ONE)
            return request.bundle if request and request.address == address.text else None

    def ask(self, address: OnionAddress) -> None:
        """Ask for a card with the next collect bundle, in place of any other request. Asked already, or signed: nothing."""
        with self._database.writing() as session:
            self._ask(session, address)

    def ask_for_own(self, session: Session) -> None:
        """Ask for the address that is served, unless another request waits to leave. An unreadable one is not asked for."""
        written = None
        with suppress(OnionAddressError):
            written = self._written()
        waiting = session.get(OnionRequest, _ONE)
        if written is not None and (waiting is None or waiting.bundle is not None):
            self._ask(session, written)

    def waits(self, session: Session) -> bool:
        """Whether a request is in no bundle yet."""
        request = session.get(OnionRequest, _ONE)
        return request is not None and request.bundle is None

    def claim(self, session: Session, number: int) -> None:
        """The request that waits leaves in this bundle."""
        session.execute(update(OnionRequest).where(OnionRequest.bundle.is_(None)).values(bundle=number))

    def claimed(self, session: Session, number: int) -> OnionAddress | None:
        """What this bundle asks for."""
        request = session.get(OnionRequest, _ONE)
        return OnionAddress(request.address) if request and request.bundle == number else None

    def give_back(self, session: Session, numbers: Collection[int]) -> None:
        """These bundles were not finished: what they were to ask waits again."""
        session.execute(update(OnionRequest).where(OnionRequest.bundle.in_(numbers)).values(bundle=None))

    def keep(self, session: Session, untrusted_cards: Collection[bytes]) -> tuple[OnionAddress, ...]:
        """Verify cards and keep them; each ends the request for its address. A CryptoError, and nothing may be committed."""
        cards = [onion_card.verify_signed(self._line.verify_key, one) for one in untrusted_cards]
        for card in cards:
            session.merge(OnionCardRow(address=card.address.text, encoded=card.signed))
            session.execute(delete(OnionRequest).where(OnionRequest.address == card.address.text))
        return tuple(card.address for card in cards)

    def _ask(self, session: Session, address: OnionAddress) -> None:
        request = session.get(OnionRequest, _ONE)
        if (request and request.address == address.text) or self._holding(session, address) is not None:
            return
        session.merge(OnionRequest(request_id=_ONE, address=address.text, bundle=None))

    def _holding(self, session: Session, address: OnionAddress) -> OnionCard | None:
        row = session.get(OnionCardRow, address.text)
        card = self._verified(row.encoded) if row is not None else None
        return card if card is not None and card.holds(self._today()) else None

    def _verified(self, kept: bytes) -> OnionCard:
        try:
            return onion_card.verify_signed(self._line.verify_key, kept)
        except CryptoError as error:
            raise OnionAddressError(f"an onion card that is kept here is damaged: {error}") from error

    def _written(self) -> OnionAddress | None:
        try:
            with (self._state / WRITTEN).open("rb") as file:
                untrusted_name = file.read(_LONGEST_WRITTEN)
            return OnionAddress.from_typed(untrusted_name.decode("utf-8", "replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise OnionAddressError(f"{WRITTEN} cannot be read: {error.strerror}") from error
        except MalformedError as error:
            raise OnionAddressError(f"{WRITTEN} holds no onion address: {error}") from error
