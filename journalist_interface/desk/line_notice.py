"""What sources read about the line: written in each language, looked at, signed, carried by the next export."""

from datetime import date
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from crypto.line_notice import MOST_CHARACTERS, MOST_LANGUAGES, NoticeText
from journalist_interface.desk.state import desk, place
from journalist_interface.desk.text import sentence
from store.clock import date_of, day_of
from store.desk.errors import NoticeError
from store.desk.line_notices import DAYS, NoticeDraft, NoticeStanding

LANGUAGES: Final = {
    "en": "English",
    "nl": "Dutch",
    "ar": "Arabic",
    "zh-Hans": "Chinese, simplified",
    "zh-Hant": "Chinese, traditional",
    "fr": "French",
    "kmr": "Kurdish (Kurmanji)",
    "ckb": "Kurdish (Sorani)",
    "fa": "Persian",
    "ru": "Russian",
    "ti": "Tigrinya",
    "tr": "Turkish",
    "ug": "Uyghur",
}
LABELS: Final = {
    "reply_days": "Answer usually within, days",
    "keep_days": "Collected things are destroyed after, days",
    "closed_until": "Closed up to and including",
    "languages": "Languages",
    "name": "Name of the line",
    "operator": "Who runs it",
    "hours": "When you read",
    "closed": "While you are closed",
}
_UNREADABLE: Final = -1  # no day and no number of days: it is refused with whatever else is wrong
_Typed = dict[str, str]

blueprint = Blueprint("line_notice", __name__)


@blueprint.get("/line/notice")
def show() -> ResponseReturnValue:
    return _page(_typed_of(place().line_notices.newest()))


@blueprint.post("/line/notice")
def act() -> ResponseReturnValue:
    """Add a language, preview, or sign. Whatever is wrong, what was typed stands on the next page."""
    typed = request.form.to_dict()
    if (added := typed.get("add", "")) in LANGUAGES and added not in _languages(typed):
        typed["languages"] = " ".join([*_languages(typed), added])
    if typed.get("act") == "add":
        return _page(typed)
    draft, line_notices = _draft(typed), place().line_notices
    try:
        if typed.get("act") != "sign":
            return _page(typed, preview=(draft, line_notices.check(draft)))
        notice = line_notices.sign(draft)
    except NoticeError as error:
        return _page(typed, problems=error.problems), 422
    desk().notices.add(f"Signed: notice {notice.number}. The next export carries it to the intake host.")
    return redirect(url_for("line_notice.show"), 303)


def label(field: str) -> str:
    """What a form's field is called on the page: `nl.hours` is "Dutch: When you read"."""
    language, _, name = field.rpartition(".")
    if field in LABELS:
        return LABELS[field]
    return f"{LANGUAGES.get(language, language)}: {LABELS.get(name, name)}" if language else LANGUAGES.get(field, field)


def _languages(typed: _Typed) -> list[str]:
    """Those that the form has fields for. More cannot be signed, so that a longer list is cut."""
    return list(dict.fromkeys(typed.get("languages", "en").split()))[: MOST_LANGUAGES + 1]


def _typed_of(standing: NoticeStanding | None) -> _Typed:
    """The form's fields as the newest notice would have filled them."""
    if standing is None:
        return {"languages": "en"}
    notice = standing.notice
    typed = {name: str(days) for name in DAYS if (days := getattr(notice, name)) is not None}
    if standing.closed_until is not None:
        typed["closed_until"] = date_of(standing.closed_until).isoformat()
    for language, text in notice.texts.items():
        typed |= {f"{language}.{name}": words for name, words in text.fields().items()}
    return typed | {"languages": " ".join(notice.texts) or "en"}


def _draft(typed: _Typed) -> NoticeDraft:
    numbers = {name: _number(text) for name in DAYS if (text := typed.get(name, "").strip())}
    if text := typed.get("closed_until", "").strip():
        numbers["closed_until"] = _day(text)
    texts = {
        language: {name: typed.get(f"{language}.{name}", "") for name in MOST_CHARACTERS}
        for language in _languages(typed)
    }
    return NoticeDraft(**numbers, texts=texts)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else _UNREADABLE


def _day(text: str) -> int:
    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        return _UNREADABLE


def _page(
    typed: _Typed,
    *,
    problems: dict[str, str] | None = None,
    preview: tuple[NoticeDraft, dict[str, NoticeText]] | None = None,
) -> str:
    languages = _languages(typed)
    return render_template(
        "line_notice.html",
        standing=place().line_notices.newest(),
        damaged=place().line_notices.damaged(),
        typed=typed,
        languages=languages,
        names=LANGUAGES,
        labels=LABELS,
        label=label,
        most=MOST_CHARACTERS,
        days=DAYS,
        problems={field: sentence(why) for field, why in (problems or {}).items()},
        preview=preview,
    )
