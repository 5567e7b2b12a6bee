"""Whether a page, and what is sealed with a message, have room for questions and their answers."""

from typing import Final

from markupsafe import escape

from crypto import answers
from source_interface.languages import TAGS
from source_interface.questions import Questions, Words

MOST_FORM_BYTES: Final = 18_500  # of HTML in any one language, without what is typed: a page says more than the form
MOST_WARNING_BYTES: Final = 3_000  # of HTML of all warnings: they stand on the page a second time once chosen
MOST_TYPED: Final = 1_800  # characters of all free answers together: they are given back on one page

# What the template writes around the words (`_questions.html`); a test holds them against it.
_FORM: Final = 120
_QUESTION: Final = 150
_FREE: Final = 500  # besides, with the sentence that it is too long, there and at the head of the page
_CHOICE: Final = 80
_WARNING: Final = 240
_IN_ENGLISH: Final = 40  # around a text that a page in another language shows in English


def too_much(asked: Questions) -> str:
    """What has no room; empty when all has."""
    if (typed := sum(question.most for question in asked.questions)) > MOST_TYPED:
        return f"all 'most' together are {typed:,} characters: at most {MOST_TYPED:,} fit a page"
    for language in TAGS:
        if (taken := form_bytes(asked, language)) > MOST_FORM_BYTES:
            return f"the questions are too long for a page in '{language}': {taken:,} of {MOST_FORM_BYTES:,} bytes"
        if _warning_bytes(asked, language) > MOST_WARNING_BYTES:
            return (
                f"the warnings are too long for a page in '{language}': at most {MOST_WARNING_BYTES:,} bytes together"
            )
    if sealed_most(asked) > answers.LONGEST:
        return "the questions and their answers are too long to be sealed with a message"
    return ""


def sealed_most(asked: Questions) -> int:
    """How many bytes all these answers take, sealed, when everything is chosen and every free answer is full."""
    given = tuple(
        answers.Answer(
            question.code,
            question.ask.english,
            tuple(answers.Choice(code, words.english) for code, words in question.choices.items()),
            "\U0001f54a" * question.most,
        )
        for question in asked.questions
    )
    try:
        return len(answers.Answers(asked.version, given).encode())
    except ValueError:
        return answers.LONGEST + 1


def form_bytes(asked: Questions, language: str) -> int:
    """At least as many bytes as the form's HTML has in this language, without what is typed."""
    taken = _FORM + sum(_html(words, language) for words in (asked.title, asked.intro))
    for question in asked.questions:
        taken += _QUESTION + 8 * len(question.code) + _html(question.ask, language) + _html(asked.no_answer, language)
        taken += _html(question.hint, language) if question.hint else 0
        taken += _FREE + _html(question.ask, language) if question.most else 0
        for code, words in question.choices.items():
            taken += _CHOICE + len(question.code) + len(code) + _html(words, language)
    return taken + _warning_bytes(asked, language)


def _warning_bytes(asked: Questions, language: str) -> int:
    return sum(
        _WARNING + _html(words, language) + 8 * words.within(language).count("\n\n")
        for question in asked.questions
        for words in question.warnings.values()
    )


def _html(words: Words, language: str) -> int:
    return len(escape(words.within(language)).encode()) + (0 if words.has(language) else _IN_ENGLISH)
