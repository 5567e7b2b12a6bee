"""The file of the questions: what ships, what a line may change, and what is refused with words that help."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from crypto import answers
from source_interface.languages import TAGS
from source_interface.question_file import (
    MOST_FILE_BYTES,
    QuestionsError,
    QuestionSource,
    parse_questions,
    read_questions,
    shipped,
    shipped_file,
)
from source_interface.question_room import sealed_most
from source_interface.questions import QuestionKind

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
HEAD = 'version = "mine-1"\ntitle = "t"\nintro = "i"\nno_answer = "n"\n'
FREE = '[[question]]\ncode = "x-free"\nkind = "text"\nask = "Why?"\n'
CHOICE = '[[question]]\ncode = "x-choice"\nkind = "one"\nask = "Which?"\nchoices = { x-a = "A", x-b = "B" }\n'


def own(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "questions.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def untranslated() -> str:
    """What ships, but no text of it is one that the catalogues know."""
    text = shipped_file().decode().replace('"luwte-1"', '"mine-1"').replace("Do not wait", "You should not wait")
    for words in shipped().all_words():
        text = text.replace(f' = "{words.english}"', f' = "{words.english}."')
    return text


def test_what_ships_asks_what_the_formats_list() -> None:
    """Codes are for ever: the table in docs/formats.md and the file say the same."""
    section = FORMATS.read_text("utf-8").split("### 3.4")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*?) \|", section, re.MULTILINE)
    listed = [
        (code, kind, re.findall(r"`([a-z-]+)`", choices)) for code, kind, choices in rows if kind in set(QuestionKind)
    ]
    assert listed == [(one.code, str(one.kind), list(one.choices)) for one in shipped().questions]


def test_danger_to_life_has_a_warning_with_112() -> None:
    [danger] = [question for question in shipped().questions if question.code == "danger"]
    assert "112" in danger.warnings["yes"].english


def test_all_that_can_be_answered_fits_a_message() -> None:
    assert sealed_most(shipped()) < answers.LONGEST


def test_without_an_own_file_what_ships_is_asked(tmp_path: Path) -> None:
    source = QuestionSource.load(tmp_path)
    assert (source.asked, source.own, source.fault) == (shipped(), False, "")


def test_the_shipped_file_with_another_version_is_a_line_s_own(tmp_path: Path) -> None:
    text = shipped_file().decode().replace('version = "luwte-1"', 'version = "mine-1"')
    own(tmp_path, text)
    source = QuestionSource.load(tmp_path)
    assert source.own
    assert source.asked == replace(shipped(), version="mine-1")


def test_words_by_language_fall_back_to_english(tmp_path: Path) -> None:
    text = HEAD + FREE.replace('"Why?"', '{ en = "Why?", nl = "Waarom?" }')
    asked = read_questions(own(tmp_path, text))
    [question] = asked.questions
    assert [question.ask.within(language) for language in ("nl", "en", "tr")] == ["Waarom?", "Why?", "Why?"]
    assert (asked.lacking("nl"), asked.lacking("tr")) == ({"t", "i", "n"}, {"t", "i", "n", "Why?"})


def test_what_a_line_leaves_as_it_is_stays_translated_and_what_it_changes_is_not_said_as_it_was(tmp_path: Path) -> None:
    """The number to call, above all: no page goes on to name the one that the line took out."""
    text = shipped_file().decode().replace('"luwte-1"', '"mine-1"').replace("call 112 (in Europe)", "call 911")
    asked = read_questions(own(tmp_path, text))
    [warning] = asked.warnings.values()
    for language in TAGS:
        assert "911" in warning.within(language)
        assert asked.lacking(language) == ({warning.english} if language != "en" else set())


def test_a_line_can_ask_in_english_only(tmp_path: Path) -> None:
    """The marks around English words on pages in other languages have their room."""
    asked = read_questions(own(tmp_path, untranslated()))
    assert len(asked.lacking("ug")) > 50


def test_a_line_leaves_out_and_adds(tmp_path: Path) -> None:
    known = '[[question]]\ncode = "ongoing"\nkind = "one"\nask = "Still?"\nchoices = { yes = "Y", x-often = "O" }\n'
    asked = read_questions(own(tmp_path, HEAD + known + CHOICE + FREE))
    assert [question.code for question in asked.questions] == ["ongoing", "x-choice", "x-free"]
    assert asked.questions[2].most == 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"\xff", "line 1: this is not UTF-8"),
        (b"x" * (MOST_FILE_BYTES + 1), "larger than"),
        ("version = 1x", "line 1"),
        ("a = " + "[" * 5_000, "far too deep"),
        ("", "version: missing"),
        (HEAD, "question: missing"),
        (HEAD + "question = []", "1 to 40 tables [[question]]"),
        (HEAD + FREE * 2, "question x-free: it stands there twice"),
        (HEAD + "".join(FREE.replace("free", f"f{number}") for number in range(41)), "1 to 40 tables"),
        (HEAD.replace("mine", "luwte") + FREE, "version: a name of your own"),
        (HEAD.replace("mine-1", "My 1") + FREE, "version: 1 to 40 of the signs"),
        (HEAD + FREE.replace("x-free", "free"), "question free: this is not a code of Luwte's"),
        (HEAD + FREE.replace("x-free", "danger"), "question danger: with this code its kind is 'one'"),
        (HEAD + CHOICE.replace("x-choice", "danger").replace("x-a", "maybe"), "'maybe' is not a choice of Luwte's"),
        (HEAD + CHOICE.replace("x-a", "X_A"), "question x-choice: choices: 'X_A' is not a code"),
        (HEAD + CHOICE.replace('{ x-a = "A", x-b = "B" }', "{}"), "question x-choice: there are no choices"),
        (HEAD + CHOICE + 'warning = { x-c = "C" }', "question x-choice: the warning 'x-c' belongs to no choice"),
        (HEAD + CHOICE + "most = 4", "question x-choice: most: this is not known here"),
        (HEAD + FREE + 'choices = { x-a = "A" }', "question x-free: choices: this is not known here"),
        (HEAD + FREE + "most = 0", "question x-free: most: a number from 1"),
        (HEAD + FREE + "most = true", "question x-free: most: a number from 1"),
        (HEAD + FREE + "most = 1801", "question x-free: most: a number from 1"),
        (HEAD + FREE + "most = 1600\n" + FREE.replace("free", "more"), "all 'most' together are 1,900 characters"),
        (HEAD + FREE.replace('"text"', '"essay"'), "question x-free: kind: one of one, some, line, text"),
        (HEAD + FREE.replace('"text"', "[]"), "question x-free: kind: one of"),
        (HEAD + FREE.replace('"Why?"', '" "'), "question x-free: ask: a text of 1 to 200"),
        (HEAD + FREE.replace("Why?", "?" * 201), "question x-free: ask: a text of 1 to 200"),
        (HEAD + FREE.replace("Why?", "\u202e"), "question x-free: ask: a text of 1 to 200 visible"),
        (HEAD + FREE.replace('"Why?"', '{ nl = "Waarom?" }'), "question x-free: ask: a text is needed, or a table"),
        (
            HEAD + FREE.replace('"Why?"', '{ en = "Why?", English = "Why?" }'),
            "'English' is not a language of the pages",
        ),
        (HEAD + FREE.replace('"Why?"', "3"), "question x-free: ask: a text is needed"),
        (HEAD + CHOICE.replace('"A"', "1"), "question x-choice: choices: x-a: a text is needed"),
        (HEAD + CHOICE + f'warning = {{ x-a = "{"!" * 1_001}" }}', "warning: x-a: a text of 1 to 1000"),
        (HEAD + CHOICE + f'warning = {{ x-a = "{"<" * 900}" }}', "the warnings are too long for a page in 'en'"),
        (
            HEAD + "".join(CHOICE.replace("x-choice", f"x-c{n}").replace('"A"', f'"{"a" * 200}"') for n in range(40)),
            "the questions are too long for a page in 'en'",
        ),
        (HEAD + FREE + "hint = 'h'\ncolour = 'red'", "question x-free: colour: this is not known here"),
        ("colour = 'red'\n" + HEAD + FREE, "colour: this is not known here"),
    ],
)
def test_a_wrong_file_is_named_with_the_reason_and_what_ships_is_asked(
    tmp_path: Path, text: str | bytes, said: str
) -> None:
    with pytest.raises(QuestionsError) as error:
        read_questions(own(tmp_path, text))
    assert said in str(error.value)
    source = QuestionSource.load(tmp_path)
    assert source.asked == shipped()
    assert source.fault.startswith("questions.toml: ")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "questions.toml")
    assert QuestionSource.load(tmp_path).fault == "questions.toml: this is not a file"


def test_a_file_that_is_wrong_by_luwte_itself_would_be_seen(tmp_path: Path) -> None:
    """The shipped file passes the same checks as anybody's, but for its name."""
    assert parse_questions(shipped_file()) == shipped()
