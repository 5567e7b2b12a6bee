"""A codename survives whatever a keyboard or a hurried person does to it, and only then."""

import difflib
import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from crypto import codename, wordlists
from crypto.codename import Codename, CodenameError, UnknownWordError, WrongCountError
from crypto.wordlists import EFF_LARGE, LIST_IDS

LIST = wordlists.load(EFF_LARGE)
USABLE = [i for i, word in enumerate(LIST.words) if word != "yoyo"]
HYPHENED = [i for i, word in enumerate(LIST.words) if "-" in word]
CODENAMES = st.lists(st.sampled_from(USABLE) | st.sampled_from(HYPHENED), min_size=7, max_size=7).map(
    lambda indexes: Codename(EFF_LARGE, tuple(indexes))
)
SEPARATORS = st.sampled_from([
    " ",
    "",
    "-",
    "  ",
    "\t",
    "\n",
    ", ",
    ".",
    "_",
    "/",
    "1",
    "\u3000",
    "\u2019",
    " \u2014 ",
    "\xa0",
])
MARKS = st.sampled_from(["\u0301", "\u0308", "\u0327", "\u0323", "\u20dd", "\u200d", "\xad", ""])


def _mangle(draw: st.DataObject, text: str) -> str:
    """Case, accents, dotless and dotted i, full width: each letter for itself."""
    out = []
    for letter in text:
        kind = draw.draw(st.integers(0, 5)) if letter.isalpha() else 0
        wide = chr(ord(letter) + 0xFEE0) if letter.isalpha() else letter
        turkish = {"i": "\u0131", "I": "\u0130"}.get(letter, letter)
        out.append([letter, letter.upper(), wide, turkish, {"i": "\u0130"}.get(letter, letter), wide.upper()][kind])
        if letter.isalpha():
            out.append(draw.draw(MARKS))
    return "".join(out)


@given(CODENAMES, st.data())
def test_a_codename_survives_the_keyboard(one: Codename, draw: st.DataObject) -> None:
    words = [_mangle(draw, word.replace("-", draw.draw(SEPARATORS))) for word in one.words]
    typed = "".join(draw.draw(SEPARATORS) + word for word in words) + draw.draw(SEPARATORS)
    form = draw.draw(st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
    assert codename.parse(unicodedata.normalize(form, typed)) == one


@given(CODENAMES)
def test_one_encoding(one: Codename) -> None:
    assert Codename.from_canonical(one.canonical) == one
    assert codename.parse(one.text) == one
    assert len(one.text) <= 76


@given(st.text(max_size=120) | st.text(alphabet="abideyotshrfl -\u0131\u0130\xdf\ufb01", max_size=60))
@example("\ud800")
@example("\ufdfa" * 1000)
@example("yo-yo")
@example("drop down drop")
@example("\x00")
def test_arbitrary_text_is_refused_with_a_reason(typed: str) -> None:
    refusal: CodenameError | None = None
    try:
        one = codename.parse(typed)
    except CodenameError as error:
        refusal = error
    if refusal is None:
        assert codename.parse(one.text) == one
    elif isinstance(refusal, UnknownWordError):
        assert 0 < len(refusal.words[0][0]) <= 40
        assert set(refusal.words[0][1]) <= set(wordlists.load(refusal.list_id).words)
    elif isinstance(refusal, WrongCountError):
        assert refusal.found != refusal.expected
    else:
        assert len(unicodedata.normalize("NFKD", typed)) > codename.LONGEST_TYPED


def test_characters_that_stand_for_many_letters_make_nobody_wait() -> None:
    with pytest.raises(CodenameError, match="too long"):
        codename.parse("\ufdfa" * codename.LONGEST_TYPED)
    with pytest.raises(UnknownWordError) as caught:
        codename.parse("q" * codename.LONGEST_TYPED)
    assert caught.value.words[0][0] == "q" * 40


@given(CODENAMES, st.integers(0, 6), st.text("bcdfghjkqvxz", min_size=4, max_size=9))
def test_a_word_on_no_list_is_the_one_that_is_named(one: Codename, place: int, wrong: str) -> None:
    words = list(one.words)
    words[place] = wrong
    assume(not any(wordlists.load(list_id).part(wrong) for list_id in LIST_IDS))
    with pytest.raises(UnknownWordError) as caught:
        codename.parse(" ".join(words))
    assert caught.value.words[0][0] == wrong


@given(st.sampled_from(USABLE), st.data())
def test_a_slip_of_one_letter_finds_the_word_again(index: int, draw: st.DataObject) -> None:
    word = LIST.words[index]
    assume(len(word) >= 6 and "-" not in word)
    place = draw.draw(st.integers(1, len(word) - 1))
    slipped = word[:place] + draw.draw(st.sampled_from("qxz")) + word[place + 1 :]
    assume(not any(wordlists.load(list_id).part(slipped) for list_id in LIST_IDS))
    with pytest.raises(UnknownWordError) as caught:
        codename.parse(slipped)
    near = caught.value.words[0][1]
    assert word in near or min(_likeness(slipped, other) for other in near) >= _likeness(slipped, word)


def _likeness(typed: str, word: str) -> float:
    return difflib.SequenceMatcher(None, typed, word.replace("-", "")).ratio()


@given(st.binary(max_size=60))
def test_arbitrary_canonical_bytes(untrusted: bytes) -> None:
    try:
        one = Codename.from_canonical(untrusted)
    except ValueError:
        return
    assert one.canonical == untrusted


def test_generated_codenames_come_from_the_whole_list() -> None:
    made = [codename.generate() for _ in range(6000)]
    seen = {index for one in made for index in one.indexes}
    assert 7752 not in seen  # yoyo
    assert len(seen) > 7700  # of 7,775; 42,000 draws leave out about 35
    assert len(set(made)) == len(made)


def test_a_codename_is_not_shown_by_accident() -> None:
    one = codename.generate()
    assert not any(word in repr(one) or word in str(one) for word in one.words)


@pytest.mark.parametrize("indexes", [(0,) * 6, (0,) * 8, (-1, *(0,) * 6), (7776, *(0,) * 6), (7752, *(0,) * 6)])
def test_indexes_outside_the_list(indexes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not a codename"):
        Codename(EFF_LARGE, indexes)
