"""The host's side of intake epochs: which key seals today (docs/formats.md §4)."""

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from crypto import epoch
from crypto.card import LineCard
from crypto.epoch import EpochCertificate, EpochChoice
from store.intake.database import Database, add_if_absent
from store.intake.marks import mark, raise_mark
from store.intake.tables import EpochUse, IntakeKey, Mark

LONGEST_SUBMISSION_DAYS: Final = 1  # days after the one on which it began
_HIGH_WATER: Final = "epoch_high_water"
_TOLD_FLOOR: Final = "epoch_floor_told"
_KEYS, _USES = IntakeKey.__table__.c, EpochUse.__table__.c
_CHAIN: Final = select(_KEYS.encoded).order_by(_KEYS.epoch)
_LAST_USE: Final = select(_USES.day).where(_USES.epoch == bindparam("epoch"))


class IntakeKeys:
    """The verified chain of certificates, and the mark below which the host never goes back."""

    def __init__(self, database: Database, line: LineCard, today: Callable[[], int]) -> None:
        self._database, self._line, self._today = database, line, today
        self._verified: dict[bytes, EpochCertificate] = {}

    def current(self) -> EpochChoice:
        """The key that serves now. It is written down that it was in use today, before anything is sealed to it.

        Raises the high-water mark when it is a newer one than ever before.
        """
        day = self._today()
        with self._database.reading() as session:
            high_water = self.high_water(session)
            choice = epoch.choose(self._chain(session), day, high_water)
            if choice.certificate is None:
                return choice
            chosen = choice.certificate.epoch
            last_day = session.scalar(_LAST_USE, {"epoch": chosen})
        if chosen > high_water or last_day is None or last_day < day:
            with self._database.writing() as session:
                raise_mark(session, _HIGH_WATER, chosen)
                self._note_use(session, chosen, day)
        return choice

    def high_water(self, session: Session) -> int:
        return mark(session, _HIGH_WATER)

    def floor(self, session: Session) -> int:
        """The lowest epoch to which an upload in progress can be sealed."""
        high_water = self.high_water(session)
        query = select(func.min(EpochUse.epoch)).where(EpochUse.day >= self._today() - LONGEST_SUBMISSION_DAYS)
        lowest = session.scalar(query)
        return min(high_water, lowest) if lowest is not None else high_water

    def told_floor(self, session: Session) -> int:
        """The highest floor that a bundle ever told. Until this transaction ends, no other one commits or tells."""
        add_if_absent(session, Mark, name=_TOLD_FLOOR, value=0)
        return session.scalars(select(Mark.value).filter_by(name=_TOLD_FLOOR).with_for_update()).one()

    def tell_floor(self, session: Session, floor: int) -> None:
        """From now on nothing that is sealed below it may come in. After `told_floor`, in the same transaction."""
        raise_mark(session, _TOLD_FLOOR, floor)

    def add(self, session: Session, untrusted_certificates: Sequence[bytes]) -> int:
        """Verify certificates and keep those that follow the chain; those before the one in use go. How many are new."""
        certificates = [self._parse(encoded) for encoded in untrusted_certificates]
        following = epoch.beyond(self._chain(session), certificates)
        session.add_all(IntakeKey(epoch=c.epoch, encoded=c.encoded) for c in following)
        session.flush()
        # The one in use must stay; the ones before it can never be used again.
        session.execute(delete(IntakeKey).where(IntakeKey.epoch < self.high_water(session)))
        return len(following)

    def _chain(self, session: Session) -> list[EpochCertificate]:
        return [self._parse(row) for row in session.scalars(_CHAIN)]

    def _parse(self, encoded: bytes) -> EpochCertificate:
        """Verify a certificate once in this process: there are 120, and every page asks for the key of the day."""
        if (certificate := self._verified.get(encoded)) is None:
            certificate = self._verified[encoded] = epoch.parse(self._line.verify_key, self._line.line, encoded)
        return certificate

    def _note_use(self, session: Session, used: int, day: int) -> None:
        add_if_absent(session, EpochUse, epoch=used, day=day)
        session.execute(update(EpochUse).where(EpochUse.epoch == used, EpochUse.day < day).values(day=day))
        session.execute(delete(EpochUse).where(EpochUse.day < day - LONGEST_SUBMISSION_DAYS))
