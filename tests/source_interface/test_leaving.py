"""Being watched: nothing of a page names the line on a screen or in a list of tabs, and who leaves is shown a month."""

import re

import pytest

from deploy.trial.browser import Page
from source_interface.languages import TAGS
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, language_of, mailbox_link, structure, words_of
from tests.source_interface.test_source_notice import publish

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


def test_leaving_never_fails(standing: Intake) -> None:
    browser = standing.browser()
    for fields in ({}, {"token": "0" * 32}, {HOSTILE: HOSTILE}):
        assert "October 2024" in browser.post("/leave", fields).text
