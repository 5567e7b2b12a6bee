"""A codename of any list is found from what a hurried person types, and is no other list's."""

import unicodedata
from collections import Counter

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crypto import codename, wordlists
from crypto.codename import Codename, CodenameError, UnknownWordError, WrongCountError
from crypto.letters import fold
from crypto.wordlists import DIGITS, EFF_LARGE, LIST_IDS

each_list = pytest.mark.parametrize("list_id", LIST_IDS)
SEPARATORS = st.sampled_from([
    "",
    " ",
    "-",
    "\n",
    ", ",
    ".",
    "_",
    "/",
    "\u3000",
    "\u2019",
    " \u2014 ",
    "\xa0",
    "\u060c",
    "\u200f",
    "、",
])
MARKS = st.sampled_from(["", "", "\u0301", "\u0308", "\u0327", "\u0306", "\u200d", "\xad"])
ZEROS = "0\u0660\u06f0\u0966\u09e6\u1040\uff10\U0001d7ce"  # ASCII, Arabic, Persian, Devanagari, Bengali, Burmese, wide, bold
TURKISH = {"i": "\u0131", "ı": "i", "I": "\u0130"}


def issued(list_id: str) -> st.SearchStrategy[Codename]:
    """Codenames as they are issued, drawn from all usable words."""
    wordlist = wordlists.load(list_id)
    word = st.sampled_from(sorted(wordlist.usable))
    drawn = st.tuples(*[word] * wordlist.length).map(lambda indexes: Codename(list_id, indexes))
    return drawn.filter(lambda one: codename.parse(one.text) == one)


def _mangle(draw: st.DataObject, word: str) -> str:
    """Each letter for itself: capital, wide, with a mark, without its own, a Turkish i; each digit in some script."""
    out = []
    for letter in word:
        if letter.isdecimal():
            out.append(chr(ord(draw.draw(st.sampled_from(ZEROS))) + int(letter)))
            continue
        plain = unicodedata.normalize("NFD", letter)[0]
        wide = chr(ord(letter) + 0xFEE0) if "a" <= letter <= "z" else letter
        out.append(draw.draw(st.sampled_from([letter, letter.upper(), wide, plain, TURKISH.get(letter, letter)])))
        out.append(draw.draw(MARKS))
    return "".join(out)


@each_list
@given(st.data())
def test_a_codename_of_every_list_survives_the_keyboard(list_id: str, draw: st.DataObject) -> None:
    one = draw.draw(issued(list_id))
    words = [_mangle(draw, word) for word in one.words]
    typed = "".join(draw.draw(SEPARATORS) + word for word in words) + draw.draw(SEPARATORS)
    form = draw.draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    assert codename.parse(unicodedata.normalize(form, typed)) == one


@each_list
@given(st.data())
def test_every_list_has_one_encoding(list_id: str, draw: st.DataObject) -> None:
    one = draw.draw(issued(list_id))
    assert Codename.from_canonical(one.canonical) == one
    assert one.canonical.decode("ascii").startswith(f"{list_id}:")
    assert len(one.text) <= 76
    assert "".join(one.text.split()) == "".join(one.words)


@each_list
def test_what_is_issued_is_read_as_itself(list_id: str) -> None:
    """Of random codenames in traditional characters one in 54 would be read as simplified ones: those are not issued."""
    made = [codename.generate(list_id) for _ in range(400)]
    assert [codename.parse(one.text) for one in made] == made
    assert [codename.parse("".join(one.words)) for one in made] == made
    assert len(set(made)) == len(made)
    counts = Counter(index for one in made for index in one.indexes)
    assert len(counts) > 0.35 * min(len(wordlists.load(list_id).usable), 400 * 7)


def test_words_of_two_lists_are_those_of_the_earlier() -> None:
    """Codenames that were issued before a list was added keep their meaning."""
    english, german = wordlists.load(EFF_LARGE), wordlists.load("de-1")
    shared = sorted(english.index.keys() & german.index.keys())[:7]
    meant = codename.parse(" ".join(shared))
    assert meant == Codename(EFF_LARGE, tuple(english.index[word] for word in shared))
    assert meant.canonical != Codename("de-1", tuple(german.index[word] for word in shared)).canonical


@pytest.mark.parametrize(
    ("typed", "list_id", "unknown", "near"),
    [
        ("abajur abaküs abartı abdall abdest", "tr-1", "abdall", "abdal"),
        ("ABAJUR ABAKUS ABARTI KARPUS", "tr-1", "karpus", "karpuz"),
        ("абзац абонент абсурд авангардт", "ru-1", "авангардт", "авангард"),
        ("авангардт", "ru-1", "авангардт", "авангард"),
        ("abaisser boeuf lundi bleuirr", "fr-1", "bleuirr", "bleuir"),
    ],
)
def test_an_unknown_word_is_named_with_words_of_the_list_that_was_meant(
    typed: str, list_id: str, unknown: str, near: str
) -> None:
    with pytest.raises(UnknownWordError) as caught:
        codename.parse(typed)
    assert caught.value.list_id == list_id
    assert caught.value.expected == wordlists.load(list_id).length
    assert near in dict(caught.value.words)[unknown]


@each_list
@given(st.data())
def test_a_word_too_few_or_too_many_is_counted(list_id: str, draw: st.DataObject) -> None:
    one = draw.draw(issued(list_id))
    words = draw.draw(st.sampled_from([one.words[1:], (*one.words, one.words[0])]))
    with pytest.raises(WrongCountError) as caught:
        codename.parse(" ".join(words))
    error, digits = caught.value, 4 if list_id == DIGITS else 1
    if error.list_id == list_id:
        assert (error.found, error.expected) == (len(words) * digits, len(one.words) * digits)
    else:  # an earlier list has all these words, too
        assert LIST_IDS.index(error.list_id) < LIST_IDS.index(list_id)
        assert wordlists.load(error.list_id).part("".join(fold("".join(words)))) is not None


def test_simplified_and_traditional_characters_are_not_exchanged() -> None:
    """One simplified character stands for several traditional ones: a guess could name another's codename."""
    simplified, traditional = wordlists.load("zh-hans-1"), wordlists.load("zh-hant-1")
    one = Codename("zh-hans-1", (*range(8), simplified.index["时"]))
    assert codename.parse(one.text) == one
    typed = one.text.replace("时", "時")
    assert codename.parse(typed) == Codename("zh-hant-1", tuple(traditional.index[c] for c in typed.replace(" ", "")))


@pytest.mark.parametrize("typed", ["²³ ½", "١٢٣", "፩፪፫፬ ፲", "〇", "1\u200d2"])
def test_few_digits_of_any_kind_are_counted(typed: str) -> None:
    with pytest.raises(WrongCountError) as caught:
        codename.parse(typed)
    assert caught.value.expected in (28, 7)


HOSTILE = ["q", "ar", "a ", "1 ", "一", "ö", "аб ", "yo-", "abdes", "\u0301", "\u2067", "ﷺ", "①", "ß", "i\u0307"]


@given(st.lists(st.sampled_from(HOSTILE), max_size=20).map("".join), st.integers(1, 1_000))
@example("a1", 500)
@example("abajur 一 1 ", 100)
def test_hostile_text_is_refused_with_a_reason(piece: str, times: int) -> None:
    typed = (piece * times)[: codename.LONGEST_TYPED]
    try:
        one = codename.parse(typed)
    except UnknownWordError as error:
        assert 0 < len(error.words) <= 7
        assert error.list_id in LIST_IDS
        assert all(len(word) <= 40 and len(near) <= 3 for word, near in error.words)
    except WrongCountError as error:
        assert error.found != error.expected
    except CodenameError as error:
        assert "too long" in str(error)
    else:
        assert codename.parse(one.text) == one


@pytest.mark.parametrize(
    ("list_id", "indexes"),
    [
        ("tr-1", (0,) * 7),
        ("de-1", (0,) * 8),
        ("digits-1", (10_000, *(0,) * 6)),
        ("xx-1", (0,) * 7),
        ("de-1", (-1,) * 7),
    ],
)
def test_no_codename_of_another_shape(list_id: str, indexes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not a codename|unknown word list"):
        Codename(list_id, indexes)


@given(st.sampled_from(LIST_IDS), st.sampled_from(LIST_IDS), st.data())
def test_no_two_lists_yield_the_same_bytes(first: str, second: str, draw: st.DataObject) -> None:
    assume(first != second)
    one, other = draw.draw(issued(first)), draw.draw(issued(second))
    assert one.canonical != other.canonical
    assert codename.parse(one.text) != codename.parse(other.text)
