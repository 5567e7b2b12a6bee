"""The guided questions' file: what it may say, and how it is read.

Questions are data, in TOML: what ships with Luwte is `questions.toml` beside this module, and a line's own stand in
`STATE/questions.toml`. Codes are what statistics and handlers rely on: those that ship keep their meaning and their kind for
ever (docs/formats.md §3.4), and a line's own begin with `x-`. Words may be changed as a line likes.

A file that is wrong never takes a page away: it is named in `QuestionSource.fault`, and what ships is asked.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final

from crypto import answers
from source_interface.advice import INVISIBLE
from source_interface.languages import ENGLISH, TAGS
from source_interface.question_room import MOST_TYPED, too_much
from source_interface.questions import Question, QuestionKind, Questions, Words

FILE: Final = "questions.toml"
SHIPPED: Final = "luwte-"  # begins the versions of what ships, and no other
OWN: Final = "x-"  # begins a line's own codes
MOST_FILE_BYTES: Final = 128 * 1024
_MOST_QUESTIONS: Final = 40
_MOST_CHOICES: Final = 40
_DEFAULT_CHARACTERS: Final = {"line": 100, "text": 300}


class QuestionsError(Exception):
    """A file has no questions that can be asked; the message says where and why."""


@dataclass(frozen=True)
class QuestionSource:
    """What a host asks, and what is wrong with the line's own file, if anything is."""

    asked: Questions
    own: bool
    fault: str = ""

    @classmethod
    def load(cls, state: Path) -> "QuestionSource":
        """The line's own questions, if there are any and they are right; else what ships. Read once, at the start:
        a file that were read for a page would keep the time of it on the disk."""
        path = state / FILE
        if not path.exists():
            return cls(shipped(), own=False)
        try:
            return cls(read_questions(path), own=True)
        except QuestionsError as error:
            return cls(shipped(), own=False, fault=f"{FILE}: {error}")


def read_questions(path: Path) -> Questions:
    """A line's own questions. QuestionsError."""
    try:
        if not path.is_file():
            raise QuestionsError("this is not a file")
        with path.open("rb") as opened:
            data = opened.read(MOST_FILE_BYTES + 1)
    except OSError as error:
        raise QuestionsError(f"it cannot be read: {error.strerror}") from error
    asked = parse_questions(data)
    if asked.version.startswith(SHIPPED):
        raise QuestionsError(f"version: a name of your own is needed, one that does not begin with {SHIPPED}")
    for question in asked.questions:
        _keeps_its_meaning(question)
    return asked


def parse_questions(data: bytes) -> Questions:
    """Questions that can be asked, from TOML. QuestionsError."""
    asked = _parse(data)
    if reason := too_much(asked):
        raise QuestionsError(reason)
    return asked


def _parse(data: bytes) -> Questions:
    if len(data) > MOST_FILE_BYTES:
        raise QuestionsError(f"the file is larger than {MOST_FILE_BYTES:,} bytes")
    try:
        table = _Table("", tomllib.loads(data.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        raise QuestionsError(f"line {data[: error.start].count(10) + 1}: this is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise QuestionsError(str(error)) from error
    except RecursionError as error:
        raise QuestionsError("brackets stand in brackets, far too deep") from error
    asked = Questions(
        table.code("version"),
        table.words("title", 100),
        table.words("intro", 400),
        table.words("no_answer", 60),
        tuple(_question(one) for one in table.tables("question", _MOST_QUESTIONS)),
    )
    table.done()
    codes = [question.code for question in asked.questions]
    if doubles := [code for code in codes if codes.count(code) > 1]:
        raise QuestionsError(f"question {doubles[0]}: it stands there twice")
    return asked


@cache
def shipped() -> Questions:
    """What ships with Luwte."""
    return parse_questions(shipped_file())


def shipped_file() -> bytes:
    """That, as it was written."""
    return resources.files("source_interface").joinpath(FILE).read_bytes()


def texts_to_translate(file: BufferedIOBase, *_: object, **__: object) -> Iterator[tuple[int, None, str, list[str]]]:
    """The texts of such a file, as Babel asks for them."""
    for words in _parse(file.read()).all_words():
        yield 0, None, words.english, []


def _keeps_its_meaning(question: Question) -> None:
    known = {one.code: one for one in shipped().questions}.get(question.code)
    where = f"question {question.code}"
    if known is None:
        if not question.code.startswith(OWN):
            raise QuestionsError(f"{where}: this is not a code of Luwte's; one of your own begins with {OWN}")
    elif known.kind is not question.kind:
        raise QuestionsError(f"{where}: with this code its kind is '{known.kind}'; your own code begins with {OWN}")
    for code in question.choices:
        if not code.startswith(OWN) and (known is None or code not in known.choices):
            raise QuestionsError(f"{where}: '{code}' is not a choice of Luwte's; one of your own begins with {OWN}")


def _question(table: "_Table") -> Question:
    code = table.code("code")
    table.where = f"question {code}: "
    kind = table.kind()
    choices = table.named_words("choices", 200) if kind.chooses else {}
    if kind.chooses and not choices:
        raise QuestionsError(f"{table.where}there are no choices")
    warnings = table.named_words("warning", 1_000) if kind.chooses and table.has("warning") else {}
    if stray := next((code for code in warnings if code not in choices), None):
        raise QuestionsError(f"{table.where}the warning '{stray}' belongs to no choice")
    question = Question(
        code,
        kind,
        table.words("ask", 200),
        table.words("hint", 300) if table.has("hint") else None,
        choices,
        warnings,
        0 if kind.chooses else table.number("most", _DEFAULT_CHARACTERS[kind], MOST_TYPED),
    )
    table.done()
    return question


class _Table:
    """A TOML table, read key by key. `where` begins every error."""

    def __init__(self, where: str, table: Mapping[str, Any]) -> None:
        self.where = where
        self._left = dict(table)

    def has(self, key: str) -> bool:
        return key in self._left

    def code(self, key: str) -> str:
        code = self._take(key)
        if not isinstance(code, str) or not answers.CODE.fullmatch(code):
            raise self._error(key, f"1 to {answers.LONGEST_CODE} of the signs a-z, 0-9 and - are needed")
        return code

    def kind(self) -> QuestionKind:
        found = self._take("kind")
        if found not in list(QuestionKind):
            raise self._error("kind", f"one of {', '.join(QuestionKind)} is needed")
        return QuestionKind(found)

    def number(self, key: str, default: int, most: int) -> int:
        number = self._left.pop(key, default)
        if type(number) is not int or not 1 <= number <= most:
            raise self._error(key, f"a number from 1 to {most:,} is needed")
        return number

    def words(self, key: str, most: int) -> Words:
        found = self._take(key)
        by_language = {ENGLISH.tag: found} if isinstance(found, str) else found
        if not isinstance(by_language, dict) or ENGLISH.tag not in by_language:
            raise self._error(key, f"a text is needed, or a table of texts by language with '{ENGLISH.tag}' among them")
        for language, text in by_language.items():
            if language not in TAGS:
                raise self._error(key, f"'{language}' is not a language of the pages; there are {', '.join(TAGS)}")
            if not isinstance(text, str) or not text.strip() or len(text) > most or INVISIBLE.search(text):
                raise self._error(key, f"a text of 1 to {most} visible characters is needed")
        return Words({language: text.strip() for language, text in by_language.items()})

    def named_words(self, key: str, most: int) -> dict[str, Words]:
        found = self._take(key)
        if not isinstance(found, dict) or len(found) > _MOST_CHOICES:
            raise self._error(key, f"a table of at most {_MOST_CHOICES} codes and their texts is needed")
        if wrong := next((code for code in found if not answers.CODE.fullmatch(code)), None):
            raise self._error(key, f"'{wrong}' is not a code: a-z, 0-9 and - only")
        inside = _Table(f"{self.where}{key}: ", found)
        return {code: inside.words(code, most) for code in found}

    def tables(self, key: str, most: int) -> list["_Table"]:
        found = self._take(key)
        if (
            not isinstance(found, list)
            or not 1 <= len(found) <= most
            or not all(isinstance(one, dict) for one in found)
        ):
            raise self._error(key, f"1 to {most} tables [[{key}]] are needed")
        return [_Table(f"question {number}: ", one) for number, one in enumerate(found, 1)]

    def done(self) -> None:
        if self._left:
            raise self._error(next(iter(self._left)), "this is not known here")

    def _take(self, key: str) -> Any:
        if key not in self._left:
            raise self._error(key, "missing")
        return self._left.pop(key)

    def _error(self, key: str, reason: str) -> QuestionsError:
        return QuestionsError(f"{self.where}{key}: {reason}")
