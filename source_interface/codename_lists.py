"""What codenames may be made of, as their page offers it: words of one language, or numbers."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from crypto import wordlists
from crypto.wordlists import DIGITS, EFF_LARGE, LIST_IDS, WordList

# As the speakers of its words call them; numbers are called so in the language of the page.
NAMES: Final[Mapping[str, str]] = MappingProxyType({
    EFF_LARGE: "English",
    "de-1": "Deutsch",
    "fr-1": "Français",
    "es-1": "Español",
    "it-1": "Italiano",
    "pt-br-1": "Português (Brasil)",
    "tr-1": "Türkçe",
    "ru-1": "Русский",
    "zh-hans-1": "简体中文",
    "zh-hant-1": "繁體中文",
})
_WITHOUT_A_LIST: Final[Mapping[str, str]] = MappingProxyType({"nl": EFF_LARGE})


def of_words() -> list[WordList]:
    """The lists of words, in the order in which they are offered."""
    return [wordlists.load(list_id) for list_id in NAMES]


def default(tag: str) -> str:
    """The list that a page in this language begins with: its own words, else numbers, which every script can write."""
    own = (one.list_id for one in of_words() if one.language == tag)
    return next(own, _WITHOUT_A_LIST.get(tag, DIGITS))


def chosen(untrusted_list_id: str, tag: str) -> str:
    """The list that a form names; the default when it names none."""
    return untrusted_list_id if untrusted_list_id in LIST_IDS else default(tag)
