"""Replies that wait for their source. The host keeps them sealed; only the codename opens them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from store.intake.blobs import Blobs
from store.intake.courier_days import day_of_coming
from store.intake.database import Database
from store.intake.tables import Grave, Mailbox, Reply, SubmittedObject

_REPLIES = Reply.__table__.c
_NEWEST_FIRST: Final = (
    select(_REPLIES.reply_id)
    .where(_REPLIES.mailbox_ref == bindparam("mailbox_ref"))
    .order_by(_REPLIES.number.desc(), _REPLIES.position.desc())
)


@dataclass(frozen=True)
class StoredReply:
    """A sealed reply: its id (16 bytes). Its day is inside, sealed."""

    reply_id: bytes


class Replies:
    """A mailbox's replies, and erasing. Only that a mailbox was erased is told to the desk, which else would answer it: that a
    reply was erased would tell that its source came back."""

    def __init__(self, database: Database, blobs: Blobs, today: Callable[[], int]) -> None:
        self._database, self._blobs, self._today = database, blobs, today

    def list(self, mailbox_ref: bytes) -> list[StoredReply]:
        """Newest first."""
        with self._database.reading() as session:
            return [StoredReply(one) for one in session.scalars(_NEWEST_FIRST, {"mailbox_ref": mailbox_ref})]

    def read(self, reply_id: bytes) -> bytes:
        """The sealed reply; MissingBlobError when it has gone."""
        return b"".join(self._blobs.read(reply_id))

    def erase(self, mailbox_ref: bytes, reply_id: bytes) -> bool:
        """Erase one reply of this mailbox. False when there was none: erased in another tab."""
        with self._database.writing() as session:
            reply = session.get(Reply, reply_id, with_for_update=True)
            if reply is None or reply.mailbox_ref != mailbox_ref:
                return False
            session.delete(reply)
        self._forget([reply_id])
        return True

    def erase_all(self, mailbox_ref: bytes) -> int:
        """Erase every reply of this mailbox; how many there were."""
        with self._database.writing() as session:
            reply_ids = _erase_replies(session, mailbox_ref)
        self._forget(reply_ids)
        return len(reply_ids)

    def erase_mailbox(self, mailbox_ref: bytes) -> None:
        """Erase the mailbox, its replies, and what was sent and is in no bundle yet. The codename is then unknown."""
        with self._database.writing() as session:
            blob_ids = _erase_replies(session, mailbox_ref)
            # First the mailbox: that waits for a submission that is being committed to it, which then goes too.
            if session.execute(delete(Mailbox).filter_by(ref=mailbox_ref)).rowcount:  # type: ignore[attr-defined]  # CursorResult
                session.merge(Grave(ref=mailbox_ref, bundle=None, came=day_of_coming(session, self._today())))
            # What was deleted is asked of the deletion itself: a collection may claim some of it at this moment.
            withdrawn = delete(SubmittedObject).filter_by(mailbox_ref=mailbox_ref, bundle=None)
            blob_ids += session.scalars(withdrawn.returning(SubmittedObject.object_id))
        self._forget(blob_ids)

    def _forget(self, blob_ids: Iterable[bytes]) -> None:
        for blob_id in blob_ids:
            self._blobs.delete(blob_id)
        self._database.forget_log()


def _erase_replies(session: Session, mailbox_ref: bytes) -> list[bytes]:
    return list(session.scalars(delete(Reply).filter_by(mailbox_ref=mailbox_ref).returning(Reply.reply_id)))
