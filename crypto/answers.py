"""Answers to guided questions: they travel inside a sealed message, in the words that were asked (docs/formats.md §3.4)."""

import re
from dataclasses import dataclass
from typing import Any, Final

from crypto import cbor
from crypto.errors import MalformedError

LONGEST: Final = 16_384  # bytes of CBOR
LONGEST_CODE: Final = 40  # characters
CODE: Final = re.compile(rf"[a-z0-9-]{{1,{LONGEST_CODE}}}")
_MOST_ANSWERS: Final = 64
_MOST_CHOSEN: Final = 64

# What a handler must not miss. Their meaning is fixed in docs/formats.md, whatever a line calls them.
_ALWAYS_HEEDED: Final = frozenset({"never-tell", "avoid-background"})
_HEEDED_UNLESS_NO: Final = frozenset({"danger", "device-watched"})


@dataclass(frozen=True)
class Choice:
    """One of the answers that a question offered: its code and the words that stood there."""

    code: str
    words: str


@dataclass(frozen=True)
class Answer:
    """The answer to one question. `asked` are the question's words; `chosen` or `text` is given, or both."""

    code: str
    asked: str
    chosen: tuple[Choice, ...] = ()
    text: str = ""

    @property
    def heeded(self) -> bool:
        """Whether handlers must see it before they do anything."""
        if self.code in _HEEDED_UNLESS_NO:
            return all(choice.code != "no" for choice in self.chosen)
        return self.code in _ALWAYS_HEEDED


@dataclass(frozen=True)
class Answers:
    """All answers of one message, at least one, in the order in which they were asked. `version` names the questions."""

    version: str
    answers: tuple[Answer, ...]

    def value(self) -> dict[str, Any]:
        """As it stands in a header. ValueError for more than LONGEST, or for what `from_value` would refuse."""
        value = {"set": self.version, "given": [_answer_value(answer) for answer in self.answers]}
        try:
            kept = self.from_value(value)
        except MalformedError as error:
            raise ValueError(str(error)) from error
        assert kept == self
        return value

    @classmethod
    def from_value(cls, untrusted: object) -> "Answers":
        """Raises MalformedError."""
        fields = cbor.Fields(untrusted)
        answers = cls(_code(fields, "set"), tuple(map(_answer, _some(fields, "given", _MOST_ANSWERS))))
        fields.done()
        if len({answer.code for answer in answers.answers}) != len(answers.answers):
            raise MalformedError("two answers to one question")
        if len(cbor.encode(untrusted)) > LONGEST:  # type: ignore[arg-type]  # Fields has just read it whole
            raise MalformedError(f"answers of more than {LONGEST} bytes")
        return answers

    def encode(self) -> bytes:
        """As they are kept outside a header."""
        return cbor.encode(self.value())

    @classmethod
    def decode(cls, untrusted: bytes) -> "Answers":
        """Raises MalformedError."""
        return cls.from_value(cbor.decode(untrusted))


def _answer_value(answer: Answer) -> dict[str, Any]:
    value: dict[str, Any] = {"q": answer.code, "ask": answer.asked}
    if answer.chosen:
        value["pick"] = [[choice.code, choice.words] for choice in answer.chosen]
    if answer.text:
        value["text"] = answer.text
    return value


def _answer(untrusted: object) -> Answer:
    fields = cbor.Fields(untrusted)
    code, asked = _code(fields, "q"), _words(fields, "ask")
    chosen = tuple(map(_choice, _some(fields, "pick", _MOST_CHOSEN))) if fields.has("pick") else ()
    text = _words(fields, "text") if fields.has("text") else ""
    fields.done()
    if not chosen and not text:
        raise MalformedError("an answer without anything in it")
    if len({choice.code for choice in chosen}) != len(chosen):
        raise MalformedError("an answer that is chosen twice")
    return Answer(code, asked, chosen, text)


def _choice(untrusted: object) -> Choice:
    if not isinstance(untrusted, list) or len(untrusted) != 2:
        raise MalformedError("not a code and its words")
    fields = cbor.Fields(dict(zip(("code", "words"), untrusted, strict=True)))
    return Choice(_code(fields, "code"), _words(fields, "words"))


def _some(fields: cbor.Fields, key: str, most: int) -> list[Any]:
    items = fields.array(key, most=most)
    if not items:
        raise MalformedError(f"field {key}: empty")
    return items


def _code(fields: cbor.Fields, key: str) -> str:
    code = fields.text(key, most_bytes=LONGEST_CODE)
    if not CODE.fullmatch(code):
        raise MalformedError(f"field {key}: not a code")
    return code


def _words(fields: cbor.Fields, key: str) -> str:
    words = fields.text(key, most_bytes=LONGEST)
    if not words:
        raise MalformedError(f"field {key}: empty")
    return words
