"""The texts of the pages in each language: gettext catalogues, read once and held in memory.

`translations/<locale>/LC_MESSAGES/messages.po` are what translators edit and what is read: there is no compiled copy that
could be older. English is the source and has none. A comment at the beginning of each says whether a native speaker has
reviewed it: `# Reviewed by a native speaker: no`, or the month, as 2026-11.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from gettext import NullTranslations
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

from source_interface.languages import ENGLISH, LANGUAGES, Language

_REVIEWED: Final = re.compile(r"^# Reviewed by a native speaker: (?:no|(\d{4}-\d{2}))$", re.MULTILINE)


class English(NullTranslations):
    """Says in English what a catalogue lacks. Tests make it say so visibly."""


@dataclass(frozen=True)
class Catalogue:
    """One language's texts: how many there are, how many are translated, and when a native speaker reviewed them.

    `sentences` are the translated ones that count nothing, by their English.
    """

    language: Language
    translations: NullTranslations
    sentences: Mapping[str, str]
    texts: int
    translated: int
    reviewed: str  # a month, or empty

    @property
    def is_source(self) -> bool:
        """Whether the others are translations of it."""
        return self.language is ENGLISH

    @property
    def by_default(self) -> bool:
        """Whether it is offered where the line says nothing."""
        return bool(self.reviewed) or self.language.when_unreviewed


@cache
def catalogues() -> Mapping[str, Catalogue]:
    """Every language's, by tag."""
    texts = len(template())
    return {language.tag: _catalogue(language, texts) for language in LANGUAGES}


def template() -> Catalog:
    """All texts that there are to translate."""
    return _read(folder().joinpath("messages.pot"), None)


def read(language: Language) -> Catalog:
    """A language's file as it stands."""
    return _read(folder().joinpath(language.cldr, "LC_MESSAGES", "messages.po"), language.cldr)


def folder() -> Traversable:
    return resources.files("source_interface").joinpath("translations")


def is_translated(message: Message) -> bool:
    """In every form that the language has, and not by a guess."""
    strings = message.string if isinstance(message.string, tuple) else (message.string,)
    return all(strings) and not message.fuzzy


def translation(english: str, tag: str) -> str | None:
    """What a catalogue says for exactly this text, if it has words for it."""
    return catalogues()[tag].sentences.get(english)


def offered(choices: Mapping[str, bool]) -> tuple[Language, ...]:
    """The languages that sources may choose from, English first."""
    return tuple(
        catalogue.language
        for catalogue in catalogues().values()
        if catalogue.is_source or choices.get(catalogue.language.tag, catalogue.by_default)
    )


def _read(file: Traversable, locale: str | None) -> Catalog:
    return read_po(io.BytesIO(file.read_bytes()), locale=locale, domain="messages", abort_invalid=True)


def _catalogue(language: Language, texts: int) -> Catalogue:
    if language is ENGLISH:
        return Catalogue(language, Translations(), {}, texts, texts, "")
    catalog = read(language)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    translations = Translations(compiled)
    translations.add_fallback(English())
    review = _REVIEWED.search(catalog.header_comment)
    translated = [message for message in catalog if message.id and is_translated(message)]
    return Catalogue(
        language,
        translations,
        {one.id: one.string for one in translated if isinstance(one.id, str) and isinstance(one.string, str)},
        texts,
        len(translated),
        (review and review[1]) or "",
    )
