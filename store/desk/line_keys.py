"""This line's private keys, and the intake host that it is paired with."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection, insert, select, update

from crypto.card import HostCard, LineCard, make_line_card, parse_host_card, parse_line_card
from crypto.errors import CryptoError
from crypto.signed import SigningKey
from crypto.xwing import Identity
from store.desk.errors import DamagedError, NotPairedError, PairingError
from store.desk.tables import LineRow


@dataclass(frozen=True, repr=False)
class LineKeys:
    """`signing` signs for the desk, `bundle` opens collect bundles. `host` is None until the places are paired."""

    card: LineCard
    signing: SigningKey
    bundle: Identity
    host: HostCard | None

    @property
    def line(self) -> bytes:
        return self.card.line

    @property
    def paired(self) -> HostCard:
        """The intake host's card, or NotPairedError."""
        if self.host is None:
            raise NotPairedError("this desk knows no intake host yet: pair it with the host's card")
        return self.host

    def with_host(self, untrusted_card: str) -> "LineKeys":
        """Pair with the host of this card, or PairingError. The same card again changes nothing."""
        try:
            host = parse_host_card(untrusted_card)
        except CryptoError as error:
            raise PairingError(f"the host card was refused: {error}") from error
        if host.line != self.line:
            raise PairingError("that host card was made for another line")
        if self.host is not None and self.host != host:
            raise PairingError("this desk is paired with another intake host")
        return replace(self, host=host)


def make_line(name: str) -> LineKeys:
    """A new line. PairingError for a name that does not fit on a card."""
    signing, bundle = SigningKey.generate(), Identity.generate()
    try:
        return LineKeys(make_line_card(name, signing, bundle.recipient), signing, bundle, None)
    except ValueError as error:
        raise PairingError(str(error)) from error


def store_line(connection: Connection, keys: LineKeys) -> None:
    connection.execute(
        insert(LineRow).values(
            id=1, card=keys.card.text, signing_seed=keys.signing.seed, bundle_seed=keys.bundle.seed, host_card=None
        )
    )


def store_host(connection: Connection, keys: LineKeys) -> None:
    connection.execute(update(LineRow).values(host_card=keys.paired.text))


def load_line(connection: Connection) -> LineKeys:
    """DamagedError when the stored line is not whole."""
    row = connection.execute(
        select(LineRow.card, LineRow.signing_seed, LineRow.bundle_seed, LineRow.host_card)
    ).one_or_none()
    if row is None:
        raise DamagedError("the database holds no line")
    host = parse_host_card(row[3]) if row[3] is not None else None
    return LineKeys(parse_line_card(row[0]), SigningKey(row[1]), Identity.from_seed(row[2]), host)
