"""The desk database's tables. Everything in it is encrypted by SQLCipher; no time is finer than a day.

A thing in a conversation is a row of `entries`; its long parts are in `texts`, `files`, `replies` and `damages`, so that the
inbox counts without reading them. Numbers are never used twice (AUTOINCREMENT): an old page cannot name a new thing.
"""

from sqlalchemy import ForeignKey, Index, LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {bytes: LargeBinary, str: Text}  # noqa: RUF012 - SQLAlchemy reads it as a class attribute


class LineRow(Base):
    """One row: this line's private keys, and the paired intake host's card."""

    __tablename__ = "line"
    id: Mapped[int] = mapped_column(primary_key=True)
    card: Mapped[str]
    signing_seed: Mapped[bytes]
    bundle_seed: Mapped[bytes]
    host_card: Mapped[str | None]


class HandlerRow(Base):
    """Which keyslot is whose: the slots themselves do not tell who cannot open them."""

    __tablename__ = "handlers"
    slot_id: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    day: Mapped[int]


class SourceRow(Base):
    __tablename__ = "sources"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
    id: Mapped[int] = mapped_column(primary_key=True)
    mailbox_ref: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(unique=True)
    reply_key: Mapped[bytes | None]
    closed_day: Mapped[int | None]


class EntryRow(Base):
    """`batch` is the number of the collect bundle that brought it, or for a reply the newest one when it was written."""

    __tablename__ = "entries"
    __table_args__ = (
        Index("ix_entries_source", "source_id", "kind", "unread", "day"),
        Index("ix_entries_object", "object_id", "sha256", unique=True),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    kind: Mapped[str]
    batch: Mapped[int]
    day: Mapped[int]
    unread: Mapped[bool]
    other_key: Mapped[bool]
    object_id: Mapped[bytes]
    sha256: Mapped[bytes | None]
    submission: Mapped[bytes | None]


class TextRow(Base):
    """Messages' and replies' words. Room for a full-text index over it."""

    __tablename__ = "texts"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    text: Mapped[str]


class AnswersRow(Base):
    """Answers to guided questions that came with a message. `heeded`: some of them handlers must not miss."""

    __tablename__ = "answers"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    encoded: Mapped[bytes]
    heeded: Mapped[bool]


class FileRow(Base):
    """A collected file: the age file that arrived is `files/<stored>`, and `file_key` opens it."""

    __tablename__ = "files"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    untrusted_name: Mapped[str]
    size: Mapped[int]
    file_type: Mapped[str]
    stored: Mapped[str] = mapped_column(unique=True)
    sealed_size: Mapped[int]
    file_key: Mapped[bytes]


class DamageRow(Base):
    """An object that could not be opened, kept as it came in `files/<stored>`."""

    __tablename__ = "damages"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    reason: Mapped[str]
    stored: Mapped[str] = mapped_column(unique=True)
    sealed_size: Mapped[int]


class ReplyRow(Base):
    __tablename__ = "replies"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    state: Mapped[str] = mapped_column(index=True)
    bundle: Mapped[int | None] = mapped_column(index=True)
    withdrawn: Mapped[bool]


class RequestRow(Base):
    """What a reply asks, exactly as it is sealed; `texts` has its words too."""

    __tablename__ = "requests"
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    encoded: Mapped[bytes]


class RequestEventRow(Base):
    """The record of requests; triggers of the migration refuse to change a row. An entry may go before it: no foreign key.

    `digest` is of the request, as asked or as answered. `batch` is the collect bundle that brought an answer, else 0.
    """

    __tablename__ = "request_events"
    __table_args__ = (
        Index("ix_request_events_request", "request_id", "source_id"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id", ondelete="CASCADE"), index=True)
    entry_id: Mapped[int] = mapped_column(index=True)
    request_id: Mapped[bytes]
    digest: Mapped[bytes]
    day: Mapped[int]
    batch: Mapped[int]
    what: Mapped[str]
    choice: Mapped[int | None]
    fits: Mapped[bool]
    handler: Mapped[str | None]


class EpochRow(Base):
    """`bundle` is the number of the dispatch bundle that carries the certificate. The private key is a file."""

    __tablename__ = "epochs"
    epoch: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[int]
    certificate: Mapped[bytes]
    bundle: Mapped[int | None]
    destroyed_day: Mapped[int | None]


class CollectRow(Base):
    """A collect bundle that was taken in. `content`: the host waits for an answer."""

    __tablename__ = "collected"
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[bytes]
    day: Mapped[int]
    epoch: Mapped[int]
    floor: Mapped[int]
    content: Mapped[bool]


class DispatchRow(Base):
    """A dispatch bundle that was made. Its file, with `file_sha256`, stays in the outbox until it is acknowledged."""

    __tablename__ = "dispatched"
    number: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[bytes]
    file_sha256: Mapped[bytes]
    day: Mapped[int]
    acknowledges: Mapped[int]
    taken_in: Mapped[bool]


class TombstoneRow(Base):
    """What the desk erased and the intake host shall erase too. `bundle` is the one that carries the word."""

    __tablename__ = "tombstones"
    what: Mapped[str] = mapped_column(primary_key=True)
    ref: Mapped[bytes] = mapped_column(primary_key=True)
    bundle: Mapped[int | None] = mapped_column(index=True)


class OnionRequestRow(Base):
    """One row at most: the onion address that the intake host asks to sign. `batch` is the collect bundle that asked."""

    __tablename__ = "onion_request"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]
    batch: Mapped[int]
    day: Mapped[int]


class OnionCardRow(Base):
    """An onion card that this line has signed, and who had it signed. `bundle` is the dispatch bundle that carries it."""

    __tablename__ = "onion_cards"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
    id: Mapped[int] = mapped_column(primary_key=True)
    encoded: Mapped[bytes]
    handler: Mapped[str]
    bundle: Mapped[int | None]


class LineNoticeRow(Base):
    """A notice that this line has signed, and who had it signed. `bundle` is the dispatch bundle that carries it.

    `id` is the notice's own number.
    """

    __tablename__ = "line_notices"
    id: Mapped[int] = mapped_column(primary_key=True)
    encoded: Mapped[bytes]
    handler: Mapped[str]
    bundle: Mapped[int | None]


class JournalRow(Base):
    __tablename__ = "journal"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[int]
    severity: Mapped[str]
    text: Mapped[str]
    source_id: Mapped[int | None]
    open: Mapped[bool]
