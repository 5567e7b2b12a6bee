"""The words of the questions on a page: in its language, else in English, and then marked as English."""

from typing import Final

from markupsafe import Markup, escape

from source_interface.language import language
from source_interface.questions import Words

_IN_ENGLISH: Final = Markup(' lang="en" dir="ltr"')


def plain(words: Words) -> str:
    """The text, in the language of the page if it can be said in it."""
    return words.within(language())


def language_attributes(words: Words) -> Markup:
    """What the element around such a text says of its language, when that is not the page's."""
    return Markup("") if words.has(language()) else _IN_ENGLISH


def worded(words: Words) -> Markup:
    """The text, marked when it is in English on a page in another language."""
    said = escape(plain(words))
    return said if words.has(language()) else Markup("<span{}>{}</span>").format(_IN_ENGLISH, said)


def paragraphs(words: Words) -> Markup:
    """The same, with a paragraph for each that an empty line ends."""
    begin = Markup("<p{}>").format(language_attributes(words))
    return Markup("").join(begin + part + Markup("</p>") for part in plain(words).split("\n\n"))
