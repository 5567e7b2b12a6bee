"""The intake host's tables.

Keys are random, and SQLite keeps the tables in key order (WITHOUT ROWID), so that no row tells when it came relative to
another. No column holds a time finer than a day.
"""

from typing import Any, Final

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

UNORDERED: Final[dict[str, Any]] = {"sqlite_with_rowid": False}


class Base(DeclarativeBase):
    """What migrations keep."""


class Mailbox(Base):
    """A source's mailbox: `lookup` is derived from the codename, only `ref` leaves the host."""

    __tablename__ = "mailbox"
    __table_args__ = UNORDERED
    ref: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    lookup: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)


class SubmittedObject(Base):
    """A sealed message or file whose bytes are the blob `object_id`. `bundle` is the collect bundle that has it.

    `came` is the day that `courier_days` gives it.
    """

    __tablename__ = "submitted_object"
    # How long a courier waits for an answer must not grow with what came today: one index leads past it to what may leave,
    # the other at once to the lowest epoch.
    __table_args__ = (
        Index("ix_submitted_object_waiting", "bundle", "came"),
        Index("ix_submitted_object_floor", "bundle", "epoch"),
        UNORDERED,
    )
    object_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    mailbox_ref: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    size: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(Integer)
    bundle: Mapped[int | None] = mapped_column(Integer)
    came: Mapped[int] = mapped_column(Integer)


class Reply(Base):
    """A sealed reply whose bytes are the blob `reply_id`. `number` is its dispatch bundle, for the order."""

    __tablename__ = "reply"
    __table_args__ = UNORDERED
    reply_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    mailbox_ref: Mapped[bytes] = mapped_column(LargeBinary(16), index=True)
    number: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)


class Grave(Base):
    """Of an erased mailbox: its tombstone, which stays until no upload can bring the mailbox back.

    `bundle` is the collect bundle that tells it, 0 when the desk itself erased it. `came` is the day that `courier_days`
    gives the erasing. `day` is that of the acknowledgement.
    """

    __tablename__ = "grave"
    __table_args__ = UNORDERED
    ref: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    bundle: Mapped[int | None] = mapped_column(Integer)
    came: Mapped[int] = mapped_column(Integer)
    day: Mapped[int | None] = mapped_column(Integer)


class OutBundle(Base):
    """A collect bundle. Its hash in the chain and its file's are null while it is being made."""

    __tablename__ = "out_bundle"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    file_sha256: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    acknowledged: Mapped[bool]


class InBundle(Base):
    """A dispatch bundle that was taken in. `content`: it held more than an acknowledgement."""

    __tablename__ = "in_bundle"
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    sha256: Mapped[bytes] = mapped_column(LargeBinary(32))
    content: Mapped[bool]


class IntakeKey(Base):
    """An epoch certificate, verified when it came in."""

    __tablename__ = "intake_key"
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    encoded: Mapped[bytes] = mapped_column(LargeBinary)


class EpochUse(Base):
    """The last day on which something could begin to be sealed to an epoch's key. Kept while an upload may still be."""

    __tablename__ = "epoch_use"
    epoch: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    day: Mapped[int] = mapped_column(Integer)


class Mark(Base):
    """A number by name (`marks`)."""

    __tablename__ = "mark"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(Integer)


class OnionRequest(Base):
    """One row at most: the onion address that the desk shall sign. `bundle` is the collect bundle that asks."""

    __tablename__ = "onion_request"
    request_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    address: Mapped[str] = mapped_column(String(56))
    bundle: Mapped[int | None] = mapped_column(Integer)


class OnionCardRow(Base):
    """The newest card for an onion address, verified when it came in."""

    __tablename__ = "onion_card"
    address: Mapped[str] = mapped_column(String(56), primary_key=True)
    encoded: Mapped[bytes] = mapped_column(LargeBinary)


class LineNoticeRow(Base):
    """One row at most: the line's newest notice, verified when it came in."""

    __tablename__ = "line_notice"
    notice_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer)
    encoded: Mapped[bytes] = mapped_column(LargeBinary)


class Collection(Base):
    """A day before which all that came is in bundles, up to the number `bundle`. Kept until the desk has them."""

    __tablename__ = "collection"
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    bundle: Mapped[int] = mapped_column(Integer)


class OperatorNote(Base):
    """Something an operator must be able to look up later. Nothing about a source."""

    __tablename__ = "operator_note"
    note_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(String(500))


class BlobChunk(Base):
    """Sealed bytes as rows, where several hosts share one database."""

    __tablename__ = "blob_chunk"
    blob_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    day: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)
