"""Asking a source for one thing: for consent to an exact text, or to choose. Queued and carried as replies are."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, insert, select

from crypto.request import ConsentRequest, Request, Say, decode_request
from store.clock import Clock, today
from store.desk.consent import Said, Standing, chosen, consent, question
from store.desk.database import Database
from store.desk.replying import queue
from store.desk.request_record import What, write_asked
from store.desk.tables import RequestEventRow, RequestRow, TextRow


@dataclass(frozen=True)
class Event:
    """One row of the record: asked, taken back, or an answer (`say`). `handler` is who did it, at the desk."""

    day: int
    what: What | None = None
    say: Say | None = None
    choice: int | None = None
    fits: bool = True
    handler: str | None = None


@dataclass(frozen=True)
class Asked:
    """A request, how it stands today, and all that became of it, oldest first. `chosen`: choices that count, from 1."""

    request: Request
    standing: Standing
    chosen: tuple[int, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Answered:
    """What a message says to a request. `asked_in` is that request's entry, None when this source was never asked it.

    `choice` is the chosen words, when it fits.
    """

    say: Say
    fits: bool
    asked_in: int | None
    choice: str | None


@dataclass(frozen=True)
class OnPage:
    """Those of some entries that are requests, and those that are responses, by entry."""

    asked: dict[int, Asked] = field(default_factory=dict)
    answered: dict[int, Answered] = field(default_factory=dict)


class Requests:
    """Queue requests, and tell how they stand."""

    def __init__(self, database: Database, clock: Clock, handler: str) -> None:
        self._database = database
        self._clock = clock
        self._handler = handler

    @property
    def today(self) -> int:
        """The day from which `until` is counted here, in days since 1970."""
        return today(self._clock)

    def ask(self, source_id: int, request: Request) -> int:
        """Queue a request for the next export; returns its entry's number. CannotReplyError, GoneError."""
        with self._database.writing() as connection:
            queued = queue(connection, source_id, self.today)
            connection.execute(insert(TextRow).values(entry_id=queued.entry_id, text=request.text))
            write_asked(connection, request, queued.object_id, source_id, queued.entry_id, self.today, self._handler)
        return queued.entry_id

    def on_page(self, entry_ids: Sequence[int]) -> OnPage:
        """What these entries ask or answer."""
        with self._database.reading() as connection:
            touched = select(RequestEventRow.source_id, RequestEventRow.request_id).where(
                RequestEventRow.entry_id.in_(entry_ids)
            )
            keys = {(row.source_id, row.request_id) for row in connection.execute(touched)}
            threads = [_thread(connection, source_id, request_id) for source_id, request_id in keys]
        page = OnPage()
        for thread in threads:
            thread.show(page, set(entry_ids), self.today)
        return page

    def standing(self, entry_id: int) -> Standing | None:
        """How the request of that entry stands today; None when it is none."""
        asked = self.on_page([entry_id]).asked.get(entry_id)
        return asked.standing if asked else None


@dataclass(frozen=True)
class _Thread:
    """All rows of the record about one request to one source. `request` is None when it never left, or was never made."""

    rows: Sequence[Any]
    request: Request | None
    asked_in: int | None

    def show(self, page: OnPage, entry_ids: set[int], today: int) -> None:
        said = [(row, _said(row)) for row in self.rows if row.what in set(Say)]
        if self.request is not None and self.asked_in in entry_ids:
            page.asked[self.asked_in] = self._asked(self.request, [one for _, one in said], today)
        for row, one in said:
            if row.entry_id in entry_ids:
                page.answered[row.entry_id] = Answered(one.say, one.fits, self.asked_in, self._words(one))

    def _asked(self, request: Request, said: list[Said], today: int) -> Asked:
        taken_back = any(row.what == What.TAKEN_BACK for row in self.rows)
        if isinstance(request, ConsentRequest):
            standing = consent(said, until=request.until, today=today, taken_back=taken_back)
        else:
            standing = question(said, taken_back=taken_back)
        return Asked(request, standing, chosen(said), tuple(map(_event, self.rows)))

    def _words(self, said: Said) -> str | None:
        if said.choice is None or not said.fits or self.request is None or isinstance(self.request, ConsentRequest):
            return None
        return self.request.choices[said.choice - 1]


def _thread(connection: Connection, source_id: int, request_id: bytes) -> _Thread:
    query = (
        select(RequestEventRow, RequestRow.encoded)
        .outerjoin(RequestRow, RequestRow.entry_id == RequestEventRow.entry_id)
        .where(RequestEventRow.source_id == source_id, RequestEventRow.request_id == request_id)
        .order_by(RequestEventRow.id)
    )
    rows = connection.execute(query).all()
    asked = next((row for row in rows if row.what == What.ASKED and row.encoded is not None), None)
    return _Thread(rows, decode_request(asked.encoded) if asked else None, asked.entry_id if asked else None)


def _said(row: Any) -> Said:
    return Said(row.day, row.batch, Say(row.what), row.choice, row.fits)


def _event(row: Any) -> Event:
    if row.what in set(Say):
        return Event(row.day, say=Say(row.what), choice=row.choice, fits=row.fits)
    return Event(row.day, what=What(row.what), handler=row.handler)
