"""An advice text: what its file may say, and how that becomes HTML.

A file begins with a header between two lines `---`: `title:`, `summary:` and `reviewed:` (the day on which the text was last
checked, as 2026-11-24); in a translation that a native speaker has reviewed, `native_speaker:` too (the month, as 2026-11).
Then comes Markdown with `##` headings, paragraphs, `-` and `1.` lists and
**bold**. Anything else is refused by its line: it is never dropped in silence, and never shown as it was not meant. A web
address stands there as plain text. `{line_name}`, `{operator}`, `{hours}`, `{reply_time}` and `{kept}` stand for what the line
says of itself, or for what ships where it says nothing.

The text is parsed twice. The first parser knows all of Markdown, so that what is not allowed is recognised. The second
knows the allowed part only, and writes the HTML: what the first one may have missed comes out as text.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

from crypto.line_notice import MOST_CHARACTERS

MOST_FILE_BYTES: Final = 32 * 1024
_MOST_HTML_BYTES: Final = 48 * 1024  # a whole page stays below 60 KiB
_MOST_BYTES: Final = {"title": 200, "summary": 400, "reviewed": 20}  # of HTML: all of them stand on one page
_NATIVE: Final = "native_speaker"
_MONTH: Final = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_MOST_WORDS: Final = max(MOST_CHARACTERS.values())  # of what stands in a placeholder, from here or from a line's notice
_MOST_WORDS_HTML: Final = len("<bdi></bdi>") + _MOST_WORDS * len(escape("'"))

_WORDS: Final = ("operator", "hours", "reply_time", "reply_days", "kept", "kept_days")
_PLACEHOLDER: Final = re.compile(r"\{(line_name|operator|hours|reply_time|kept)\}")
_BRACES: Final = re.compile(r"\{[^{}]*\}|[{}]")
# Control characters, and marks that turn the reading direction of what follows.
INVISIBLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff]")

_ALL_OF_MARKDOWN: Final = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_ALLOWED_PART: Final = MarkdownIt("zero", {"html": False}).enable([
    "heading",
    "list",
    "emphasis",
    "newline",
    "escape",
    "entity",
])
_ALLOWED_TOKENS: Final = {
    *("inline", "text", "softbreak", "strong_open", "strong_close"),
    *("paragraph_open", "paragraph_close", "heading_close", "list_item_open", "list_item_close"),
    *("bullet_list_close", "ordered_list_close"),
}
_REFUSED: Final = {
    "blockquote_open": "a quotation is not allowed",
    "bullet_list_open": "begin the points of a list with - and nothing else",
    "code_block": "text that is indented this far is not allowed",
    "code_inline": "code is not allowed",
    "em_open": "italics are not allowed: use **bold**",
    "fence": "code is not allowed",
    "hardbreak": "a forced line break is not allowed",
    "heading_open": "begin a heading with ## and nothing else",
    "hr": "a line across the page is not allowed",
    "html_block": "HTML is not allowed",
    "html_inline": "HTML is not allowed",
    "image": "a picture is not allowed",
    "link_open": "a link is not allowed: write the address as plain text",
    "ordered_list_open": "number a list from 1, as 1. and 2. and so on",
    "s_open": "text that is struck out is not allowed",
    "table_open": "a table is not allowed",
}


class AdviceError(Exception):
    """A file is no advice text, or its words are none; the message names the line."""


@dataclass(frozen=True)
class AdviceText:
    """A text about one topic in one language. The HTML holds headings, paragraphs, lists and bold, without attributes.

    `native_speaker` is the month in which one reviewed it, or empty.
    """

    topic: str
    language: str
    title: str
    summary: str
    reviewed: date
    html: Markup
    native_speaker: str = ""


def parse_advice(topic: str, language: str, data: bytes) -> AdviceText:
    """The text in a file, which fits a page with whatever words. They are not in their places yet. AdviceError."""
    lines = _lines(data)
    header, body_begins = _header(lines)
    for number, line in enumerate(lines, 1):
        for braces in _BRACES.findall(line):
            if number <= body_begins or not _PLACEHOLDER.fullmatch(braces):
                raise _error(number, f"{braces} stands for nothing here")
    body = "\n".join(lines[body_begins:])
    for number, reason in _refusals(body):
        raise _error(body_begins + number, reason)
    html = _ALLOWED_PART.render(body)
    if not html:
        raise _error(len(lines), "there is no text")
    if len(html.encode()) + _MOST_WORDS_HTML * len(_PLACEHOLDER.findall(html)) > _MOST_HTML_BYTES:
        raise AdviceError(
            f"the text is too long for a page: at most {_MOST_HTML_BYTES:,} bytes of HTML, {_MOST_WORDS_HTML:,} of them for"
            " each of the line's words"
        )
    return AdviceText(
        topic,
        language,
        header["title"],
        header["summary"],
        _day(header["reviewed"], lines),
        Markup(html),  # noqa: S704 - by a parser that knows no HTML, and escapes what looks like it
        header.get(_NATIVE, ""),
    )


def with_words(text: AdviceText, words: Mapping[str, str]) -> AdviceText:
    """The text with these words in their places. `bdi`: they may be of another reading direction than the text."""
    # The HTML has no attributes: a placeholder can only stand where text does.
    html = _PLACEHOLDER.sub(lambda found: f"<bdi>{escape(words[found[1]])}</bdi>", text.html)
    return replace(text, html=Markup(html))  # noqa: S704 - what was put in is escaped


def parse_words(data: bytes) -> dict[str, str]:
    """What ships for the placeholders, from a TOML file. `{days}` stands for a number in `reply_days` and `kept_days`."""
    try:
        words: dict[str, Any] = tomllib.loads("\n".join(_lines(data)))
    except tomllib.TOMLDecodeError as error:
        raise AdviceError(str(error)) from error
    for name, value in words.items():
        if name not in _WORDS:
            raise AdviceError(f"'{name}' is not known; allowed are {', '.join(_WORDS)}")
        if not isinstance(value, str) or not value.strip() or len(value) > _MOST_WORDS or INVISIBLE.search(value):
            raise AdviceError(f"'{name}' must be a text of 1 to {_MOST_WORDS} visible characters")
    return words


def _error(line: int, reason: str) -> AdviceError:
    return AdviceError(f"line {line}: {reason}")


def _lines(data: bytes) -> list[str]:
    if len(data) > MOST_FILE_BYTES:
        raise AdviceError(f"the file is larger than {MOST_FILE_BYTES:,} bytes")
    try:
        lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise _error(data[: error.start].count(b"\n") + 1, "this is not UTF-8") from error
    for number, line in enumerate(lines, 1):
        if found := INVISIBLE.search(line):
            raise _error(number, f"the invisible character U+{ord(found[0]):04X} is not allowed")
    return lines


def _header(lines: list[str]) -> tuple[dict[str, str], int]:
    """The header's values, and how many lines it takes."""
    if lines[0].rstrip() != "---":
        raise _error(1, "the file must begin with a line ---")
    header: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        if line.rstrip() == "---":
            if missing := [name for name in _MOST_BYTES if name not in header]:
                raise _error(number, f"the header lacks {', '.join(f'{name}:' for name in missing)}")
            return header, number
        name, _, value = (part.strip() for part in line.partition(":"))
        if name not in (*_MOST_BYTES, _NATIVE) or name in header or not value:
            raise _error(
                number,
                f"the header has one line each for title:, summary: and reviewed:, may have {_NATIVE}:, and no other",
            )
        if name == _NATIVE:
            if not _MONTH.fullmatch(value):
                raise _error(number, f"{_NATIVE}: needs the month of the review, such as 2026-11")
        elif len(escape(value).encode()) > _MOST_BYTES[name]:
            raise _error(number, f"the {name} is too long: at most {_MOST_BYTES[name]} bytes of HTML")
        header[name] = value
    raise _error(len(lines), "the header does not end with a line ---")


def _day(written: str, lines: list[str]) -> date:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        day = None
    if day is None or day.isoformat() != written:  # other ways of writing a day are read too
        number = next(number for number, line in enumerate(lines, 1) if line.lstrip().startswith("reviewed"))
        raise _error(number, "reviewed: needs a day such as 2026-11-24")
    return day


def _refusals(body: str) -> Iterator[tuple[int, str]]:
    """What in the body is not allowed: its line there, and why."""
    environment: dict[str, Any] = {}
    tokens = _ALL_OF_MARKDOWN.parse(body, environment)
    # They leave no token: the text would be gone from the page.
    for name in ("references", "duplicate_refs"):
        found = environment.get(name, {})
        for reference in found.values() if isinstance(found, dict) else found:
            yield reference["map"][0] + 1, _REFUSED["link_open"]
    line = 1
    for token in tokens:
        line = token.map[0] + 1 if token.map else line
        if not _allowed(token):
            yield line, _REFUSED.get(token.type, f"{token.type} is not allowed")
        breaks = 0
        for child in token.children or ():
            if not _allowed(child):
                yield line + breaks, _REFUSED.get(child.type, f"{child.type} is not allowed")
            breaks += child.type == "softbreak"


def _allowed(token: Token) -> bool:
    match token.type:
        case "heading_open":
            return token.markup == "##"
        case "bullet_list_open":
            return token.markup == "-"
        case "ordered_list_open":
            return token.markup == "." and "start" not in token.attrs
        case kind:
            return kind in _ALLOWED_TOKENS
