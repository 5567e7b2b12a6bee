"""What the line says of itself on the source pages: its newest signed notice."""

from contextlib import suppress
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from crypto import line_notice
from crypto.card import LineCard
from crypto.errors import CryptoError
from crypto.line_notice import LineNotice
from store.intake.database import Database
from store.intake.tables import LineNoticeRow

_ONE: Final = 1  # key of the only row
_ENCODED: Final = select(LineNoticeRow.__table__.c.encoded).where(LineNoticeRow.__table__.c.notice_id == _ONE)


class LineNotices:
    """Keeps one notice, the one with the highest number that ever came."""

    def __init__(self, database: Database, line: LineCard) -> None:
        self._database, self._line = database, line
        self._verified: tuple[bytes, LineNotice | None] = (b"", None)

    def current(self) -> LineNotice | None:
        """None when none came, or what is kept does not verify: what the line did not sign is not shown."""
        with self._database.reading() as session:
            encoded = session.scalar(_ENCODED)
        if encoded is None:
            return None
        # Read for every page; verified when it is another one. One assignment, so that threads see a pair that fits.
        known, notice = self._verified
        if known != encoded:
            notice = self._whole(encoded)
            self._verified = (encoded, notice)
        return notice

    def damaged(self) -> bool:
        """Whether a notice is kept that does not verify any more."""
        with self._database.reading() as session:
            kept = session.get(LineNoticeRow, _ONE) is not None
        return kept and self.current() is None

    def kept_number(self, session: Session) -> int | None:
        """The number of the notice that is kept; None when there is none, or it does not verify."""
        row = session.get(LineNoticeRow, _ONE)
        notice = self._whole(row.encoded) if row is not None else None
        return notice.number if notice is not None else None

    def keep(self, session: Session, untrusted_notice: bytes | None) -> LineNotice | None:
        """Within a delivery: verify a notice, and keep it if it is newer; returns it then.

        An older one, or the same again, changes nothing, but that the same heals one that was damaged. A CryptoError, and
        nothing may be committed.
        """
        if untrusted_notice is None:
            return None
        notice = line_notice.verify_signed(self._line.verify_key, untrusted_notice)
        kept = session.get(LineNoticeRow, _ONE)
        if kept is not None and not self._is_wanted(notice, kept):
            return None
        session.merge(LineNoticeRow(notice_id=_ONE, number=notice.number, encoded=notice.signed))
        return notice

    def _is_wanted(self, notice: LineNotice, kept: LineNoticeRow) -> bool:
        # The number stands beside the bytes: damage to them brings no older notice back.
        return notice.number > kept.number or (notice.number == kept.number and self._whole(kept.encoded) is None)

    def _whole(self, kept: bytes) -> LineNotice | None:
        with suppress(CryptoError):
            return line_notice.verify_signed(self._line.verify_key, kept)
        return None
