"""What a line says of itself to sources, and what is no such notice."""

from typing import Any

import cbor2

from crypto import line_notice
from crypto.line_notice import MOST_CHARACTERS, NoticeText
from crypto.signed import SigningKey, sign
from tests.vectors.common import HOST_KEY, LINE, LINE_KEY, Vector

DAY = 20780
ENGLISH = {
    "name": "The lee",
    "operator": "an association",
    "hours": "We read on working days.",
    "closed": "Happy Easter!",
}
PERSIAN = {"name": "\u062e\u0637 \u06a9\u0645\u06a9", "hours": "\u062f\u0648\u0634\u0646\u0628\u0647\u200c\u0647\u0627"}


def notices() -> Vector:
    whole = line_notice.make(
        LINE_KEY,
        number=7,
        day=DAY,
        reply_days=9,
        keep_days=180,
        closed_until=DAY + 14,
        texts={"en": NoticeText(**ENGLISH), "fa": NoticeText(**PERSIAN)},
    )
    fields = {"v": 1, "line": LINE, "no": 7, "day": DAY}

    def made(key: SigningKey = LINE_KEY, purpose: str = "line-notice", *, without: str = "", **more: Any) -> bytes:
        body = {name: value for name, value in (fields | more).items() if name != without}
        return sign(key, purpose, cbor2.dumps(body, canonical=True))

    def words(**texts: Any) -> bytes:
        return made(texts={"en": texts})

    def said(signed: bytes) -> Vector:
        read = line_notice.verify_signed(LINE_KEY.public, signed)
        texts = {language: text.fields() for language, text in read.texts.items()}
        numbers = {"no": read.number, "day": read.day, "reply": read.reply_days, "keep": read.keep_days}
        return {**numbers, "closed": read.closed_until, "texts": texts}

    loose = sign(LINE_KEY, "line-notice", cbor2.dumps(dict(reversed(fields.items()))))
    changed = bytearray(whole.signed)
    changed[30] ^= 1
    longest = {name: "\u65e5" * most for name, most in MOST_CHARACTERS.items()}
    languages = [f"aa-Aaaa-A{letter}" for letter in "ABCDEFGHIJKLMNOPQ"]
    good = {
        "all that it can say": whole.signed,
        "nothing but a number": made(),
        "a language that no program knows": made(texts={"qqq-Qqqq-QQ": {"hours": "Always."}}),
        "the longest texts": words(**longest),
        "sixteen languages": made(texts={code: {"name": "x"} for code in languages[:16]}),
        "the fewest and the most days": made(reply=2, keep=3650, closed=DAY),
        "marks that Persian is written with, and HTML that is only text": words(hours="a\u200cb <b>&amp;</b>"),
    }
    bad = {
        "signed by the host": ("ForgedError", made(HOST_KEY)),
        "signed for another purpose": ("ForgedError", made(purpose="onion-card")),
        "another line's id": ("ForgedError", made(line=b"X" * 16)),
        "a byte changed": ("ForgedError", bytes(changed)),
        "a byte more": ("ForgedError", whole.signed + b"\0"),
        "shorter than a signature": ("TruncatedError", whole.signed[:63]),
        "longer than a notice": ("MalformedError", made(texts={"en": {"hours": "x" * 66_000}})),
        "number 0": ("MalformedError", made(no=0)),
        "number of 2^31": ("MalformedError", made(no=2**31)),
        "an answer by tomorrow": ("MalformedError", made(reply=1)),
        "an answer in 366 days": ("MalformedError", made(reply=366)),
        "kept for a day": ("MalformedError", made(keep=1)),
        "kept for 3,651 days": ("MalformedError", made(keep=3651)),
        "days as text": ("MalformedError", made(reply="9")),
        "closed until before it was made": ("MalformedError", made(closed=DAY - 1)),
        "no text, but the field": ("MalformedError", made(texts={})),
        "a language without any text": ("MalformedError", words()),
        "texts that are no map": ("MalformedError", made(texts=["en"])),
        "a language that is a text": ("MalformedError", made(texts={"en": "x"})),
        "a language in capitals": ("MalformedError", made(texts={"EN": {"name": "x"}})),
        "a language with an underscore": ("MalformedError", made(texts={"zh_Hans": {"name": "x"}})),
        "a language that is a way out of a folder": ("MalformedError", made(texts={"../en": {"name": "x"}})),
        "seventeen languages": ("MalformedError", made(texts={code: {"name": "x"} for code in languages})),
        "an unknown text": ("MalformedError", words(address="x")),
        "an empty text": ("MalformedError", words(name="")),
        "a text of blanks": ("MalformedError", words(name=" ")),
        "a blank at the end": ("MalformedError", words(hours="Always. ")),
        "a text of bytes": ("MalformedError", words(name=b"x")),
        "a name of 101 characters": ("MalformedError", words(name="x" * 101)),
        "hours of 301 characters": ("MalformedError", words(hours="x" * 301)),
        "a line end": ("MalformedError", words(hours="one\ntwo")),
        "a NUL": ("MalformedError", words(hours="one\0two")),
        "a line separator": ("MalformedError", words(hours="one\u2028two")),
        "an override of the direction": ("MalformedError", words(hours="one\u202etwo")),
        "an isolate": ("MalformedError", words(hours="one\u2066two")),
        "a byte order mark": ("MalformedError", words(hours="one\ufefftwo")),
        "version 2": ("MalformedError", made(v=2)),
        "unknown key": ("MalformedError", made(zz=1)),
        "not deterministic": ("MalformedError", loose),
    }
    bad |= {f"without {name}": ("MalformedError", made(without=name)) for name in fields}
    vectors: list[Vector] = [
        {"name": name, "signed": signed.hex(), "expect": said(signed)} for name, signed in good.items()
    ]
    vectors += [{"name": name, "signed": _short(signed), "expect": error} for name, (error, signed) in bad.items()]
    # In the order in which they come to one host, and which of them it then keeps.
    order = [("first", 3, 3), ("the same again", 3, 3), ("newer", 5, 5), ("older, replayed", 3, 5), ("newest", 6, 6)]
    coming: list[Vector] = [
        {"name": name, "signed": made(no=number).hex(), "expect": {"kept": kept}} for name, number, kept in order
    ]
    return {
        "source": "docs/formats.md 5.2; `coming` come to one host in this order",
        "line_public": LINE_KEY.public.raw.hex(),
        "vectors": vectors,
        "coming": coming,
    }


def _short(signed: bytes) -> Any:
    """Hex text; of one that is too long, its parts: a repeated byte is not written 66,000 times."""
    if len(signed) <= 4_096:
        return signed.hex()
    head, tail = signed[:100], signed[-64:]
    return {"head": head.hex(), "byte": signed[100:101].hex(), "times": len(signed) - 164, "tail": tail.hex()}
