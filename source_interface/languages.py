"""The languages that the pages are written in, and which of them a line offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from babel import Locale


@dataclass(frozen=True)
class Language:
    """One language of the pages: its BCP 47 tag, its name as its speakers write it, and CLDR's name of its locale.

    `when_unreviewed`: whether it is offered by default although no native speaker has reviewed its texts.
    """

    tag: str
    name: str
    cldr: str
    when_unreviewed: bool = True

    @cached_property
    def locale(self) -> Locale:
        return Locale.parse(self.cldr)

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, as HTML has it."""
        return str(self.locale.text_direction)


# In English first, then by how people find their own: scripts stand together.
LANGUAGES: Final = (
    ENGLISH := Language("en", "English", "en_GB"),
    Language("nl", "Nederlands", "nl"),
    Language("fr", "Français", "fr"),
    Language("tr", "Türkçe", "tr"),
    Language("kmr", "Kurdî (Kurmancî)", "ku", when_unreviewed=False),
    Language("ru", "Русский", "ru"),
    Language("ar", "العربية", "ar"),
    Language("fa", "فارسی", "fa"),
    Language("ckb", "کوردی (سۆرانی)", "ckb", when_unreviewed=False),
    Language("ug", "ئۇيغۇرچە", "ug", when_unreviewed=False),
    Language("ti", "ትግርኛ", "ti", when_unreviewed=False),
    Language("zh-Hans", "简体中文", "zh_Hans"),
    Language("zh-Hant", "繁體中文", "zh_Hant"),
)
TAGS: Final = tuple(language.tag for language in LANGUAGES)
LONGEST_TAG: Final = max(map(len, TAGS))


def check_choices(choices: Mapping[str, object]) -> Mapping[str, bool]:
    """What a line says about languages, by tag: true or false. ValueError names what is wrong."""
    checked: dict[str, bool] = {}
    for tag, choice in choices.items():
        if tag not in TAGS:
            raise ValueError(f"'{tag}' is no language of the pages; there are {', '.join(TAGS)}")
        if not isinstance(choice, bool):
            raise ValueError(f"{tag} must be true or false")  # noqa: TRY004 - as for the other mistakes in that file
        if tag == ENGLISH.tag and not choice:
            raise ValueError("en cannot be switched off: what is missing elsewhere is said in English")
        checked[tag] = choice
    return checked
