"""What a source is told about a submission: facts, and the words of names, sizes and answers."""

from dataclasses import replace
from typing import Final

from flask_babel import gettext, ngettext
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from source_interface.filling import Filled
from source_interface.language import number
from source_interface.questions import Question, Words
from source_interface.reply_pages import safe_text
from source_interface.submission import Outcome, Problem
from store.intake.sessions import Told

_KIB: Final = 1024
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
        tuple((file_name(name), length) for name, length in files[:_NAMES]),
        tuple(map(file_name, outcome.refused[:_NAMES])),
        tuple(problem.value for problem in outcome.problems),
    )


def file_name(untrusted_name: str) -> str:
    """A name as the source will recognise it, cut and without turning marks."""
    whole = safe_text(untrusted_name[:_LONGEST_NAME]).replace("\n", " ")
    shown = whole[:_NAME_CHARACTERS]
    while len(escape(shown).encode("utf-8", "replace")) > _NAME_HTML_BYTES:
        shown = shown[:-1]
    return shown if shown == whole else shown[:-1] + "…"


def file_size(length: int) -> str:
    """So many bytes, as people read them: `2.5 MiB`, `12 KiB`, `1 byte`. Never more than there are, so limits read well."""
    if length >= _MIB:
        return gettext("%(size)s MiB", size=number(length // _MIB if length >= 10 * _MIB else length * 10 // _MIB / 10))
    if length >= _KIB:
        return gettext("%(size)s KiB", size=number(length // _KIB))
    return ngettext("%(size)s byte", "%(size)s bytes", length, size=number(length))


@pass_context
def plain(context: Context, words: Words) -> str:
    """A text of the questions, in the template's `language` if there is one."""
    return words.within(context["language"].tag)


@pass_context
def tongue(context: Context, words: Words) -> Markup:
    """What the element around such a text says of its language, when that is not the page's."""
    return Markup("") if words.has(context["language"].tag) else _IN_ENGLISH


@pass_context
def worded(context: Context, words: Words) -> Markup:
    """The text, marked when it is in English on a page in another language."""
    text, lang = plain(context, words), tongue(context, words)
    return Markup("<span{}>{}</span>").format(lang, text) if lang else escape(text)


@pass_context
def paragraphs(context: Context, words: Words) -> Markup:
    """The same, with a paragraph for each that an empty line ends."""
    parts, lang = plain(context, words).split("\n\n"), tongue(context, words)
    return Markup("").join(Markup("<p{}>{}</p>").format(lang, part) for part in parts)


def too_long(question: Question, filled: Filled) -> str:
    """What is wrong with an answer that is longer than its question allows."""
    length = filled.too_long[question.code]
    most, has = number(question.most), number(length)
    sentences = [gettext("At most %(most)s characters; this has %(length)s.", most=most, length=has)]
    if len(filled.given_back()[question.code]) < length:
        sentences.append(gettext("Only its beginning fits here."))
    sentences.append(gettext("Make it shorter, or write it in your message."))
    return " ".join(sentences)
