"""The catalogues say all that English says: every text, every form of it, every placeholder and every tag."""

import re
import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.plurals import get_plural

import source_interface
from source_interface.catalogues import catalogues, is_translated, offered, read, template
from source_interface.languages import LANGUAGES, TAGS, Language, check_choices
from source_interface.question_file import shipped

PACKAGE = Path(source_interface.__file__).parent
TRANSLATED = [pytest.param(language, id=language.tag) for language in LANGUAGES if language.tag != "en"]
METHODS = [
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("questions.toml", "source_interface.question_file:texts_to_translate"),
]
# They turn the direction of what stands around them, or are not seen.
TURNING = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def texts(catalog: Catalog) -> list[Message]:
    return [message for message in catalog if message.id]


def forms(message: Message) -> list[tuple[str, str]]:
    """Each string with the English that it stands for."""
    if isinstance(message.id, str):
        return [(message.id, message.string)]
    return [(message.id[min(number, 1)], string) for number, string in enumerate(message.string)]


def placeholders(text: str) -> Counter[str]:
    """Anything else that begins with % would make a page fail."""
    return Counter(re.findall(r"%(?:\(\w+\)s)?", text))


def tags(text: str) -> list[str]:
    return re.findall(r"<[^>]*>?|&\w+;?", text)


def test_the_template_holds_the_texts_of_the_program() -> None:
    """If not: deploy/texts, then translate what is new."""
    found = {message for _, _, message, _, _ in extract_from_dir(PACKAGE, METHODS)}
    assert {message.id for message in texts(template())} == found


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_no_other_is_kept(language: Language) -> None:
    catalog = read(language)
    assert {message.id for message in texts(catalog)} == {message.id for message in texts(template())}
    assert not catalog.obsolete
    assert [message.id for message in texts(catalog) if not is_translated(message)] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_the_placeholders_and_tags(language: Language) -> None:
    for message in texts(read(language)):
        for english, string in forms(message):
            assert placeholders(string) == placeholders(english), string
            assert sorted(tags(string)) == sorted(tags(english)), string
            assert string.strip() == string
            assert not TURNING.search(string), string
            assert "  " not in string


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_questions_and_what_to_do_in_danger_are_said_in_the_language(language: Language) -> None:
    """The number to call, the app's name, and a paragraph for each step: in the same order as in English."""
    tag = language.tag
    assert shipped().lacking(tag) == set()
    for warning in shipped().warnings.values():
        assert landmarks(warning.within(tag)) == landmarks(warning.english)
        assert len(warning.within(tag).split("\n\n")) == len(warning.english.split("\n\n"))
    known = {words.within(tag) for words in shipped().all_words()}
    assert len(known) == len({words.english for words in shipped().all_words()}), "two answers would read alike"


def landmarks(text: str) -> list[str]:
    """The numbers in it, in our digits, each with the capitals that follow it."""
    ours = "".join(str(unicodedata.digit(character, character)) for character in text)
    return re.findall(r"[0-9]+[A-Z]*", ours)


@pytest.mark.parametrize("language", TRANSLATED)
def test_plural_forms_are_those_of_the_language(language: Language) -> None:
    catalog = read(language)
    wanted = get_plural(language.cldr)
    assert (catalog.num_plurals, catalog.plural_expr) == (wanted.num_plurals, wanted.plural_expr)
    for message in texts(catalog):
        if isinstance(message.id, tuple):
            assert len(message.string) == wanted.num_plurals


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_in_a_catalogue_tells_who_made_it(language: Language) -> None:
    header = read(language).header_comment
    assert re.fullmatch(r"# Luwte, the source's pages\.\n# Reviewed by a native speaker: (no|\d{4}-\d{2})", header)
    assert "@" not in (PACKAGE / "translations" / language.cldr / "LC_MESSAGES" / "messages.po").read_text("utf-8")


def test_languages_that_could_hurt_are_off_until_a_native_speaker_has_reviewed_them() -> None:
    default = {language.tag for language in offered({})}
    for tag in {"ti", "ug", "kmr", "ckb"} & set(TAGS):
        assert (tag in default) == bool(catalogues()[tag].reviewed)
    assert default >= set(TAGS) - {"ti", "ug", "kmr", "ckb"}


def test_a_line_can_switch_each_language_on_and_off_but_english() -> None:
    for tag in set(TAGS) - {"en"}:
        assert tag in {language.tag for language in offered({tag: True})}
        assert tag not in {language.tag for language in offered({tag: False})}
    for wrong in ({"en": False}, {"xx": True}, {"nl": "yes"}, {"nl": 1}, {"": True}):
        with pytest.raises(ValueError, match=r"en|nl"):
            check_choices(wrong)
