"""Which language a page is written in, and how that language writes days, numbers and choices."""

from collections.abc import Sequence
from typing import Final

from babel.dates import format_date
from babel.lists import format_list
from babel.numbers import format_decimal
from flask_babel import refresh
from markupsafe import Markup

from source_interface.languages import Language
from source_interface.services import services, visit
from store import clock

# CLDR's names of the digits that a locale writes; Babel puts its separators between ours.
_DIGITS: Final = {
    "arab": str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"),
    "arabext": str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹"),
}

# CLDR has no "or" for these, and Babel would say it in English: what stands before the last of a choice, and before others.
_OR: Final = {"ckb": (Markup(" یان "), Markup("، ")), "ug": (Markup(" ياكى "), Markup("، "))}


def current() -> Language:
    """The language of the page that answers the current request."""
    return visit().language


def language() -> str:
    """Its tag."""
    return current().tag


def choose(untrusted_tag: str) -> None:
    """Write this page and the next ones in another language. One that is not offered changes nothing."""
    chosen = next((one for one in services().languages if one.tag == untrusted_tag), None)
    if chosen is not None:
        visit().language = chosen
        refresh()


def number(value: float) -> str:
    """As the language writes it: `100,000`, `100.000`, or with other digits."""
    return digits(format_decimal(value, locale=current().locale, numbering_system="default"))


def date_of(day: int) -> str:
    """A day as people read it: `3 March 2026`."""
    return digits(format_date(clock.date_of(day), "long", locale=current().locale))


def one_of(words: Sequence[str]) -> Markup:
    """Words of a codename to choose from: `a, b or c`. They run left to right on every page."""
    marked = [Markup('<strong><bdi dir="ltr">{}</bdi></strong>').format(word) for word in words]
    if language() in _OR:
        last, others = _OR[language()]
        return last.join([others.join(marked[:-1]), marked[-1]] if marked[1:] else marked)
    return Markup(format_list(marked, style="or", locale=current().locale))  # noqa: S704 - each word is escaped


def digits(text: str) -> str:
    """A text with numbers in it, in the digits of the page's language."""
    return text.translate(_DIGITS.get(current().locale.default_numbering_system, {}))
