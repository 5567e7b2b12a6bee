"""Being watched: nothing of a page names the line on a screen or in a list of tabs, and who leaves is shown a month."""

import re
from collections.abc import Callable, Iterator

import pytest

from deploy.trial.browser import Page, Upload
from source_interface.languages import TAGS
from store.intake.sessions import BrowserSession
from store.intake.settings import MIB
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, language_of, mailbox_link, structure, words_of
from tests.source_interface.test_source_notice import publish
from tests.support.waiting import wait_until

TITLES = {"First page", "Your mailbox", "Advice"}


def title(page: Page) -> str:
    [found] = re.findall("<title>(.*?)</title>", page.body.decode())
    return str(found)


def visible(page: Page) -> str:
    """What stands on the screen and in its source, without the style that all pages have."""
    return re.sub("<style>.*?</style>", "", page.body.decode(), flags=re.DOTALL)


def test_titles_say_nothing_and_no_page_but_the_first_names_the_line(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"en": {"name": "The telling name"}})
    first = browser.get("/")
    assert "The telling name" in visible(first)
    given = browser.new_codename()
    typing = browser.get(mailbox_link(given))
    empty = browser.open_new_mailbox()
    pages = [browser.get("/login"), given, typing, empty, browser.send(empty, "hello")]
    mailbox = browser.get("/mailbox")
    pages += [
        mailbox,
        browser.erase(mailbox, "mailbox", sure=False),
        browser.get("/advice"),
        browser.get("/advice/tor"),
    ]
    pages += [browser.log_in("zookeper"), browser.get("/nothing"), browser.erase(mailbox, "mailbox")]
    for page in pages:
        assert "The telling name" not in visible(page), page.path
        assert page.form(action="/leave"), page.path
    assert {title(page) for page in [first, *pages]} == TITLES


@pytest.mark.parametrize("tag", TAGS)
def test_leaving_shows_a_month_and_nothing_that_tells_where_it_came_from(standing: Intake, tag: str) -> None:
    browser = standing.browser()
    page = browser.get("/") if tag == "en" else browser.switch(browser.get("/"), tag)
    left = browser.leave(page)
    assert language_of(left) == tag
    assert not left.forms
    assert not left.links
    days = [day for day in re.findall("<td>(.*?)</td>", left.body.decode()) if day]
    weekdays = re.findall("<abbr[^>]*>(.*?)</abbr>", left.body.decode())
    assert left.text.split() == " ".join([title(left), *weekdays, *days]).split(), "and nothing else"
    assert len(days) == 31, "October 2024"
    assert len([name for name, _ in structure(left) if name == "th"]) == 7
    assert title(left) == re.findall("<h1>(.*?)</h1>", left.body.decode())[0]
    if tag in ("en", "fa"):
        assert (title(left), days[-1]) == {"en": ("October 2024", "31"), "fa": ("اکتبر ۲۰۲۴", "۳۱")}[tag]


def test_leaving_ends_the_visit_and_has_the_browser_clear_what_it_kept(intake: Intake) -> None:
    browser = intake.browser()
    given = browser.new_codename()
    mailbox = browser.get("/mailbox")
    before = dict(browser.cookies)
    left = browser.leave(mailbox)
    assert left.headers["Clear-Site-Data"] == '"cache", "cookies", "storage"'
    browser.cookies = before
    back = browser.get("/mailbox")
    assert "Your visit has ended" in back.text
    assert not set(words_of(given)) & set(back.text.split())


def test_what_was_under_way_when_somebody_left_brings_nothing_back(open_intake: Callable[..., Intake]) -> None:
    """An upload in one tab, leaving in another, where a new visit begins before the upload has come."""
    intake = open_intake(file_bytes=16 * MIB, mailbox_bytes=64 * MIB, bundle_bytes=64 * MIB)
    browser = intake.browser()
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    intake.reply("the secret answer")
    mailbox = browser.log_in(" ".join(words_of(given)))
    other_tab, new_words = intake.browser(), []
    other_tab.cookies = browser.cookies
    secret = browser.secret
    forms = intake.place.sessions.load(secret).receipts.keys()

    def pieces() -> Iterator[bytes]:
        yield bytes(MIB)
        wait_until(lambda: intake.place.sessions.load(secret).receipts.keys() > forms, words=lambda: "no form came")
        other_tab.leave(mailbox)
        new_words.extend(words_of(other_tab.new_codename()))
        yield bytes(MIB)

    upload = Upload("private-name", 2 * MIB, pieces)
    told = browser.submit(mailbox, mailbox.form(having="files"), {"message": "a message"}, [("files", upload)])
    assert "private-name · 2 MiB" in told.text, "who sent it is told that it arrived"
    assert "the secret answer" not in told.text
    assert not [link for link in told.links if link.startswith("/codename")]
    assert intake.place.sessions.load(secret) == BrowserSession(), "nor are names kept"
    assert words_of(browser.get("/codename")) == new_words, "the new visit goes on"


def test_leaving_never_fails(standing: Intake) -> None:
    browser = standing.browser()
    for fields in ({}, {"token": "0" * 32}, {HOSTILE: HOSTILE}):
        assert "October 2024" in browser.post("/leave", fields).text
