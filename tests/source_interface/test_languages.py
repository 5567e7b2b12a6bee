"""Every page in every language; changing the language loses nothing that was typed and nothing that was told."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from crypto.kdf import TEST_KDF
from crypto.request import ConsentRequest, Question
from deploy.trial.browser import Page
from source_interface import create_app
from source_interface.languages import LANGUAGES, TAGS
from store.intake.sessions import Coming
from store.intake.settings import KIB, MIB
from tests.source_interface.conftest import DAY, Intake
from tests.source_interface.source_browser import (
    HOSTILE,
    SourceBrowser,
    given_back,
    language_of,
    mailbox_link,
    progress_link,
    structure,
    words_of,
)
from tests.source_interface.test_source_notice import ENGLISH, carry, publish

OTHERS = [tag for tag in TAGS if tag != "en"]
TYPED = 'ما حدث.\n\nWhat happened, <b>and</b> "when" & where 🕊'


def walk(intake: Intake, browser: SourceBrowser) -> Iterator[Page]:
    """Every page that a source can meet, each after what leads to it."""
    yield browser.get("/")
    yield browser.get("/login")
    for typed in ("", "zoology zookeper", "abacus abdomen", "x" * 999, "1234-5678", "abacus " * 7, "一 丁 七"):
        yield browser.log_in(typed)
    given = browser.new_codename()
    yield given
    asked = browser.get(mailbox_link(given))
    yield asked
    for typed in ("zoology zookeper", "abacus " * 7):
        yield browser.submit(asked, asked.form(action="/codename/typed"), {"codename": typed})
    mailbox = browser.go_on(given)
    yield mailbox
    sending = progress_link(mailbox)
    yield browser.get(sending)
    intake.place.sessions.note_coming(browser.secret, "form", Coming(5 * KIB, 9_999 * MIB))
    yield browser.get(f"{sending}&look=60")
    yield browser.send(mailbox)
    yield browser.send(mailbox, "x" * 2_000)
    yield browser.send(mailbox, "hello", subject="filled in by a program")
    sent = browser.send(mailbox, "hello", [("a.jpg", b"x"), ("too-large.jpg", b"x" * 300 * KIB)], form="first")
    yield sent
    yield browser.send(mailbox, "hello", form="first")
    browser.break_off(mailbox, "hello", [("whole", b"x"), ("half", b"x" * 9_000)], keep=-4_000)
    yield browser.get("/mailbox")
    intake.reply("an answer", "y" * 9_000)
    mailbox = browser.get("/mailbox?page=2")
    yield mailbox
    yield from _answering(intake, browser)
    publish(intake, {"en": ENGLISH}, reply_days=9, keep_days=180, closed_until=DAY + 30)
    yield browser.get("/")
    yield browser.get("/mailbox")
    yield browser.erase(mailbox, "all", sure=False)
    yield browser.erase(mailbox, "mailbox", sure=False)
    yield browser.erase(mailbox, "reply")
    yield browser.erase(mailbox, "all")
    publish(intake, reply_days=9)
    yield browser.get("/mailbox")
    for notice in ("stale", "session", "busy", "missing", "large", "unclear", "fault"):
        yield browser.post(f"/language/notice/{notice}", {"language": "", "typed": "what was typed"})
    yield browser.get("/nothing-here")
    yield browser.get("/advice")
    for link in browser.get("/advice").links:
        if link.startswith("/advice/"):
            yield browser.get(link)
    yield browser.erase(mailbox, "mailbox")
    carry(intake)
    yield browser.get("/")


def _answering(intake: Intake, browser: SourceBrowser) -> Iterator[Page]:
    """Every page about a request that waits in the mailbox, or did."""
    consent = ConsentRequest("a text to pass on", "somebody", "some purpose", DAY + 9)
    ended = replace(consent, until=DAY - 1)
    intake.ask(ended, Question("a question?", ("one", "another")), consent)
    mailbox = browser.get("/mailbox")
    yield mailbox
    to_consent, to_question = (link.replace("&amp;", "&") for link in mailbox.links if link.startswith("/answer"))
    question, page = browser.get(to_question), browser.get(to_consent)
    yield question
    yield page
    form = page.form(action="/answer")
    yield browser.submit(question, question.form(action="/answer"), {"remark": TYPED})
    for button, remark in (("ask", ""), ("yes", TYPED), ("no", "x" * 2_001), ("yes", ""), ("yes", "")):
        yield browser.submit(page, form, {"remark": remark}, button=("say", button))
    yield browser.get(to_consent.split("&")[0])
    yield browser.submit(page, form, {"remark": TYPED, "form": "another", "reply": ""}, button=("say", "yes"))


def test_the_language_can_be_changed_on_every_page_which_stays_what_it_is(
    open_intake: Callable[..., Intake],
) -> None:
    intake = open_intake(message_characters=1_000, mailbox_bytes=64 * 1024 * KIB)
    browser = intake.browser()
    for page in walk(intake, browser):
        cookies = dict(browser.cookies)
        turned = browser.switch(page, "nl")
        assert language_of(turned) == "nl", page.path
        back = browser.switch(turned, "en")
        assert language_of(back) == "en"
        assert heading(back) == heading(page) != heading(turned)
        assert [form.names for form in turned.forms] == [form.names for form in page.forms]
        assert set(told_in(page)) <= set(told_in(back)), page.path
        browser.cookies = cookies


def heading(page: Page) -> list[str]:
    return re.findall(r"<h1>(.*?)</h1>", page.body.decode(), re.DOTALL)


def told_in(page: Page) -> list[str]:
    """What a person must know now."""
    notices = re.findall(r'<div class="notice" role="alert">(.*?)</div>', page.body.decode(), re.DOTALL)
    return [re.sub(r'value="\w+"', "", notice) for notice in notices if "<textarea" not in notice]


@pytest.mark.parametrize("typed", [TYPED, HOSTILE, "'" * 4_000, "ኣ" * 6_000, "x" * 20_000])
def test_a_message_comes_along(visitor: SourceBrowser, typed: str) -> None:
    mailbox = visitor.open_new_mailbox()
    turned = visitor.switch(mailbox, "ar", {"message": typed})
    assert given_back(turned) == [typed]
    again = visitor.switch(turned, "nl")
    assert given_back(again) == [typed], "what stands in the field is what would be sent"


def test_of_a_very_long_message_the_beginning_comes_along(intake: Intake, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    for character in ("x", "字", "🕊"):
        (kept,) = given_back(browser.switch(mailbox, "ar", {"message": character * 100_000}))
        assert kept == character * len(kept)
        assert len(kept.encode()) > 19_990
    assert "Files that you have chosen do not" in mailbox.text


def test_changing_the_language_sends_nothing(intake: Intake, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    turned = browser.switch(mailbox, "ar", {"message": TYPED})
    with_files = {**turned.form(having="files").fields, "language": "nl", "message": TYPED}
    browser.send(turned, **{**with_files, "files": [("by a browser that does not know formenctype", b"x" * 9_000)]})
    assert intake.blobs() == intake.objects() == 0
    assert not intake.derived
    sent = browser.send(turned, TYPED)
    assert intake.objects() == 1
    assert language_of(sent) == "nl"


def test_a_codename_comes_along_and_nobody_is_logged_in_by_it(intake: Intake, browser: SourceBrowser) -> None:
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    derived = len(intake.derived)
    browser = intake.browser()
    login = browser.get("/login")
    typed = " ".join(words_of(given))
    turned = browser.switch(login, "ar", {"codename": typed})
    assert given_back(turned) == [typed]
    assert len(intake.derived) == derived
    assert browser.submit(turned, turned.form(having="codename")).form(having="files")


def test_what_a_refusal_gives_back_comes_along(visitor: SourceBrowser) -> None:
    mailbox = visitor.open_new_mailbox()
    refused = visitor.send(mailbox, TYPED, token="0" * 32)
    assert given_back(refused) == [TYPED]
    turned = visitor.switch(refused, "ar")
    assert given_back(turned) == [TYPED]
    assert given_back(visitor.post("/language/notice/stale", {"typed": "'" * 20_000}))[0].startswith("'''")


def test_what_a_closed_host_gives_back_comes_along(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake()
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    object.__setattr__(intake.place.settings, "free_bytes_floor", 2**52)
    refused = browser.send(mailbox, TYPED)
    turned = browser.switch(refused, "ar")
    assert given_back(refused) == given_back(turned) == [TYPED]


def test_what_became_of_a_message_is_told_again_in_the_other_language(intake: Intake, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    sent = browser.send(mailbox, "hello", [("photo.jpg", b"x"), ("too-large", b"x" * 300 * KIB)])
    turned = browser.switch(sent, "nl")
    assert "Uw bericht is aangekomen. 1 bestand is heel aangekomen: photo.jpg · 1 byte" in turned.text
    assert "too-large" in turned.text
    fresh = browser.get("/mailbox")
    assert "aangekomen:" not in browser.switch(fresh, "en").text
    assert "arrived whole" not in browser.switch(fresh, "en").text


def test_a_note_about_a_broken_connection_is_told_in_the_language_of_its_page(browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    browser.break_off(mailbox, "hello", [("half", b"x" * 9_000)], keep=-4_000)
    turned = browser.switch(browser.get("/login"), "nl")
    note = browser.get("/mailbox")
    assert "Daarna is de verbinding verbroken." in note.text
    assert "Then the connection broke off." in browser.switch(note, "en").text
    assert language_of(turned) == "nl"


@pytest.mark.parametrize("tag", ["", "xx", "NL", "en-GB", "__", HOSTILE, "x" * 10_000, "\x00", "../nl"])
def test_a_language_that_is_none_changes_nothing(visitor: SourceBrowser, tag: str) -> None:
    visitor.switch(visitor.get("/"), "nl")
    assert language_of(visitor.post("/language/", {"language": tag})) == "nl"
    name, value = "luwte", visitor.cookies["luwte"]
    visitor.cookies[name] = f"{value[:43]}.{tag[:9]}".encode("ascii", "replace").decode().replace("\x00", "")
    assert language_of(visitor.get("/")) == "en"


@pytest.mark.parametrize("page", ["nothing", "advice/nothing", "erase/x", "notice/x", "//", "a/b/c", "leave", "login"])
def test_no_other_page_is_behind_the_buttons(visitor: SourceBrowser, page: str) -> None:
    assert visitor.post(f"/language/{page}", {"language": "nl"}).status in (200, 404)
    assert visitor.get(f"/language/{page}").status in (404, 405)


def test_a_language_that_the_line_does_not_offer_cannot_be_had(intake: Intake) -> None:
    few = create_app(intake.place, languages={tag: tag == "nl" for tag in OTHERS}, profile=TEST_KDF)
    intake.app.wsgi_app = few.wsgi_app
    browser = intake.browser()
    first = browser.get("/")
    offered = {given["value"] for name, given in structure(first) if given.get("name") == "language"}
    assert offered == {"nl"}
    assert language_of(browser.post("/language/", {"language": "ar"})) == "en"
    alone = create_app(intake.place, languages=dict.fromkeys(OTHERS, False), profile=TEST_KDF)
    intake.app.wsgi_app = alone.wsgi_app
    assert "language" not in browser.get("/").text.lower()


def test_leaving_forgets_the_language(browser: SourceBrowser) -> None:
    browser.switch(browser.get("/"), "ar")
    left = browser.leave(browser.get("/login"))
    assert language_of(left) == "ar"
    assert language_of(browser.get("/")) == "en"


def test_the_language_outlives_the_session_but_no_address_names_it(intake: Intake, browser: SourceBrowser) -> None:
    browser.switch(browser.get("/"), "ar")
    browser.open_new_mailbox()
    intake.clock.seconds += 3_600
    ended = browser.get("/mailbox")
    assert language_of(ended) == "ar"
    links = {link for path in ("/", "/login", "/advice") for link in browser.get(path).links}
    assert not [link for link in links if re.search(r"\b(ar|language=)\b", link)]


def test_the_enter_key_never_changes_the_language(visitor: SourceBrowser) -> None:
    """It presses the first button of a form; the buttons of languages come after all of a page's own."""
    for page in (visitor.get("/login"), visitor.open_new_mailbox()):
        first: dict[str, str | None] = {}
        inside = None
        for name, given in structure(page):
            if name == "form":
                inside = given.get("id")
            owner = given.get("form", inside)
            if name == "button" and owner:
                first.setdefault(owner, given.get("name"))
        assert {first[own] for own in ("login", "telling") if own in first} == {None}


def test_a_choice_of_words_is_written_as_the_language_does(visitor: SourceBrowser) -> None:
    """Also where Babel, for want of a word, would say it in English."""
    said = {}
    for tag in TAGS:
        if tag != "en":
            visitor.switch(visitor.get("/login"), tag)
        page = visitor.log_in("zookeper")
        [suggestions] = re.findall(r"<strong>.*</strong>", page.body.decode())
        said[tag] = re.split(r"<strong>.*?</strong>", suggestions)[1:-1]
    assert said["en"] == [", ", " or "]
    assert (said["ug"], said["ckb"]) == (["، ", " ياكى "], ["، ", " یان "])
    assert not [tag for tag, between in said.items() if tag != "en" and "or" in between[-1]]


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.tag)
def test_days_and_numbers_are_written_as_the_language_does(open_intake: Callable[..., Intake], language) -> None:
    intake = open_intake(message_characters=100_000)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    browser.send(mailbox, "hello")
    intake.reply("an answer")
    browser.get("/mailbox")
    page = browser.get("/mailbox")
    if language.tag != "en":
        page = browser.switch(page, language.tag)
    day, number = WRITTEN[language.tag]
    assert day in page.text
    assert number in page.body.decode()


WRITTEN = {
    "en": ("4 October 2024", "100,000"),
    "nl": ("4 oktober 2024", "100.000"),
    "fr": ("4 octobre 2024", "100\u202f000"),
    "tr": ("4 Ekim 2024", "100.000"),
    "kmr": ("4ê cotmeha 2024an", "100.000"),
    "ru": ("4 октября 2024 г.", "100\xa0000"),
    "ar": ("4 أكتوبر 2024", "100,000"),
    "fa": ("۴ اکتبر ۲۰۲۴", "۱۰۰٬۰۰۰"),
    "ckb": ("٤ی تشرینی یەکەمی ٢٠٢٤", "١٠٠٬٠٠٠"),
    "ug": ("4-ئۆكتەبىر، 2024", "100,000"),
    "ti": ("ጥቅምቲ 4, 2024", "100,000"),
    "zh-Hans": ("2024年10月4日", "100,000"),
    "zh-Hant": ("2024年10月4日", "100,000"),
}
