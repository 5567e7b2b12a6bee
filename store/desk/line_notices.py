"""What the line says of itself to sources: signed here, shown by the intake host.

One notice stands at a time, the newest. One that was replaced before it left never leaves. Whether the host has one is
known by its acknowledgement of the bundle that carried it; whether the host shows it, nobody here can see.
"""

import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select

from crypto import line_notice
from crypto.errors import CryptoError
from crypto.line_notice import KEEP_DAYS, MOST_LANGUAGES, REPLY_DAYS, LineNotice, NoticeText
from store.clock import Clock, today
from store.desk.database import Database
from store.desk.errors import NoticeError
from store.desk.journal import write_note
from store.desk.line_keys import LineKeys
from store.desk.model import Severity
from store.desk.tables import DispatchRow, LineNoticeRow

MOST_CLOSED_DAYS: Final = 366
DAYS: Final = {"reply_days": REPLY_DAYS, "keep_days": KEEP_DAYS}  # what a draft's numbers of days may be


@dataclass(frozen=True)
class NoticeDraft:
    """What a handler wants sources to read. `texts` are by language, each word by its name; empty words are left out."""

    reply_days: int | None = None
    keep_days: int | None = None
    closed_until: int | None = None
    texts: Mapping[str, Mapping[str, str]] | None = None


@dataclass(frozen=True)
class NoticeStanding:
    """The newest notice, and how far it has come. `bundle` carries it, None before the next export.

    `taken_in`: the intake host has acknowledged that bundle. `closed_until`: the last day of being
    closed, if by it the line is closed today.
    """

    notice: LineNotice
    handler: str
    bundle: int | None
    taken_in: bool
    closed_until: int | None


class LineNotices:
    """Signs notices, and tells how far the newest one has come."""

    def __init__(self, database: Database, clock: Clock, line_keys: Callable[[], LineKeys], handler: str) -> None:
        self._database, self._clock, self._line_keys, self._handler = database, clock, line_keys, handler

    def newest(self) -> NoticeStanding | None:
        """None when nothing was ever signed, or what was is damaged."""
        with self._database.reading() as connection:
            row = newest_row(connection)
            notice = verified(row, self._line_keys())
            if row is None or notice is None:
                return None
            taken_in = connection.scalar(select(DispatchRow.taken_in).where(DispatchRow.number == row.bundle))
        closed_until = notice.closed_on(today(self._clock))
        return NoticeStanding(notice, row.handler, row.bundle, taken_in=bool(taken_in), closed_until=closed_until)

    def damaged(self) -> int | None:
        """The newest notice's number, if what is kept of it does not verify any more: no bundle carries it."""
        with self._database.reading() as connection:
            row = newest_row(connection)
        return row.id if row is not None and verified(row, self._line_keys()) is None else None

    def check(self, draft: NoticeDraft) -> dict[str, NoticeText]:
        """The texts by language as they would be signed: tidied, without empty ones. NoticeError."""
        texts, problems = _checked(draft, today(self._clock))
        if problems:
            raise NoticeError(problems)
        return texts

    def sign(self, draft: NoticeDraft) -> LineNotice:
        """Sign it in place of the one before; the next export carries it. NoticeError, and nothing was changed."""
        texts, day = self.check(draft), today(self._clock)
        with self._database.writing() as connection:
            notice = line_notice.make(
                self._line_keys().signing,
                number=(connection.scalar(select(func.max(LineNoticeRow.id))) or 0) + 1,
                day=day,
                reply_days=draft.reply_days,
                keep_days=draft.keep_days,
                closed_until=draft.closed_until,
                texts=texts,
            )
            values = {"id": notice.number, "encoded": notice.signed, "handler": self._handler, "bundle": None}
            connection.execute(insert(LineNoticeRow).values(values))
            words = f"{self._handler} signed notice {notice.number} to sources"
            write_note(connection, day, Severity.NOTE, words)
        return notice


def newest_row(connection: Connection) -> Any:
    """The newest notice's row, or None."""
    query = select(LineNoticeRow.id, LineNoticeRow.encoded, LineNoticeRow.handler, LineNoticeRow.bundle)
    return connection.execute(query.order_by(LineNoticeRow.id.desc()).limit(1)).one_or_none()


def verified(row: Any, keys: LineKeys) -> LineNotice | None:
    """The notice in a row; None for no row, or one that does not verify."""
    if row is not None:
        with suppress(CryptoError):
            return line_notice.verify_signed(keys.card.verify_key, row.encoded)
    return None


def _checked(draft: NoticeDraft, day: int) -> tuple[dict[str, NoticeText], dict[str, str]]:
    """The texts as they will be signed, and what is wrong, by field."""
    problems: dict[str, str] = {}
    for field, allowed in DAYS.items():
        number = getattr(draft, field)
        if number is not None and number not in allowed:
            problems[field] = f"a number of days from {allowed[0]} to {allowed[-1]:,}, or nothing"
    if draft.closed_until is not None and not day <= draft.closed_until <= day + MOST_CLOSED_DAYS:
        problems["closed_until"] = (
            f"a day such as 2026-12-31, from today on, at most {MOST_CLOSED_DAYS} days ahead, or nothing"
        )
    texts: dict[str, NoticeText] = {}
    for language, words in (draft.texts or {}).items():
        plain = {name: tidy for name, text in words.items() if (tidy := _tidy(text))}
        if not line_notice.is_language(language):
            problems[language] = "not the code of a language, such as en, nl or zh-Hans"
            continue
        found = {
            f"{language}.{name}": fault for name, text in plain.items() if (fault := line_notice.fault_of(name, text))
        }
        problems |= found
        if plain and not found:
            texts[language] = NoticeText(**plain)
    if len(texts) > MOST_LANGUAGES:
        problems["languages"] = f"{len(texts)} languages; at most {MOST_LANGUAGES} fit"
    return texts, problems


def _tidy(text: str) -> str:
    """One line: composed characters, and one blank where there were blanks and line ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())
