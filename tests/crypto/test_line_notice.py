"""Line notices: what is written is read again, what is bent is refused, and whatever fits the limits fits a notice."""

from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto import line_notice
from crypto.errors import CryptoError, MalformedError
from crypto.line_notice import (
    KEEP_DAYS,
    LARGEST_SIGNED,
    MOST_CHARACTERS,
    MOST_LANGUAGES,
    REPLY_DAYS,
    LineNotice,
    NoticeText,
    fault_of,
)
from crypto.manifest import Direction, Manifest
from crypto.signed import sign
from tests.crypto.test_object_properties import ANYTHING, HOST_KEY, LINE, LINE_KEY, NUMBERS, manifests, mutated

LANGUAGES = st.from_regex(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", fullmatch=True)


def words(name: str) -> st.SearchStrategy[str]:
    return st.text(max_size=MOST_CHARACTERS[name]).map(str.strip).filter(lambda text: fault_of(name, text) is None)


TEXTS = st.fixed_dictionaries({}, optional={name: words(name) for name in MOST_CHARACTERS}).filter(bool)


@given(
    st.integers(1, 2**31 - 1),
    NUMBERS,
    st.none() | st.sampled_from(REPLY_DAYS),
    st.none() | st.sampled_from(KEEP_DAYS),
    st.none() | NUMBERS,
    st.dictionaries(LANGUAGES, TEXTS, max_size=MOST_LANGUAGES),
)
def test_round_trip(
    number: int, day: int, reply: int | None, keep: int | None, longer: int | None, texts: dict[str, dict[str, str]]
) -> None:
    one = line_notice.make(
        LINE_KEY,
        number=number,
        day=day,
        reply_days=reply,
        keep_days=keep,
        closed_until=None if longer is None else min(day + longer, 2**31 - 1),
        texts={language: NoticeText(**text) for language, text in texts.items()},
    )
    assert line_notice.verify_signed(LINE_KEY.public, one.signed) == one
    assert (one.number, one.day, one.reply_days, one.keep_days) == (number, day, reply, keep)
    assert {language: text.fields() for language, text in one.texts.items()} == texts
    with pytest.raises(CryptoError):
        line_notice.verify_signed(HOST_KEY.public, one.signed)


NOTICE = line_notice.make(
    LINE_KEY, number=7, day=20780, reply_days=9, closed_until=20790, texts={"en": NoticeText(hours="On Mondays.")}
)


def test_it_is_closed_to_the_end_of_its_last_day() -> None:
    assert [NOTICE.closed_on(day) for day in (20780, 20790, 20791)] == [20790, 20790, None]
    assert line_notice.make(LINE_KEY, number=7, day=20780).closed_on(20780) is None


@given(mutated(NOTICE.signed) | st.binary(max_size=600))
def test_arbitrary_bytes(untrusted: bytes) -> None:
    try:
        assert line_notice.verify_signed(LINE_KEY.public, untrusted) == NOTICE
    except CryptoError:
        assert untrusted != NOTICE.signed


@given(st.sampled_from(["v", "line", "no", "day", "reply", "keep", "closed", "texts", "zz"]), ANYTHING)
def test_a_field_of_another_kind(key: str, value: object) -> None:
    bent(lambda fields: fields | {key: value})


@given(st.sampled_from([*MOST_CHARACTERS, "zz"]), ANYTHING)
def test_a_text_of_another_kind(key: str, value: object) -> None:
    bent(lambda fields: fields | {"texts": {"en": {key: value}}})


@given(st.text(max_size=12), ANYTHING)
def test_texts_by_something_else_than_a_language(code: str, value: object) -> None:
    bent(lambda fields: fields | {"texts": {code: value}})


def bent(change: Any) -> None:
    """A body that the line itself signed is read as what it says, or refused."""
    try:
        body = cbor2.dumps(change(cbor2.loads(NOTICE.signed[:-64])), canonical=True)
        one = line_notice.verify_signed(LINE_KEY.public, sign(LINE_KEY, "line-notice", body))
    except (CryptoError, UnicodeEncodeError):
        return
    assert isinstance(one, LineNotice)
    for text in one.texts.values():
        assert text.fields()
        assert all(fault_of(name, said) is None for name, said in text.fields().items())


@settings(max_examples=20)
@given(st.sampled_from(["x", "'", "\u65e5", "\U0001f600"]))
def test_whatever_fits_its_field_fits_the_notice(character: str) -> None:
    """So nobody who kept to every limit is refused for the whole."""
    longest = NoticeText(**{name: character * most for name, most in MOST_CHARACTERS.items()})
    codes = [f"aaa-Aaaa-A{letter}" for letter in "ABCDEFGHIJKLMNOP"]
    largest = 2**31 - 1
    one = line_notice.make(
        LINE_KEY,
        number=largest,
        day=largest,
        reply_days=REPLY_DAYS[-1],
        keep_days=KEEP_DAYS[-1],
        closed_until=largest,
        texts=dict.fromkeys(codes, longest),
    )
    assert len(codes) == MOST_LANGUAGES
    assert len(one.signed) <= LARGEST_SIGNED


@given(st.text(max_size=400), st.sampled_from(list(MOST_CHARACTERS)))
def test_what_can_turn_or_redraw_a_page_is_no_text(text: str, name: str) -> None:
    if fault_of(name, text) is None:
        assert not set(text) & {"\n", "\r", "\0", "\x1b", "\x9b", "\u202e", "\u2066", "\u2028", "\ufeff"}
        assert 0 < len(text) <= MOST_CHARACTERS[name]


@pytest.mark.parametrize(
    "bad", [{"number": 0}, {"reply_days": 1}, {"closed_until": 20_779}, {"texts": {"EN": NoticeText("x")}}]
)
def test_what_no_reader_takes_is_not_signed(bad: dict[str, Any]) -> None:
    with pytest.raises(MalformedError):
        line_notice.make(LINE_KEY, **{"number": 1, "day": 20_780, **bad})


@given(manifests(), st.none() | st.binary(min_size=1, max_size=300))
def test_a_manifest_brings_it_from_the_desk_only(manifest: Manifest, notice: bytes | None) -> None:
    brings = replace(manifest, direction=Direction.DISPATCH, line_notice=notice)
    assert Manifest.decode(brings.encode(), line=LINE, direction=Direction.DISPATCH) == brings
    if notice is not None:
        with pytest.raises(MalformedError):
            Manifest.decode(
                replace(brings, direction=Direction.COLLECT).encode(), line=LINE, direction=Direction.COLLECT
            )
