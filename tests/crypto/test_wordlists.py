"""The word lists: frozen, each able to be typed, none giving fewer bits than are promised."""

import hashlib
import itertools
import math
import re
import unicodedata
from importlib import resources
from pathlib import Path

import pytest

from crypto import wordlists
from crypto.letters import fold
from crypto.wordlists import DIGITS, EFF_LARGE, LIST_IDS, WordList

ROOT = Path(__file__).parents[2]
LISTS = [wordlists.load(list_id) for list_id in LIST_IDS]
each_list = pytest.mark.parametrize("one", LISTS, ids=LIST_IDS)


def bits(one: WordList) -> float:
    """What somebody must guess of a codename of this list."""
    return one.length * math.log2(len(one.usable))


def test_earlier_lists_stand_before_later_ones() -> None:
    """Another order, or a list put in between, would change what codenames that were issued mean."""
    assert LIST_IDS[:6] == (EFF_LARGE, "de-1", "fr-1", "es-1", "it-1", "pt-br-1")
    assert LIST_IDS[6:] == ("tr-1", "ru-1", "zh-hans-1", "zh-hant-1", DIGITS)


@each_list
def test_no_word_begins_another_whatever_the_keyboard(one: WordList) -> None:
    """What forgiveness rests on: letters are taken apart in one way at most, and no two words become one."""
    folded = sorted(one.spoken)
    assert not [a for a, b in itertools.pairwise(folded) if b.startswith(a)]
    assert len(one.spoken) == len(one.words) - (one.list_id == EFF_LARGE)  # yo-yo and yoyo
    assert all(len(fold(word)) == 1 for word in one.words if "-" not in word)


@each_list
def test_words_can_be_shown(one: WordList) -> None:
    assert all(word == unicodedata.normalize("NFC", word) == word.lower() and len(word) <= 9 for word in one.words)
    assert len(one.words) == len(one.index)
    scripts = {unicodedata.name(letter).split()[0] for word in one.words for letter in word if letter != "-"}
    assert len(scripts) == 1


@each_list
def test_a_codename_has_at_least_88_bits(one: WordList) -> None:
    assert bits(one) >= 88
    assert bits(one) == pytest.approx(one.length * math.log2(len(one.words)), abs=0.002)


def test_what_is_not_issued_in_traditional_characters_leaves_88_bits() -> None:
    """They share most with an earlier list; the others' loss is below a millionth of a bit (docs/formats.md §2.3)."""
    simplified, traditional = wordlists.load("zh-hans-1"), wordlists.load("zh-hant-1")
    shared = len(simplified.index.keys() & traditional.index.keys())
    not_issued = (shared / len(traditional.words)) ** traditional.length
    assert bits(traditional) + math.log2(1 - not_issued) >= 88
    assert 0.018 < not_issued < 0.019


@each_list
def test_the_figures_are_those_of_the_documents(one: WordList) -> None:
    formats = (ROOT / "docs/formats.md").read_text("utf-8")
    row = re.search(rf"^\| `{one.list_id}` \| `(\S+)` \| ([\d,]+) \| (\d) \| ([\d.]+) \|", formats, re.MULTILINE)
    assert row, one.list_id
    assert row.groups() == (one.language, f"{len(one.usable):,}", str(one.length), f"{math.floor(bits(one) * 10) / 10}")


@each_list
def test_where_each_list_comes_from_stands_beside_it(one: WordList) -> None:
    if one.list_id == DIGITS:
        return
    origins = resources.files("crypto").joinpath("wordlists", "ORIGIN.md").read_text("utf-8")
    file = resources.files("crypto").joinpath("wordlists", f"{one.list_id}.txt").read_bytes()
    assert f"`{one.list_id}.txt`" in origins
    assert hashlib.sha256(file).hexdigest() in (ROOT / "crypto/wordlists.py").read_text("utf-8")
    assert f"`crypto/wordlists/{one.list_id}.txt`" in (ROOT / "THIRD_PARTY.md").read_text("utf-8")


def test_a_damaged_list_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wordlists, "_file", lambda list_id: b"abacus\n")
    with pytest.raises(RuntimeError, match="damaged"):
        wordlists.load.__wrapped__(EFF_LARGE)


@each_list
def test_taking_letters_apart_looks_once_at_each(one: WordList) -> None:
    """No text, however hostile, makes it try combinations."""

    class Counting(dict[str, int]):
        asked = 0

        def get(self, *args: object) -> int | None:  # type: ignore[override]  # counts what is asked
            self.asked += 1
            return super().get(*args)  # type: ignore[arg-type]  # as given

    word = min(one.spoken, key=len)
    for letters in (word * (1_000 // len(word)), word[:-1] * 1_000, "q" * 1_000):
        counting = Counting(one.spoken)
        again = WordList(**{name: getattr(one, name) for name in WordList.__dataclass_fields__})
        again.__dict__["spoken"] = counting  # the cached property's place
        assert again.part(letters) == one.part(letters)
        assert counting.asked <= len(letters)
