"""What a source is told about a submission, in plain sentences."""

from dataclasses import replace
from typing import Final

from flask_babel import gettext, ngettext
from markupsafe import Markup, escape

from source_interface.filling import Filled
from source_interface.language import language, number
from source_interface.questions import Question, Words
from source_interface.reply_pages import safe_text
from source_interface.submission import Outcome, Problem
from store.intake.sessions import Told

_MIB: Final = 1024 * 1024
_NAME_CHARACTERS: Final = 60
_NAME_HTML_BYTES: Final = 120  # forty of them stand on one page, twice
_NAMES: Final = 20
_LONGEST_NAME: Final = 255  # characters that are looked at
_IN_ENGLISH: Final = Markup(' lang="en" dir="ltr"')


def told(outcome: Outcome) -> Told:
    """What the page that answers a submission tells, and may have to tell again. Nothing of the message itself."""
    if Problem.REPEATED in outcome.problems:
        earlier = outcome.earlier or Told()
        return replace(earlier, problems=(*earlier.problems, Problem.REPEATED.value))
    kept = outcome.receipt
    files = kept.files if kept is not None else ()
    return Told(
        kept is not None and kept.message,
        len(files),
        tuple(file_name(name) for name, _ in files[:_NAMES]),
        tuple(map(file_name, outcome.refused[:_NAMES])),
        tuple(problem.value for problem in outcome.problems),
    )


def receipt(told: Told) -> str:
    """What arrived, in one or two sentences."""
    sentences = []
    if told.message:
        sentences.append(gettext("Your message arrived."))
    if told.files:
        names, files = ", ".join(told.names), told.files
        sentences.append(
            ngettext(
                "%(count)s file arrived whole: %(names)s.",
                "%(count)s files arrived whole: %(names)s.",
                files,
                count=number(files),
                names=names,
            )
        )
    if not sentences:
        sentences.append(gettext("Nothing of it arrived."))
    if Problem.BROKEN_OFF.value in told.problems:
        sentences.append(gettext("Then the connection broke off."))
        if told.refused:
            sentences.append(gettext("Not whole, and not kept: %(names)s.", names=", ".join(told.refused)))
        sentences.append(gettext("Please send what is missing again."))
    return " ".join(sentences)


def file_name(untrusted_name: str) -> str:
    """A name as the source will recognise it, cut and without turning marks."""
    whole = safe_text(untrusted_name[:_LONGEST_NAME]).replace("\n", " ")
    shown = whole[:_NAME_CHARACTERS]
    while len(escape(shown).encode("utf-8", "replace")) > _NAME_HTML_BYTES:
        shown = shown[:-1]
    return shown if shown == whole else shown[:-1] + "…"


def file_limit(file_bytes: int) -> str:
    if file_bytes >= _MIB:
        return gettext("%(size)s MiB", size=number(file_bytes // _MIB))
    return ngettext("%(size)s byte", "%(size)s bytes", file_bytes, size=number(file_bytes))


def plain(words: Words) -> str:
    """A text of the questions, in the language of the page if there is one."""
    return words.within(language())


def tongue(words: Words) -> Markup:
    """What the element around such a text says of its language, when that is not the page's."""
    return Markup("") if words.has(language()) else _IN_ENGLISH


def worded(words: Words) -> Markup:
    """The text, marked when it is in English on a page in another language."""
    return (
        escape(plain(words)) if words.has(language()) else Markup("<span{}>{}</span>").format(_IN_ENGLISH, plain(words))
    )


def paragraphs(words: Words) -> Markup:
    """The same, with a paragraph for each that an empty line ends."""
    return Markup("").join(Markup("<p{}>{}</p>").format(tongue(words), part) for part in plain(words).split("\n\n"))


def too_long(question: Question, filled: Filled) -> str:
    """What is wrong with an answer that is longer than its question allows."""
    length = filled.too_long[question.code]
    most, has = number(question.most), number(length)
    sentences = [gettext("At most %(most)s characters; this has %(length)s.", most=most, length=has)]
    if len(filled.given_back()[question.code]) < length:
        sentences.append(gettext("Only its beginning fits here."))
    sentences.append(gettext("Make it shorter, or write it in your message."))
    return " ".join(sentences)
