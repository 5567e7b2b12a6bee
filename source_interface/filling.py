"""What somebody answered in one form: read within bounds, given back after an error, and turned into what is sealed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from markupsafe import escape

from crypto.answers import Answer, Answers, Choice
from source_interface.question_room import MOST_TYPED
from source_interface.questions import Question, Questions, warning_name

FIELDS: Final = "q-"  # begins the names of all fields that are answers
MOST_BACK: Final = 5 * MOST_TYPED  # bytes of free answers that a page gives back: escaped, a character has up to five


@dataclass(frozen=True)
class Filled:
    """A form's answers, by the question's code: free texts, and choices that were offered.

    `too_long` has the lengths of texts that are longer than their question allows. `unclear`: something came that this form
    does not offer, from a page of older questions or from no page of ours.
    """

    asked: Questions
    texts: Mapping[str, str] = field(default_factory=dict)
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    too_long: Mapping[str, int] = field(default_factory=dict)
    unclear: bool = False

    def __bool__(self) -> bool:
        """Whether anything was answered."""
        return bool(self.texts or self.chosen)

    @property
    def right(self) -> bool:
        """Whether it can be taken as it is."""
        return not self.too_long and not self.unclear

    @property
    def warned(self) -> tuple[str, ...]:
        """Names what somebody who answered this must know (`Questions.warnings`)."""
        return tuple(
            warning_name(question.code, code)
            for question in self.asked.questions
            for code in self.chosen.get(question.code, ())
            if code in question.warnings
        )

    def sealed(self) -> Answers | None:
        """What travels with the message, in the questions' English words; None when nothing was answered."""
        given = tuple(self._answer(question) for question in self.asked.questions if self._has(question))
        return Answers(self.asked.version, given) if given else None

    def as_text(self, language: str) -> str:
        """All that was answered, to be copied."""
        lines = []
        for question in self.asked.questions:
            said = [question.choices[code].within(language) for code in self.chosen.get(question.code, ())]
            said += [self.texts[question.code]] if question.code in self.texts else []
            lines += [f"{question.ask.within(language)}\n{', '.join(said)}"] if said else []
        return "\n\n".join(lines)

    def given_back(self) -> dict[str, str]:
        """The free answers, for their fields. What is within its limit is always whole; longer ones share what room is left."""
        back = {code: text for code, text in self.texts.items() if code not in self.too_long}
        room = MOST_BACK - sum(map(html_bytes, back.values()))
        longer = sorted(self.too_long, key=lambda code: len(self.texts[code]))  # the shorter leave room for the others
        for at, code in enumerate(longer):
            back[code] = fitting(self.texts[code], room // (len(longer) - at))
            room -= html_bytes(back[code])
        return back

    def _has(self, question: Question) -> bool:
        return question.code in self.texts or question.code in self.chosen

    def _answer(self, question: Question) -> Answer:
        return Answer(
            question.code,
            question.ask.english,
            tuple(Choice(code, question.choices[code].english) for code in self.chosen.get(question.code, ())),
            self.texts.get(question.code, ""),
        )


class Filling:
    """Gathers the fields of one form as they come: each free text once, each choice once, and nothing that was not asked."""

    def __init__(self, asked: Questions) -> None:
        self._asked = asked
        self._questions = {question.name: question for question in asked.questions}
        self._came: dict[str, list[str]] = {}
        self._too_long: dict[str, int] = {}
        self._unclear = False

    def add(self, name: str, text: str, *, cut: bool) -> None:
        """A field whose name begins with FIELDS. `cut`: it was longer than is held in memory."""
        question = self._questions.get(name)
        if question is None:
            self._unclear |= bool(text.strip())
        elif question.kind.chooses:
            self._choose(question, text)
        else:
            self._write(question, text.replace("\r\n", "\n").strip(), cut=cut)

    def filled(self) -> Filled:
        texts, chosen = {}, {}
        for question in self._asked.questions:
            came = self._came.get(question.code)
            if came and question.kind.chooses:
                chosen[question.code] = tuple(code for code in question.choices if code in came)
            elif came:
                texts[question.code] = came[0]
        return Filled(self._asked, texts, chosen, self._too_long, self._unclear)

    def _choose(self, question: Question, code: str) -> None:
        if not code:
            return  # "No answer"
        came = self._came.setdefault(question.code, [])
        if code not in question.choices or code in came or (came and not question.several):
            self._unclear = True
        else:
            came.append(code)

    def _write(self, question: Question, text: str, *, cut: bool) -> None:
        if question.code in self._came:
            self._unclear = True
        elif text:
            # Lone surrogates can't come from a browser; whoever sends them gets them replaced, not an error page.
            self._came[question.code] = [text.encode("utf-8", "replace").decode()]
            if cut or len(text) > question.most:
                self._too_long[question.code] = len(text)


def html_bytes(text: str) -> int:
    return len(escape(text).encode("utf-8", "replace"))


def fitting(text: str, most: int) -> str:
    """The longest beginning of which the escaped text has at most so many bytes."""
    text = text[:most]
    fits, over = 0, len(text) + 1
    while over - fits > 1:
        middle = (fits + over) // 2
        if html_bytes(text[:middle]) <= most:
            fits = middle
        else:
            over = middle
    return text[:fits]
