"""What the line says of itself: its newest signed notice, in the words for one language.

Where a notice has no words in the page's language, its English ones are shown, else its first. Where there is no notice, pages
say what is true of every line.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import g

from crypto.line_notice import LineNotice, NoticeText
from source_interface.language import date_of, language
from source_interface.languages import ENGLISH
from source_interface.services import services


@dataclass(frozen=True)
class LineWords:
    """For the page that answers the current request. `language` is that of the texts; None says nothing.

    `closed_until` is given while the line is closed: the last day on which nobody reads. `answered_by` is the day by which
    who wrote today usually has an answer.
    """

    name: str
    language: str = ""
    hours: str | None = None
    closed: str | None = None
    closed_until: str | None = None
    reply_days: int | None = None
    answered_by: str | None = None
    keep_days: int | None = None


def line_words() -> LineWords:
    """The same throughout a request. After a fault, only the name on the line's card."""
    if "line_words" not in g:
        name_only()  # the page of an error asks no database that failed
        g.line_words = _read()
    words: LineWords = g.line_words
    return words


def name_only() -> None:
    """The answer to this request says nothing but the name on the line's card, which costs no look into the database."""
    g.line_words = LineWords(services().place.line.name)


@dataclass(frozen=True)
class Collected:
    """The day before which all that was sent has come to the line's people, and by which they destroy that, if they say so."""

    day: str
    destroyed_by: str | None


def collected() -> Collected | None:
    """For a page; None when there was no such day yet."""
    day, keep_days = services().place.collected_day(), line_words().keep_days
    if day is None:
        return None
    # What came before that day was collected on it or earlier, and is kept so long from then on.
    return Collected(date_of(day), None if keep_days is None else date_of(day + keep_days))


def advice_words(of: str) -> Mapping[str, str]:
    """What stands in the placeholders of an advice text in the language `of`."""
    shipped = services().advice.words_in(of)
    words = {"line_name": services().place.line.name, **shipped}
    notice = services().place.line_notices.current()
    if notice is None:
        return words
    _, text = _text(notice, of)
    own = {"line_name": text.name, "operator": text.operator, "hours": text.hours}
    if notice.reply_days is not None:
        own["reply_time"] = shipped["reply_days"].replace("{days}", str(notice.reply_days))
    if notice.keep_days is not None:
        own["kept"] = shipped["kept_days"].replace("{days}", str(notice.keep_days))
    return words | {name: word for name, word in own.items() if word is not None}


def _read() -> LineWords:
    place = services().place
    notice = place.line_notices.current()
    if notice is None:
        return LineWords(place.line.name)
    closed_until = notice.closed_on(place.today())
    of, text = _text(notice, language())
    return LineWords(
        name=text.name or place.line.name,
        language=of,
        hours=text.hours,
        closed=None if closed_until is None else text.closed,
        closed_until=None if closed_until is None else date_of(closed_until),
        reply_days=notice.reply_days,
        answered_by=None if notice.reply_days is None else date_of(place.today() + notice.reply_days),
        keep_days=notice.keep_days,
    )


def _text(notice: LineNotice, wanted: str) -> tuple[str, NoticeText]:
    for of in (wanted, ENGLISH.tag, *notice.texts):
        if of in notice.texts:
            return of, notice.texts[of]
    return wanted, NoticeText()
