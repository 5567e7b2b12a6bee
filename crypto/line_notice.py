"""Line notices: what a line says of itself on its source pages (docs/formats.md §5.2).

A notice replaces the one before it whole. Its number only grows; whoever keeps one compares, since a signature cannot
tell that something newer was signed. Texts are plain: what could redraw a page or turn its direction is no notice.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from crypto import cbor
from crypto.card import fields_signed_by, line_id
from crypto.errors import MalformedError
from crypto.signed import SigningKey, VerifyKey, sign

LARGEST_SIGNED: Final = 65_536  # all languages with every text at its longest fit
MOST_LANGUAGES: Final = 16
MOST_CHARACTERS: Final[Mapping[str, int]] = {"name": 100, "operator": 300, "hours": 300, "closed": 300}
REPLY_DAYS: Final = range(2, 366)
KEEP_DAYS: Final = range(2, 3_651)
_LABEL: Final = "line-notice"
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
# Control characters, separators of lines, marks that turn the direction of what stands around them, and half characters.
_REFUSED: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True)
class NoticeText:
    """The line's own words in one language; None where it has none. `closed` is said until the notice's `closed_until`."""

    name: str | None = None
    operator: str | None = None
    hours: str | None = None
    closed: str | None = None

    def fields(self) -> dict[str, str]:
        """The words that are there, by their name."""
        return {name: text for name in MOST_CHARACTERS if (text := getattr(self, name)) is not None}


@dataclass(frozen=True)
class LineNotice:
    """A verified notice, made on `day`.

    An answer is usually there within `reply_days`. What the line keeps is destroyed after `keep_days`. To the end of the day
    `closed_until` nobody of the line reads what comes in. None says nothing. `texts` are by language.
    """

    line: bytes
    number: int
    day: int
    reply_days: int | None
    keep_days: int | None
    closed_until: int | None
    texts: Mapping[str, NoticeText]
    signed: bytes

    def closed_on(self, day: int) -> int | None:
        """The last day on which the line is closed, while `day` is one of those; else None."""
        return self.closed_until if self.closed_until is not None and day <= self.closed_until else None


def fault_of(name: str, text: str) -> str | None:
    """Why `text` cannot stand in the field `name`; None when it can."""
    most = MOST_CHARACTERS[name]
    if not text or text != text.strip():
        return "empty, or with blanks around it"
    if len(text) > most:
        return f"{len(text)} characters; at most {most} fit"
    if found := _REFUSED.search(text):
        return f"the character U+{ord(found[0]):04X} is not allowed"
    return None


def is_language(code: str) -> bool:
    """Whether `code` is written as this format writes a language: `nl`, `ckb`, `zh-Hans`, `pt-BR`."""
    return _LANGUAGE.fullmatch(code) is not None


def make(
    key: SigningKey,
    *,
    number: int,
    day: int,
    reply_days: int | None = None,
    keep_days: int | None = None,
    closed_until: int | None = None,
    texts: Mapping[str, NoticeText] | None = None,
) -> LineNotice:
    """Sign with the line key. MalformedError when it would be no notice."""
    fields: dict[str, Any] = {"v": 1, "line": line_id(key.public), "no": number, "day": day}
    numbers = {"reply": reply_days, "keep": keep_days, "closed": closed_until}
    fields |= {name: value for name, value in numbers.items() if value is not None}
    if texts:
        fields["texts"] = {language: text.fields() for language, text in texts.items()}
    # What is signed is what a reader takes: it is read at once.
    return verify_signed(key.public, sign(key, _LABEL, cbor.encode(fields)))


def verify_signed(key: VerifyKey, untrusted_signed: bytes) -> LineNotice:
    """A notice signed by this line key. ForgedError when another signed it, or for another line; MalformedError."""
    fields = fields_signed_by(key, _LABEL, untrusted_signed, most_bytes=LARGEST_SIGNED, what="notice")
    day = fields.uint("day")
    notice = LineNotice(
        line=line_id(key),
        number=fields.uint("no", least=1),
        day=day,
        reply_days=_days(fields, "reply", REPLY_DAYS),
        keep_days=_days(fields, "keep", KEEP_DAYS),
        closed_until=fields.uint("closed", least=day) if fields.has("closed") else None,
        texts=_texts(fields),
        signed=untrusted_signed,
    )
    fields.done()
    return notice


def _days(fields: cbor.Fields, name: str, allowed: range) -> int | None:
    if not fields.has(name):
        return None
    if (days := fields.uint(name)) not in allowed:
        raise MalformedError(f"field {name}: not {allowed[0]} to {allowed[-1]} days")
    return days


def _texts(fields: cbor.Fields) -> dict[str, NoticeText]:
    if not fields.has("texts"):
        return {}
    by_language = fields.map("texts", most=MOST_LANGUAGES)
    if not by_language or not all(map(is_language, by_language)):
        raise MalformedError("field texts: not by languages")
    return {language: _text(value) for language, value in by_language.items()}


def _text(value: object) -> NoticeText:
    fields = cbor.Fields(value)
    words = {name: fields.text(name, most_bytes=4 * most) for name, most in MOST_CHARACTERS.items() if fields.has(name)}
    fields.done()
    if not words:
        raise MalformedError("a language without any text")
    for name, text in words.items():
        if fault := fault_of(name, text):
            raise MalformedError(f"the text {name}: {fault}")
    return NoticeText(**words)
