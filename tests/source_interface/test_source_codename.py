"""A codename: given to a tab, typed by a person, forgiven, and never guessed from how the host behaves."""

import unicodedata
from dataclasses import replace

import pytest

from crypto import codename, wordlists
from crypto.kdf import TEST_KDF
from deploy.trial.new_source import codename_on
from source_interface.derivation import Derivation
from source_interface.services import EXTENSION
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import SourceBrowser, mailbox_link, words_of


def test_each_tab_gets_its_own_codename_and_its_own_mailbox(intake: Intake, browser: SourceBrowser) -> None:
    one, two = browser.new_codename(), browser.new_codename()
    assert words_of(one) != words_of(two)
    first, second = browser.go_on(one), browser.go_on(two)
    browser.send(first, "from the first tab")
    browser.send(second, "from the second tab")
    refs = {intake.mailbox_of(words_of(one)), intake.mailbox_of(words_of(two))}
    assert len(refs) == 2
    assert None not in refs
    assert sorted(text for _, text in intake.received()) == ["from the first tab", "from the second tab"]


def test_a_codename_can_be_read_again_in_its_tab_until_it_is_used(browser: SourceBrowser) -> None:
    one, two = browser.new_codename(), browser.new_codename()
    for page in (one, two):
        mailbox = browser.go_on(page)
        again = next(link for link in mailbox.links if link.startswith("/codename"))
        assert words_of(browser.get(again)) == words_of(page)
        browser.send(mailbox)
        assert words_of(browser.get(again)) == words_of(page), "nothing was sent"
        browser.send(mailbox, "hello")
        assert not codename_on(browser.get(again))


def test_asking_for_another_codename_gives_another(browser: SourceBrowser) -> None:
    one = browser.new_codename()
    assert words_of(browser.submit(one, one.form(action="/codename"))) != words_of(one)


def test_a_codename_is_worth_nothing_to_another_browser(intake: Intake, browser: SourceBrowser) -> None:
    path = mailbox_link(browser.new_codename())
    stranger = intake.browser()
    page = stranger.get(path)
    assert not [form for form in page.forms if "message" in form.names]
    page = stranger.get(path.replace("mailbox", "codename"))
    assert not [form for form in page.forms if "message" in form.names]
    assert "<li>" not in page.body.decode().partition("<h1")[2].partition("</h1>")[0]


def test_nothing_is_kept_or_derived_for_who_only_looks(intake: Intake, browser: SourceBrowser) -> None:
    words = words_of(browser.new_codename())
    browser.open_new_mailbox()
    assert intake.derived == []
    assert intake.mailbox_of(words) is None
    assert intake.blobs() == 0


@pytest.fixture
def words(browser: SourceBrowser) -> list[str]:
    """A codename with which something was sent."""
    page = browser.new_codename()
    browser.send(browser.go_on(page), "hello")
    return words_of(page)


def as_typed(words: list[str]) -> dict[str, str]:
    text = " ".join(words)
    return {
        "as shown": text,
        "capitals": text.upper(),
        "first letters capital": text.title(),
        "hyphens": "-".join(words),
        "run together": "".join(words),
        "commas and lines": ",\r\n".join(words),
        "many blanks": "  \t " + "   ".join(words) + " \u00a0",
        "accents": "".join(unicodedata.normalize("NFC", c + "\u0301") if c in "aeiou" else c for c in text),
        "full width": "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in text),
        "dotless": text.replace("i", "ı"),
        "numbered as on the page": "\n".join(f"{number}. {word}" for number, word in enumerate(words, 1)),
        "hidden marks": "\u200b".join(text) + "\ufeff",
    }


@pytest.mark.parametrize("how", sorted(as_typed(["a"] * 7)))
def test_how_it_is_typed_does_not_matter(intake: Intake, words: list[str], how: str) -> None:
    page = intake.browser().log_in(as_typed(words)[how])
    assert "mailbox" in {form.fields.get("what") for form in page.forms}, page.text


def test_a_word_on_no_list_is_named_with_the_nearest_before_anything_is_derived(intake: Intake) -> None:
    page = intake.browser().log_in("zookeper zoology zone zombie zipper zigzag zebra")
    assert "zookeper" in page.text
    assert "zookeeper" in page.text
    assert intake.derived == []


def test_the_first_to_come_after_a_start_waits_for_no_word_list(open_intake) -> None:
    wordlists.load.cache_clear()
    open_intake()
    assert wordlists.load.cache_info().currsize == len(wordlists.LIST_IDS)
    assert all({"spoken", "usable"} <= vars(wordlists.load(list_id)).keys() for list_id in wordlists.LIST_IDS)


@pytest.mark.parametrize(
    ("list_id", "told"), [("tr-1", "eight words"), ("zh-hans-1", "nine characters"), ("digits-1", "28 digits")]
)
def test_a_codename_of_another_list_is_told_its_own_count_and_derived_once(
    intake: Intake, list_id: str, told: str
) -> None:
    one = codename.generate(list_id)
    assert told in intake.browser().log_in(" ".join(one.words[:-1])).text
    assert intake.derived == []
    intake.browser().log_in(one.text)
    assert intake.derived == [one]


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "   ",
        "zoology",
        "zoology " * 8,
        "1234567",
        "qqqq xxxx wwww",
        "x" * 1_001,
        "zoology " * 12_500,
        "<b>\"'&</b> \u202e\u2066 zoology",
        "\x00\x01\x7f",
        "ኣብ ቆንስል 他们 الهاتف",
        "\ud7ff\ufffe\U0010ffff",
    ],
)
def test_what_is_no_codename_is_answered_and_nothing_is_derived(intake: Intake, typed: str) -> None:
    page = intake.browser().log_in(typed)
    assert page.status in (200, 413)
    assert intake.derived == []
    if page.status == 200:
        assert page.form(having="codename")


def test_wrong_and_right_look_and_work_alike(intake: Intake, words: list[str]) -> None:
    """The same status, size, headers and derivations, whether the codename is unknown or has no reply."""
    intake.derived.clear()
    unknown = wordlists.load(wordlists.EFF_LARGE).words[:7]
    answers = [intake.browser().log_in(" ".join(typed)) for typed in (words, unknown)]
    right, wrong = answers
    assert len(intake.derived) == 2
    assert right.status == wrong.status == 200
    assert len(right.body) == len(wrong.body)
    assert [(k, v) for k, v in right.headers.items() if k != "Date"] == [
        (k, v) for k, v in wrong.headers.items() if k != "Date"
    ]
    assert right.form(having="files")
    assert wrong.form(having="codename")


def test_the_answer_to_any_login_waits_for_a_whole_step(intake: Intake, words: list[str]) -> None:
    """Measured with the application's own clock and sleep, which the test replaces."""
    now, slept = [0.0], []

    def monotonic() -> float:
        now[0] += 0.0007
        return now[0]

    place = intake.place
    gate = Derivation(place.keys, TEST_KDF, place.settings, monotonic=monotonic, sleep=slept.append)
    intake.app.extensions[EXTENSION] = replace(intake.app.extensions[EXTENSION], derivation=gate)
    for typed in (words, wordlists.load(wordlists.EFF_LARGE).words[:7]):
        intake.browser().log_in(" ".join(typed))
    assert len(slept) == 2
    step = place.settings.login_step_milliseconds / 1000
    for seconds in slept:
        assert (0.0007 + seconds) / step == pytest.approx(round((0.0007 + seconds) / step))


def test_a_wrong_codename_can_be_tried_again_and_the_right_one_still_opens(intake: Intake, words: list[str]) -> None:
    person = intake.browser()
    unknown = " ".join(wordlists.load(wordlists.EFF_LARGE).words[:7])
    answers = [person.log_in(unknown) for _ in range(4)]
    assert len({page.text for page in answers}) == 1
    assert person.log_in(" ".join(words)).form(having="files")


def test_the_order_of_words_matters(intake: Intake, words: list[str]) -> None:
    swapped = [words[1], words[0], *words[2:]]
    assert intake.browser().log_in(" ".join(swapped)).form(having="codename")


def test_too_many_at_once_get_a_friendly_page_and_nothing_is_lost(open_intake) -> None:
    """The gate is full: one is at work, as many wait as may."""
    intake = open_intake(concurrent_logins=1, waiting_logins=1)
    person = intake.browser()
    issued = person.new_codename()
    words, mailbox = words_of(issued), person.go_on(issued)
    queue = intake.app.extensions["luwte"].derivation._queue
    for _ in range(2):
        assert queue.acquire(blocking=False)
    busy = person.log_in(" ".join(words))
    assert busy.status == 200
    assert not [form for form in busy.forms if "codename" in form.names]
    refused = person.send(mailbox, "kept for me")
    assert "kept for me" in refused.body.decode(), "what was typed is given back"
    assert refused.form(having="files"), "and can be sent again from there"
    for _ in range(2):
        queue.release()
    sent = person.send(mailbox, "kept for me")
    assert intake.received() == [("", "kept for me")], sent.text
    assert intake.mailbox_of(words) is not None
