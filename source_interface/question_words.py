"""The words of the questions on a page: in its language, else in English, and then marked as English."""

from typing import Final

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from source_interface.questions import Words

_IN_ENGLISH: Final = Markup(' lang="en" dir="ltr"')


@pass_context
def plain(context: Context, words: Words) -> str:
    """The text, in the template's `language` if it can be said in it."""
    return words.within(context["language"].tag)


@pass_context
def language_attributes(context: Context, words: Words) -> Markup:
    """What the element around such a text says of its language, when that is not the page's."""
    return Markup("") if words.has(context["language"].tag) else _IN_ENGLISH


@pass_context
def worded(context: Context, words: Words) -> Markup:
    """The text, marked when it is in English on a page in another language."""
    text, attributes = plain(context, words), language_attributes(context, words)
    return Markup("<span{}>{}</span>").format(attributes, text) if attributes else escape(text)


@pass_context
def paragraphs(context: Context, words: Words) -> Markup:
    """The same, with a paragraph for each that an empty line ends."""
    parts, begin = plain(context, words).split("\n\n"), Markup("<p{}>").format(language_attributes(context, words))
    return Markup("").join(begin + part + Markup("</p>") for part in parts)
