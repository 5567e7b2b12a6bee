"""Requests to sources, and responses to them."""

import hashlib
from dataclasses import asdict
from typing import Any

import cbor2

from crypto.request import ConsentRequest, Question
from tests.vectors.common import Vector

TEXT = "A person in the Netherlands was told:\n\t“Your brother will pay.”\nکسی در هلند تهدید شد."
CONSENT: dict[str, Any] = {
    "v": 1,
    "ask": "consent",
    "text": TEXT,
    "to": "Police",
    "for": "to protect you",
    "until": 20810,
}
CHOICE: dict[str, Any] = {"v": 1, "ask": "choice", "text": "May we call?", "choices": ["Yes", "No", "لا أعرف"]}
SAID: dict[str, Any] = {"v": 1, "of": b"O" * 16, "asked": b"\x05" * 32, "say": "yes"}


def _made(base: dict[str, Any], *, without: str = "", **more: Any) -> bytes:
    return cbor2.dumps({name: value for name, value in (base | more).items() if name != without}, canonical=True)


def requests() -> Vector:
    longest = {"text": "🕊" * 2_000, "to": "é" * 100, "for": "ኣ" * 400}
    good = {
        "consent": ConsentRequest(TEXT, "Police", "to protect you", 20810),
        "consent at its longest": ConsentRequest(longest["text"], longest["to"], longest["for"], 2**31 - 1),
        "choice": Question("May we call?", ("Yes", "No", "لا أعرف")),
        "choice of six": Question("?" * 1_000, tuple(f"{n}" * 150 for n in range(6))),
        "joiners and marks of direction, which belong to words": Question("می‌خواهم\u200f", ("\u200e1", "👨\u200d👩")),
    }
    bad = {
        "text of 2,001": _made(CONSENT, text="x" * 2_001),
        "text that is empty": _made(CONSENT, text=""),
        "text of blanks": _made(CONSENT, text=" \n\u3000"),
        "text with NUL": _made(CONSENT, text="yes\0no"),
        "text with an escape": _made(CONSENT, text="a\x1b[31m"),
        "text with a carriage return": _made(CONSENT, text="a\r\nb"),
        "text with a C1 control": _made(CONSENT, text="a\x85b"),
        "text turned around": _made(CONSENT, text="pay \u202e001\u202c now"),
        "recipient turned around": _made(CONSENT, to="\u2067Police\u2069"),
        "purpose with NUL": _made(CONSENT, **{"for": "\0"}),
        "recipient of 101": _made(CONSENT, to="x" * 101),
        "purpose of 401": _made(CONSENT, **{"for": "x" * 401}),
        "text as bytes": _made(CONSENT, text=b"x"),
        "end as text": _made(CONSENT, until="2026-12-31"),
        "end before 1970": _made(CONSENT, until=-1),
        "end at 2^31": _made(CONSENT, until=2**31),
        "consent with choices": _made(CONSENT, choices=["a", "b"]),
        "one choice": _made(CHOICE, choices=["Yes"]),
        "no choice": _made(CHOICE, choices=[]),
        "seven choices": _made(CHOICE, choices=list("abcdefg")),
        "choices that are the same": _made(CHOICE, choices=["Yes", "No", "Yes"]),
        "choice that is empty": _made(CHOICE, choices=["Yes", ""]),
        "choice of 151": _made(CHOICE, choices=["Yes", "x" * 151]),
        "choice with a line turned around": _made(CHOICE, choices=["Yes", "\u202eNo"]),
        "choice as a number": _made(CHOICE, choices=["Yes", 2]),
        "question of 1,001": _made(CHOICE, text="x" * 1_001),
        "choice with an end": _made(CHOICE, until=20810),
        "another kind": _made(CONSENT, ask="order"),
        "version 2": _made(CONSENT, v=2),
        "unknown key": _made(CONSENT, zz=1),
        "not deterministic": cbor2.dumps(dict(reversed(CONSENT.items()))),
        "plain text": b"May we pass this on?",
        "nothing": b"",
    }
    bad |= {f"consent without {name}": _made(CONSENT, without=name) for name in CONSENT}
    bad |= {f"choice without {name}": _made(CHOICE, without=name) for name in CHOICE}
    vectors: list[Vector] = [
        {
            "name": name,
            "content": (content := one.encode()).hex(),
            "expect": {"request": asdict(one), "digest": hashlib.sha256(content).hexdigest()},
        }
        for name, one in good.items()
    ]
    vectors += [{"name": name, "content": content.hex(), "expect": "MalformedError"} for name, content in bad.items()]
    return {"source": "docs/formats.md 3.3", "vectors": vectors}


def responses() -> Vector:
    good = {
        "yes": _made(SAID),
        "no": _made(SAID, say="no"),
        "no with words": _made(SAID, say="no", text="I am afraid.\0\u202e"),
        "ask": _made(SAID, say="ask", text="Who will read it?"),
        "choice": _made(SAID, say="choice", choice=6),
        "choice with words": _made(SAID, say="choice", choice=1, text="🕊" * 2_000),
    }
    means = {
        "yes": ("yes", None, ""),
        "no": ("no", None, ""),
        "no with words": ("no", None, "I am afraid.\0\u202e"),
        "ask": ("ask", None, "Who will read it?"),
        "choice": ("choice", 6, ""),
        "choice with words": ("choice", 1, "🕊" * 2_000),
    }
    bad = {
        "ask without words": _made(SAID, say="ask"),
        "yes with words": _made(SAID, text="Only without my town."),
        "words that are empty": _made(SAID, say="no", text=""),
        "words of 2,001": _made(SAID, say="no", text="x" * 2_001),
        "yes with a choice": _made(SAID, choice=1),
        "choice without a number": _made(SAID, say="choice"),
        "choice 0": _made(SAID, say="choice", choice=0),
        "choice 7": _made(SAID, say="choice", choice=7),
        "maybe": _made(SAID, say="maybe"),
        "Yes in capitals": _made(SAID, say="YES"),
        "id of 15 bytes": _made(SAID, of=b"O" * 15),
        "hash of 31 bytes": _made(SAID, asked=b"\x05" * 31),
        "hash as text": _made(SAID, asked="05" * 16),
        "version 2": _made(SAID, v=2),
        "unknown key": _made(SAID, zz=1),
        "not deterministic": cbor2.dumps(dict(reversed(SAID.items()))),
        "a byte more": _made(SAID) + b"\0",
        "nothing": b"",
    }
    bad |= {f"without {name}": _made(SAID, without=name) for name in SAID}
    vectors: list[Vector] = [
        {
            "name": name,
            "content": content.hex(),
            "expect": dict(zip(("say", "choice", "remark"), means[name], strict=True)),
        }
        for name, content in good.items()
    ]
    vectors += [{"name": name, "content": content.hex(), "expect": "MalformedError"} for name, content in bad.items()]
    return {"source": "docs/formats.md 3.3", "vectors": vectors}
