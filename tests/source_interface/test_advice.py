"""Advice: what a text may say, which text is shown, and that nothing is kept of what was read."""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markupsafe import escape

import source_interface
from crypto.kdf import TEST_KDF
from source_interface import create_app
from source_interface.advice import MOST_FILE_BYTES, AdviceError, AdviceText, parse_advice, parse_words, with_words
from source_interface.advice_library import ABOUT, AdviceLibrary
from source_interface.languages import LANGUAGES, TAGS
from source_interface.page import PAGE_BYTES
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, structure

WHOLE = ("en", "nl")  # in these, all topics are there
EVERYWHERE = {"devices", "relatives", "travel", "followed", "codename", "tor", *ABOUT}
HEADER = "---\ntitle: A title\nsummary: A summary\nreviewed: 2026-11-24\n---\n"
WORDS = {"line_name": "The line", "operator": "an association", "hours": "On Mondays.", "reply_time": "In a week."}
LONGEST = "'" * 300
ELEMENTS = {"h2", "p", "ul", "ol", "li", "strong"}
MOST_PAGE_BYTES = 60 * 1024
SHIPPED = sorted((Path(source_interface.__file__).parent / "advice").glob("*/*.md"))


def parsed(body: str, header: str = HEADER) -> AdviceText:
    return parse_advice("x", "en", (header + body).encode())


def tags_of(html: str) -> set[str]:
    return set(re.findall(r"<([^/>]*)>", html))


# What a text may say


def test_all_that_is_allowed_is_rendered() -> None:
    text = parsed('Para\ngraph **bold**.\n\n## Heading\n\n- one\n- two\n\n1. first\n2. second\n\n5 < 6 & \\\\ "so"')

    assert tags_of(text.html) == ELEMENTS
    assert "5 &lt; 6 &amp; \\ &quot;so&quot;" in text.html
    assert (text.title, text.summary, str(text.reviewed)) == ("A title", "A summary", "2026-11-24")


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("[text](https://example.org)", 6),
        ("fine\n\n- fine\n- <https://example.org>", 9),
        ("fine\nstill [fine][1]\n\n[1]: https://example.org", 9),
        ("[1]: https://example.org\n\nfine", 6),
        ("![picture](x.png)", 6),
        ("fine\n\n<script>alert(1)</script>", 8),
        ("fine\nfine <b>not</b>", 7),
        ("<!-- a comment -->", 6),
        ("&lt; fine, <br> not", 6),
        ("*italics*", 6),
        ("fine **bold *and italics* in it**", 6),
        ("_italics_", 6),
        ("# Heading", 6),
        ("### Heading", 6),
        ("Heading\n---", 6),
        ("fine\n\n***", 8),
        ("> quotation", 6),
        ("`code`", 6),
        ("```\ncode\n```", 6),
        ("fine\n\n    code", 8),
        ("* point", 6),
        ("+ point", 6),
        ("3. third", 6),
        ("1) first", 6),
        ("| a | b |\n|---|---|\n| c | d |", 6),
        ("~~gone~~", 6),
        ("broken  \nline", 6),
        ("fine\n{unknown}", 7),
        ("fine\n{line_name", 7),
        ("fine\nRTL \u202e override", 7),
        ("fine\nNUL \x00", 7),
        ("", 6),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_line(body: str, line: int) -> None:
    with pytest.raises(AdviceError, match=rf"^line {line}: "):
        parsed(body)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("title: x\n", 1),
        ("\n---\ntitle: x\n---\n", 1),
        ("---\ntitle: x\nsummary: y\n---\n", 4),
        ("---\ntitle: x\ntitle: y\n---\n", 3),
        ("---\ntitle:\n---\n", 2),
        ("---\ntitle: x\nauthor: y\n---\n", 3),
        ("---\nno colon\n---\n", 2),
        ("---\ntitle: {line_name}\nsummary: y\nreviewed: 2026-11-24\n---\n", 2),
        (f"---\ntitle: {'x' * 201}\n---\n", 2),
        (f"---\nsummary: {'<' * 101}\n---\n", 2),
        ("---\ntitle: x\nsummary: y\nreviewed: 2026-02-30\n---\n", 4),
        ("---\ntitle: x\nreviewed: 20261124\nsummary: y\n---\n", 3),
        ("---\ntitle: x\nreviewed: 2026-W48-2\nsummary: y\n---\n", 3),
        ("---\ntitle: x\nsummary: y\nreviewed: 2026-11-24\nnative_speaker: no\n---\n", 5),
        ("---\ntitle: x\nnative_speaker: 2026-13\n---\n", 3),
        ("---\ntitle: x", 2),
    ],
)
def test_a_header_that_is_not_whole_is_refused_by_its_line(header: str, line: int) -> None:
    with pytest.raises(AdviceError, match=rf"^line {line}: "):
        parsed("text", header)


def test_a_file_that_is_too_large_or_no_text_is_refused() -> None:
    with pytest.raises(AdviceError, match="larger"):
        parsed("x" * MOST_FILE_BYTES)
    with pytest.raises(AdviceError, match="line 7: this is not UTF-8"):
        parse_advice("x", "en", HEADER.encode() + b"fine\n\xff\xfe")


def test_a_translation_may_say_when_a_native_speaker_reviewed_it() -> None:
    reviewed = HEADER.replace("\n---\n", "\nnative_speaker: 2026-11\n---\n")

    assert (parsed("text", reviewed).native_speaker, parsed("text").native_speaker) == ("2026-11", "")


def test_a_file_of_an_editor_with_other_line_ends_and_a_mark_is_the_same_text() -> None:
    same = parse_advice("x", "en", b"\xef\xbb\xbf" + (HEADER + "text\n\n- point\n").replace("\n", "\r\n").encode())

    assert same == parsed("text\n\n- point\n")


@given(st.text(st.sampled_from("ab \n#-*_1.)<>&`[]():!{}|~\\=\t\"'"), max_size=60))
def test_whatever_is_accepted_means_what_markdown_means_by_it_and_has_no_other_tags(body: str) -> None:
    try:
        text = parsed(body)
    except AdviceError:
        return
    assert tags_of(text.html) <= ELEMENTS
    assert text.html == MarkdownIt("commonmark").render(body)


@given(st.text(max_size=200))
def test_nothing_in_a_file_breaks_the_parser(body: str) -> None:
    with suppress(AdviceError, UnicodeEncodeError):  # half a surrogate pair is no text
        assert tags_of(parsed(body).html) <= ELEMENTS


def test_the_lines_own_words_come_in_as_text() -> None:
    text = with_words(parsed("From {operator}: **{hours}**"), {**WORDS, "operator": HOSTILE, "hours": "{line_name}"})

    assert text.html == f"<p>From <bdi>{escape(HOSTILE)}</bdi>: <strong><bdi>{{line_name}}</bdi></strong></p>\n"


def test_a_text_that_could_be_too_long_with_the_lines_words_is_refused() -> None:
    fits = with_words(parsed("{hours} " * 32), {**WORDS, "hours": LONGEST})
    assert 47 * 1024 < len(fits.html) <= 48 * 1024
    with pytest.raises(AdviceError, match="too long for a page"):
        parsed("{hours} " * 33)


@pytest.mark.parametrize(
    "toml",
    ["operator", 'unknown = "x"', "hours = 3", 'hours = " "', f'hours = "{"x" * 301}"', 'hours = "\\u202e"', "\xff"],
)
def test_words_that_are_none_are_refused(toml: str) -> None:
    with pytest.raises(AdviceError):
        parse_words(toml.encode("latin-1"))


# What ships


def test_what_matters_most_ships_in_every_language_of_the_pages() -> None:
    found = {tag: {path.stem for path in SHIPPED if path.parent.name == tag} for tag in TAGS}

    assert len(found["en"]) == 15
    assert {
        tag: topics for tag, topics in found.items() if topics != (found["en"] if tag in WHOLE else EVERYWHERE)
    } == {}
    assert {path.parent.name for path in SHIPPED} == set(TAGS)


@pytest.mark.parametrize("tag", TAGS)
def test_the_texts_that_ship_say_in_each_language_what_the_english_ones_say(tag: str) -> None:
    """No heading, paragraph or point is missing, and no telephone number is another: that would mislead."""
    for path in (path for path in SHIPPED if path.parent.name == tag):
        english = (path.parents[1] / "en" / path.name).read_bytes()
        text, source = parse_advice(path.stem, tag, path.read_bytes()), parse_advice(path.stem, "en", english)
        assert len(text.summary) <= 80, path
        assert "**" not in text.html, f"{path}: the mark of bold text stands where Markdown does not know it"
        assert "://" not in text.html, path
        for what in (
            r"<(?:h2|p|ul|ol|li)>",
            r"(?<!\d)\d{3}(?!\d)|\d{4}-\d+",
            r"\w+@\S+\.org|\b[a-z]+\.(?:int|org)\b",
            r"\{\w+\}",
        ):
            order = list if what.startswith("<") else sorted
            assert order(re.findall(what, text.html)) == order(re.findall(what, source.html)), (path, what)
        if tag in WHOLE:
            assert 350 <= len(re.sub("<[^>]*>", " ", text.html).split()) <= 700, path


def test_a_number_between_right_to_left_words_keeps_its_own_direction() -> None:
    """Without the mark a browser shows +31 20 as 20 31+, and 0900-8844 as 8844-0900."""
    for tag in (language.tag for language in LANGUAGES if language.direction == "rtl"):
        for path in (path for path in SHIPPED if path.parent.name == tag):
            html = parse_advice(path.stem, tag, path.read_bytes()).html
            assert not re.search(r"(?<!\u200e)(?:\+\d|\b\d+(?:-\d|[A-Za-z]))|\d \d", html), path


def test_danger_is_answered_first() -> None:
    for path in SHIPPED:
        if path.stem in ("devices", "doxxing", "evidence", "address", "support", "followed", "relatives"):
            assert "112" in "\n".join(path.read_text("utf-8").split("\n")[5:20]), path


# Which text is shown


def put(folder: Path, name: str, content: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, "utf-8")


def test_without_a_folder_what_ships_is_shown(tmp_path: Path) -> None:
    library = AdviceLibrary.load(tmp_path / "advice")

    assert (len(library.texts), library.own, library.faults) == (len(SHIPPED), frozenset(), ())
    assert [text.topic for text in library.all_in("nl")][-2:] == list(ABOUT)
    assert {text.language for text in library.all_in("nl")} == {"nl"}
    assert set(library.words) == set(TAGS)
    assert {tuple(words) for words in library.words.values()} == {tuple(library.words["en"])}
    assert library.words_in("de") == library.words["en"]


def test_the_lines_own_text_replaces_adds_and_falls_back_to_english(tmp_path: Path) -> None:
    put(tmp_path, "nl/devices.md", HEADER + "own words")
    put(tmp_path, "en/sanctions.md", HEADER + "an own topic of {operator}")
    put(tmp_path, "nl/.devices.md.swp", "left by an editor")
    library = AdviceLibrary.load(tmp_path)

    assert library.faults == ()
    assert library.own == {("nl", "devices"), ("en", "sanctions")}
    assert "own words" in library.get("nl", "devices").html
    assert "own words" not in library.get("en", "devices").html
    assert "topic of {operator}" in library.get("nl", "sanctions").html, "English, where there is no Dutch"
    assert library.get("tr", "nothing") is None


def broken_mode(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("en/devices.md", HEADER + "fine\n\n<b>x</b>", "advice/en/devices.md: line 8: HTML"),
        ("en/devices.md", "no header", "advice/en/devices.md: line 1: "),
        ("en/devices.md", HEADER + "x" * MOST_FILE_BYTES, "advice/en/devices.md: the file is larger"),
        ("en/devices.md", HEADER + "{hours} " * 3_000, "advice/en/devices.md: the text is too long"),
        ("en/devices.md", "loop", "advice/en/devices.md: "),
        ("en/devices.md/x", "a folder", "advice/en/devices.md: this is not a file"),
        ("en/words.toml", 'operator = "an association"', "advice/en/words.toml: the name"),
        ("en/Devices.MD", HEADER + "text", "advice/en/Devices.MD: the name"),
        ("en/notes.txt", "text", "advice/en/notes.txt: the name"),
        ("english/devices.md", HEADER + "text", "advice/english: this is not the code of a language"),
        ("zh-hans/devices.md", HEADER + "text", "advice/zh-hans: this is not the code of a language"),
        ("devices.md", HEADER + "text", "advice/devices.md: this is not the code of a language"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_what_ships_is_shown(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    put(tmp_path, name, content)
    if content == "loop":
        broken_mode(tmp_path / name)
    library, shipped = AdviceLibrary.load(tmp_path), AdviceLibrary.load(tmp_path / "none")

    (fault,) = library.faults
    assert fault.startswith(said)
    assert library.texts == shipped.texts


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "advice").write_text("x")

    assert AdviceLibrary.load(tmp_path / "advice").faults[0].startswith("advice/.: it cannot be read")


# The pages


def start_again(intake: Intake) -> None:
    """The application made anew behind the same server: it reads its files again."""
    intake.app.wsgi_app = create_app(intake.place, profile=TEST_KDF).wsgi_app


@pytest.fixture
def own(intake: Intake) -> Callable[..., SourceBrowser]:
    """A browser on the host, started again with these files in its folder."""

    def with_files(files: dict[str, str]) -> SourceBrowser:
        for name, content in files.items():
            put(intake.place.state / "advice", name, content)
        start_again(intake)
        return intake.browser()

    return with_files


def test_every_text_can_be_reached_from_the_first_page(visitor: SourceBrowser) -> None:
    first = visitor.get("/")
    assert {"/advice", "/advice/protect", "/advice/readers"} <= set(first.links)
    topics = [link for link in visitor.get("/advice").links if link.startswith("/advice/")]
    assert len(topics) == len(set(topics)) == 15
    for link in topics:
        page = visitor.get(link)
        assert page.status == 200
        assert len(page.body.rstrip()) < MOST_PAGE_BYTES
        assert not [
            href for _, attributes in structure(page) if (href := attributes.get("href")) and href[0] not in "/d#"
        ]


def test_what_is_in_the_readers_language_comes_first_and_the_rest_says_in_which_it_is(visitor: SourceBrowser) -> None:
    page = visitor.switch(visitor.get("/advice"), "tr")
    listed = re.findall(
        r'<li lang="(..)" dir="auto"><a href="/advice/([a-z-]+)">.*?</a>( <span class="meta">\(English\)</span>)?<br>',
        page.body.decode(),
    )

    assert [tag for tag, _, _ in listed] == ["tr"] * 6 + ["en"] * 7 + ["tr"] * 2
    assert [bool(marked) for _, _, marked in listed] == [tag == "en" for tag, _, _ in listed]
    assert "yalnızca İngilizcedir" in page.text
    for topic, tag in (("devices", "tr"), ("evidence", "en")):
        page = visitor.get(f"/advice/{topic}")
        assert f'<article class="advice" lang="{tag}"' in page.body.decode()
        assert ("yalnızca İngilizcedir" in page.text) == (tag == "en")


@pytest.mark.parametrize(
    "path", ["nothing", "DEVICES", "devices.md", "../en/devices", "devices/x", "%00", "words", "x" * 1_500]
)
def test_an_unknown_topic_is_a_page_that_is_not_here(visitor: SourceBrowser, path: str) -> None:
    page = visitor.get(f"/advice/{path}")

    assert page.status == 404
    assert page.body.rstrip() == visitor.get("/nothing-here").body.rstrip()


def test_hostile_own_texts_are_shown_as_text(own: Callable[..., SourceBrowser]) -> None:
    title = HOSTILE.replace("{{7*7}}", "")
    header = f"---\ntitle: {title}\nsummary: {title}\nreviewed: 2026-11-24\n---\n"
    browser = own({"en/hostile.md": header + HOSTILE.replace("<", "\\<").replace("{{7*7}}", "")})

    assert "<xss onclick=1>" in browser.get("/advice").text
    assert "<xss onclick=1>" in browser.get("/advice/hostile").text


def test_the_fullest_pages_that_a_line_can_make_are_small_enough(own: Callable[..., SourceBrowser]) -> None:
    header = f"---\ntitle: {'<' * 50}\nsummary: {'<' * 100}\nreviewed: 2026-11-24\n---\n"
    files = {f"en/{'x' * 37}-{number}.md": header + "<" * 7_000 for number in range(10, 60)}
    browser = own(files)

    topics = [link for link in browser.get("/advice").links if link.startswith("/advice/x")]
    assert len(topics) == 40
    for path in ("/advice", topics[0], "/advice/readers"):
        assert len(browser.get(path).body.rstrip()) < MOST_PAGE_BYTES, path


def test_a_wrong_file_takes_no_page_away(own: Callable[..., SourceBrowser]) -> None:
    browser = own({"en/devices.md": "wrong", "xx-x/y": "wrong"})

    assert browser.get("/advice/devices").status == 200
    assert "Lockdown Mode" in browser.get("/advice/devices").text


def test_nothing_is_kept_of_what_was_read(intake: Intake, browser: SourceBrowser) -> None:
    """Not in the session, and no file is touched: not even the time of its last reading."""
    put(intake.place.state / "advice", "en/devices.md", HEADER + "own words")
    start_again(intake)
    browser = intake.browser()
    browser.get("/")
    folders = (intake.place.state, Path(source_interface.__file__).parent / "advice")
    old = (0, 0)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    advice = [path for path in files if "advice" in path.parts]
    for path in advice:
        os.utime(path, ns=old)  # so that even a disk that notes readings lazily notes this one
    before = {path: path.read_bytes() for path in files if path not in advice}

    assert "own words" in browser.get("/advice/devices").text
    assert browser.get("/advice/support").status == 200
    assert {path.stat().st_atime_ns for path in advice} == {0}
    assert {path: path.read_bytes() for path in before} == before
    assert browser.get("/codename").text == browser.get("/").text, "no session began"


def test_a_page_of_advice_has_the_size_and_headers_of_any_other(standing: Intake) -> None:
    client = standing.app.test_client()
    client.get("/")  # which sets the cookie
    pages = [client.get(path) for path in ("/", "/advice", "/advice/tor", "/advice/nothing")]

    assert {len(page.data) for page in pages} == {PAGE_BYTES}
    told = [sorted(page.headers) for page in pages]
    assert told[0] == told[1] == told[2] == told[3]
