"""Sessions: what the host must remember between two pages of one browser, and nothing longer.

A row opens with its cookie alone (docs/formats.md §7.1). The time of last use is inside the box; outside stands the day.
Every use seals the box anew, with another nonce: which rows were not used for a while is seen by looking twice, without
writing down when anybody was here.
With SQLite the rows live in memory-backed storage, with PostgreSQL in a table that is not logged.
"""

import base64
import binascii
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Integer, LargeBinary, bindparam, delete, event, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from crypto import cbor
from crypto.box import NONCE_BYTES, open_box, seal_box
from crypto.codename import Codename
from crypto.errors import CryptoError
from crypto.kdf import hkdf
from store.clock import Clock, today
from store.intake.database import Database, add_if_absent, alone
from store.intake.tables import UNORDERED

COOKIE_LENGTH: Final = 43  # characters
MOST_SLOTS: Final = 8
_MOST_RECEIPTS: Final = 8
_MOST_COMING: Final = 8
_SILENT_SECONDS: Final = 300  # then nothing is coming any more: whatever took it in was killed
_REMOVED_AT_ONCE: Final = 500  # rows, so that no other visit waits long for the database


class _Base(DeclarativeBase):
    """Apart from what migrations keep: these rows may be lost at any time."""


class _Row(_Base):
    __tablename__ = "browser_session"
    __table_args__ = UNORDERED
    row: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    day: Mapped[int] = mapped_column(Integer)
    box: Mapped[bytes] = mapped_column(LargeBinary)


_ROWS = _Row.__table__.c
_BOX: Final = select(_ROWS.box).where(_ROWS.row == bindparam("row"))


@event.listens_for(_Row.__table__, "after_create")
def _unlogged(_target: object, connection: Connection, **_: object) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ALTER TABLE browser_session SET UNLOGGED")


@dataclass(frozen=True, repr=False)
class Slot:
    """One codename in a browser: a fresh one (`codename`), or one whose keys were derived (`lookup`, `seed`).

    `typed_back` says of a fresh one that its source has shown to have kept it. `new_ref` becomes the mailbox_ref at the first
    submission. `slot_id` (8 letters) tells tabs apart and is no secret.
    """

    slot_id: str
    new_ref: bytes
    codename: Codename | None = None
    lookup: bytes = b""
    seed: bytes = b""
    typed_back: bool = False

    @property
    def ready(self) -> bool:
        """Whether something may be sent under it."""
        return self.codename is None or self.typed_back


@dataclass(frozen=True, repr=False)
class Told:
    """What a source is told about one submission: facts, for sentences in whatever language the page has.

    `arrived` are names of kept files, as they are shown, and their lengths in bytes; `files` counts all of them. `refused` are
    names, too. `problems` are the values of the pages' own list.
    """

    message: bool = False
    files: int = 0
    arrived: tuple[tuple[str, int], ...] = ()
    refused: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether anything of the submission was kept."""
        return self.message or self.files > 0


@dataclass(frozen=True, repr=False)
class Coming:
    """How many bytes of a form have come, and how many it has: 0 when its sender did not say. `at` is when that was so."""

    received: int
    length: int = 0
    at: int = 0


@dataclass(repr=False)
class BrowserSession:
    """What one browser's cookie opens. `notes` are for a slot's next page, `shown` is what its latest page told.

    `receipts` answer a repeated form; those of forms that are still coming in tell nothing yet. Of these `coming` says how
    much is there, when they take longer.
    """

    slots: list[Slot] = field(default_factory=list)
    receipts: dict[str, Told] = field(default_factory=dict)
    notes: dict[str, Told] = field(default_factory=dict)
    shown: dict[str, Told] = field(default_factory=dict)
    coming: dict[str, Coming] = field(default_factory=dict)

    def slot(self, slot_id: str | None) -> Slot | None:
        """The slot with this id; without one the latest."""
        if slot_id is None:
            return self.slots[-1] if self.slots else None
        return next((slot for slot in self.slots if slot.slot_id == slot_id), None)

    def put(self, slot: Slot) -> None:
        """Add or replace a slot and make it the latest. When there are too many, the oldest goes of those that nothing was
        begun with: who asks for one codename after the other loses no mailbox that another tab shows."""
        others = [other for other in self.slots if other.slot_id != slot.slot_id]
        if len(others) >= MOST_SLOTS:
            others.remove(next((other for other in others if not other.ready), others[0]))
        self.slots = [*others, slot]
        left = {kept.slot_id for kept in self.slots}
        self.notes = {slot_id: note for slot_id, note in self.notes.items() if slot_id in left}
        self.shown = {slot_id: told for slot_id, told in self.shown.items() if slot_id in left}

    def remember(self, form_id: str, receipt: Told) -> None:
        self.receipts[form_id] = receipt
        while len(self.receipts) > _MOST_RECEIPTS:
            del self.receipts[next(iter(self.receipts))]


def new_cookie() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode("ascii")


def new_slot(codename: Codename | None = None, lookup: bytes = b"", seed: bytes = b"") -> Slot:
    return Slot(secrets.token_hex(4), secrets.token_bytes(16), codename, lookup, seed)


class Sessions:
    """Keeps browser sessions by their cookies. A cookie that is malformed opens nothing."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        idle_seconds: int,
        most: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database, self._clock, self._idle, self._most = database, clock, idle_seconds, most
        self._monotonic = monotonic
        self._looking = threading.Lock()
        self._looked_at: float | None = None
        self._seen: frozenset[bytes] = frozenset()
        with database.writing() as session:
            alone(session.connection())
            _Base.metadata.create_all(session.connection())

    def load(self, cookie: str) -> BrowserSession:
        """What the cookie opens; an empty session when there is none or it was idle for too long."""
        if (secret := _secret(cookie)) is None:
            return BrowserSession()
        with self._database.reading() as session:
            box = session.scalar(_BOX, {"row": _row_id(secret)})
        return self._open(secret, box)

    @contextmanager
    def changing(self, cookie: str, *, begin: bool = False) -> Iterator[BrowserSession]:
        """Change a session so that another tab's change at the same moment is not lost. Counts as use.

        Where there is none, nothing is kept, unless it may `begin` with this: what was under way when a source left does not
        bring the visit back.
        """
        secret = _secret(cookie)
        if secret is None:
            yield BrowserSession()
            return
        with self._database.writing() as session:
            row = session.get(_Row, _row_id(secret), with_for_update=True)
            if row is None and begin:
                self._make_room(session)
                add_if_absent(session, _Row, row=_row_id(secret), day=today(self._clock), box=b"")
                row = session.get_one(_Row, _row_id(secret), with_for_update=True)
            if row is None:
                yield BrowserSession()
                return
            changed = self._open(secret, row.box)
            yield changed
            row.day = today(self._clock)
            row.box = seal_box(_key(secret), _encode(changed, int(self._clock.now())))

    def note_coming(self, cookie: str, form_id: str, coming: Coming) -> None:
        """An upload in progress counts as use, and says how much has come. Nothing happens when there is no session."""
        if (secret := _secret(cookie)) is None:
            return
        with self._database.writing() as session:
            row = session.get(_Row, _row_id(secret), with_for_update=True)
            if row is not None:
                now, changed = int(self._clock.now()), self._open(secret, row.box)
                if changed.slots and (form_id in changed.coming or len(changed.coming) < _MOST_COMING):
                    changed.coming[form_id] = replace(coming, at=now)
                row.day = today(self._clock)
                row.box = seal_box(_key(secret), _encode(changed, now))

    def delete(self, cookie: str) -> None:
        if (secret := _secret(cookie)) is not None:
            with self._database.writing() as session:
                session.execute(delete(_Row).filter_by(row=_row_id(secret)))

    def sweep(self) -> None:
        """Remove rows that nobody can have used since yesterday: a process that begins knows no more of them."""
        with self._database.writing() as session:
            session.execute(delete(_Row).where(_Row.day < today(self._clock) - 1))

    def remove_idle(self) -> None:
        """Remove what was idle for too long, when it is time to look: to be called with every request.

        Rows are gone after twice the idle time at most. What they are compared with is in this process's memory alone.
        """
        if not self._looking.acquire(blocking=False):
            return
        try:
            now = self._monotonic()
            if self._looked_at is not None and now - self._looked_at <= self._idle:
                return
            self._looked_at = now  # a fault waits for the next time, too
            with self._database.reading() as session:
                rows = session.execute(select(_Row.row, _nonce())).all()
            idle = [(row, nonce) for row, nonce in rows if nonce in self._seen]
            for begin in range(0, len(idle), _REMOVED_AT_ONCE):
                with self._database.writing() as session:
                    for row, nonce in idle[begin : begin + _REMOVED_AT_ONCE]:
                        session.execute(delete(_Row).where(_Row.row == row, _nonce() == nonce))  # unless used since
            self._seen = frozenset(nonce for _, nonce in rows)
        finally:
            self._looking.release()

    def _open(self, secret: bytes, box: bytes | None) -> BrowserSession:
        if box is None:
            return BrowserSession()
        try:
            used, opened = _decode(open_box(_key(secret), box))
        except (CryptoError, ValueError):
            return BrowserSession()
        now = self._clock.now()
        opened.coming = {form_id: one for form_id, one in opened.coming.items() if now - one.at <= _SILENT_SECONDS}
        return opened if now - used <= self._idle else BrowserSession()

    def _make_room(self, session: Session) -> None:
        """A flood of sessions pushes out others at random, itself most of all: rows are random."""
        if (session.scalar(select(func.count()).select_from(_Row)) or 0) >= self._most:
            pivot = secrets.token_bytes(32)
            victim = session.scalar(select(_Row.row).where(_Row.row >= pivot).limit(1)) or session.scalar(
                select(_Row.row).limit(1)
            )
            session.execute(delete(_Row).filter_by(row=victim))


def _nonce() -> ColumnElement[bytes]:
    """The start of a row's box, which no other box has."""
    return func.substr(_Row.box, 1, NONCE_BYTES, type_=LargeBinary)


def _secret(cookie: str) -> bytes | None:
    if len(cookie) != COOKIE_LENGTH or not cookie.isascii():
        return None
    try:
        return base64.b64decode(cookie + "=", altchars=b"-_", validate=True)
    except binascii.Error:
        return None


def _row_id(secret: bytes) -> bytes:
    return hkdf(secret, "session-row")


def _key(secret: bytes) -> bytes:
    return hkdf(secret, "session-key")


def _encode(session: BrowserSession, used: int) -> bytes:
    slots: list[Any] = [
        [s.slot_id, s.new_ref, s.codename.canonical if s.codename else b"", s.lookup, s.seed, int(s.typed_back)]
        for s in session.slots
    ]
    return cbor.encode({
        "v": 2,
        "used": used,
        "slots": slots,
        "receipts": [[k, *_told(v)] for k, v in session.receipts.items()],
        "notes": [[s.slot_id, *_told(session.notes[s.slot_id])] for s in session.slots if s.slot_id in session.notes],
        "shown": [[s.slot_id, *_told(session.shown[s.slot_id])] for s in session.slots if s.slot_id in session.shown],
        "coming": [[form_id, one.received, one.length, one.at] for form_id, one in session.coming.items()],
    })


def _decode(plain: bytes) -> tuple[int, BrowserSession]:
    fields = cbor.Fields(cbor.decode(plain))
    fields.version(2)
    used = fields.uint("used")
    slots = [
        Slot(
            slot_id, new_ref, Codename.from_canonical(canonical) if canonical else None, lookup, seed, bool(typed_back)
        )
        for slot_id, new_ref, canonical, lookup, seed, typed_back in fields.array("slots", most=MOST_SLOTS)
    ]
    receipts = {k: _of_told(told) for k, *told in fields.array("receipts", most=_MOST_RECEIPTS)}
    notes = {k: _of_told(told) for k, *told in fields.array("notes", most=MOST_SLOTS)}
    shown = {k: _of_told(told) for k, *told in fields.array("shown", most=MOST_SLOTS)}
    coming = {form_id: Coming(*figures) for form_id, *figures in fields.array("coming", most=_MOST_COMING)}
    fields.done()
    return used, BrowserSession(slots, receipts, notes, shown, coming)


def _told(told: Told) -> list[Any]:
    return [int(told.message), told.files, [list(one) for one in told.arrived], list(told.refused), list(told.problems)]


def _of_told(told: list[Any]) -> Told:
    message, files, arrived, refused, problems = told
    return Told(
        bool(message), files, tuple((name, length) for name, length in arrived), tuple(refused), tuple(problems)
    )
