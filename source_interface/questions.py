"""The guided questions below the message: what they are, and in which languages they can be said.

They are in English; what ships is translated in the catalogues, with the texts of the pages. A translation belongs to the
English words, not to the code: a text that a line changed never stands there in another language as it was before.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from source_interface.catalogues import translation
from source_interface.languages import ENGLISH

_MOST_OPEN: Final = 6


class QuestionKind(StrEnum):
    """How a question is answered."""

    ONE = "one"  # of its choices
    SOME = "some"  # of its choices
    LINE = "line"
    TEXT = "text"

    @property
    def chooses(self) -> bool:
        return self in (QuestionKind.ONE, QuestionKind.SOME)


@dataclass(frozen=True)
class Words:
    """A text in English, and in the other languages as far as the file or the catalogues have it."""

    by_language: Mapping[str, str]

    def has(self, language: str) -> bool:
        """Whether it can be said in this language."""
        return self._said(language) is not None

    def within(self, language: str) -> str:
        """In this language, else in English."""
        said = self._said(language)
        return self.english if said is None else said

    @property
    def english(self) -> str:
        return self.by_language[ENGLISH.tag]

    def _said(self, language: str) -> str | None:
        own = self.by_language.get(language)
        return translation(self.english, language) if own is None else own


@dataclass(frozen=True)
class Question:
    """One question. `choices` and `warnings` are by the choice's code; `most` are characters of a free answer."""

    code: str
    kind: QuestionKind
    ask: Words
    hint: Words | None = None
    choices: Mapping[str, Words] = field(default_factory=dict)
    warnings: Mapping[str, Words] = field(default_factory=dict)
    most: int = 0

    @property
    def name(self) -> str:
        """Of its field in the form."""
        return f"q-{self.code}"

    @property
    def is_list(self) -> bool:
        """Whether its choices stand below each other; many of them, of which one can be chosen, are folded."""
        return self.several or (self.kind is QuestionKind.ONE and len(self.choices) <= _MOST_OPEN)

    @property
    def several(self) -> bool:
        """Whether more than one choice can be made."""
        return self.kind is QuestionKind.SOME


@dataclass(frozen=True)
class Questions:
    """All questions of a file, in their order."""

    version: str
    title: Words
    intro: Words
    no_answer: Words
    questions: tuple[Question, ...]

    @property
    def warnings(self) -> dict[str, Words]:
        """What there is to warn of, by its name."""
        return {
            warning_name(question.code, code): words
            for question in self.questions
            for code, words in question.warnings.items()
        }

    def lacking(self, language: str) -> set[str]:
        """The texts that a page in this language shows in English."""
        return {words.english for words in self.all_words() if not words.has(language)}

    def all_words(self) -> Iterator[Words]:
        """Every text, once for each place where it stands."""
        yield from (self.title, self.intro, self.no_answer)
        for question in self.questions:
            yield question.ask
            yield from (question.hint,) if question.hint else ()
            yield from question.choices.values()
            yield from question.warnings.values()


def warning_name(question: str, choice: str) -> str:
    """How a form that follows a warning names it: codes have no colon."""
    return f"{question}:{choice}"
