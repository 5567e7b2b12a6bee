"""The host's side of intake epochs: which key seals today (docs/formats.md §4)."""

from collections.abc import Callable, Sequence

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crypto import epoch
from crypto.card import LineCard
from crypto.epoch import EpochCertificate, EpochChoice
from store.intake.database import Database, add_if_absent
from store.intake.tables import IntakeKey, Mark

_HIGH_WATER = "epoch_high_water"


class IntakeKeys:
    """The verified chain of certificates, and the mark below which the host never goes back."""

    def __init__(self, database: Database, line: LineCard, today: Callable[[], int]) -> None:
        self._database, self._line, self._today = database, line, today
        self._verified: dict[bytes, EpochCertificate] = {}

    def current(self) -> EpochChoice:
        """The key that serves now. Raises the high-water mark when it is a newer one than ever before."""
        with self._database.reading() as session:
            high_water = self.high_water(session)
            choice = epoch.choose(self._chain(session), self._today(), high_water)
        if choice.certificate is not None and choice.certificate.epoch > high_water:
            with self._database.writing() as session:
                self._raise_mark(session, choice.certificate.epoch)
        return choice

    def high_water(self, session: Session) -> int:
        return session.scalar(select(Mark.value).filter_by(name=_HIGH_WATER)) or 0

    def tip(self, session: Session) -> EpochCertificate | None:
        """The last certificate of the chain."""
        encoded = session.scalar(select(IntakeKey.encoded).order_by(IntakeKey.epoch.desc()).limit(1))
        return self._parse(encoded) if encoded else None

    def add(self, session: Session, untrusted_certificates: Sequence[bytes]) -> None:
        """Verify certificates that follow the chain and keep them; those that are far in the past go."""
        certificates = [self._parse(encoded) for encoded in untrusted_certificates]
        epoch.extend(self.tip(session), certificates)
        session.add_all(IntakeKey(epoch=c.epoch, encoded=c.encoded) for c in certificates)
        session.flush()
        # The one in use must stay; the ones before it can never be used again.
        session.execute(delete(IntakeKey).where(IntakeKey.epoch < self.high_water(session)))

    def _chain(self, session: Session) -> list[EpochCertificate]:
        return [self._parse(row) for row in session.scalars(select(IntakeKey.encoded).order_by(IntakeKey.epoch))]

    def _parse(self, encoded: bytes) -> EpochCertificate:
        """Verify a certificate once in this process: there are 120, and every page asks for the key of the day."""
        if (certificate := self._verified.get(encoded)) is None:
            certificate = self._verified[encoded] = epoch.parse(self._line.verify_key, self._line.line, encoded)
        return certificate

    def _raise_mark(self, session: Session, value: int) -> None:
        add_if_absent(session, Mark, name=_HIGH_WATER, value=value)
        session.execute(update(Mark).where(Mark.name == _HIGH_WATER, Mark.value < value).values(value=value))
