"""Answers to guided questions at the desk: beside their message in the words that were asked, and what must not be missed on top."""

import re

import pytest

from crypto.answers import Answer, Answers, Choice
from journalist_interface.desk.conversation import MOST_HEEDED
from tests.journalist_interface.conftest import Host, bring, first_source
from tests.journalist_interface.desk_browser import DeskBrowser
from tests.support.clock import SetClock

HOSTILE = "\"'><script>alert(1)</script>\u202e{{7*7}}\0"
YES, NO = Choice("yes", "Yes, maybe"), Choice("no", "No")


def told(*given: Answer) -> Answers:
    return Answers("luwte-1", given)


def never(text: str) -> Answers:
    return told(Answer("never-tell", "Who must not learn of this?", text=text))


def head(browser: DeskBrowser) -> str:
    """What stands above the conversation."""
    found = re.search(r'<section class="notice loud heeded".*?</section>', browser.page.html, re.DOTALL)
    return found[0] if found else ""


def test_answers_stand_beside_their_message(host: Host, browser: DeskBrowser) -> None:
    kinds = Answer("kind", "What is happening?", (Choice("threats", "Threats"), Choice("x-own", "Our own")))
    host.submit(host.source(), "the text", answers=told(kinds, Answer("when", "When, roughly?", text="in März")))
    bring(host, browser)
    page = browser.get(first_source(browser))
    for words in ("the text", "What is happening?", "Threats", "Our own", "When, roughly?", "in März", "luwte-1"):
        assert words in page.text
    assert not head(browser)


def test_answers_without_a_text_are_read_too(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "", answers=told(Answer("whom", "Whom?", (Choice("self", "Me"),))))
    bring(host, browser)
    page = browser.get(first_source(browser))
    assert "No text, but answers" in page.text
    assert "Me" in page.text


def test_a_message_without_answers_looks_as_before(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "the text")
    bring(host, browser)
    assert "nswers to our questions" not in browser.get(first_source(browser)).text


@pytest.mark.parametrize(
    ("answer", "heeded"),
    [
        (Answer("never-tell", "Who?", text="the police"), True),
        (Answer("avoid-background", "Whom to avoid?", text="somebody from there"), True),
        (Answer("danger", "Danger?", (Choice("yes", "Yes!"),)), True),
        (Answer("danger", "Danger?", (Choice("unsure", "Not sure"),)), True),
        (Answer("danger", "Danger?", (Choice("x-soon", "Soon"),)), True),
        (Answer("danger", "Danger?", (NO,)), False),
        (Answer("device-watched", "Watched?", (YES,)), True),
        (Answer("device-watched", "Watched?", (NO,)), False),
        (Answer("ongoing", "Still?", (YES,)), False),
        (Answer("x-never-tell", "?", text="x"), False),
    ],
)
def test_what_must_not_be_missed_stands_on_top(host: Host, browser: DeskBrowser, answer: Answer, heeded: bool) -> None:
    host.submit(host.source(), "the text", answers=told(answer))
    bring(host, browser)
    browser.get(first_source(browser))
    assert bool(head(browser)) is heeded
    if heeded:
        assert answer.asked in head(browser)
        assert (answer.text or answer.chosen[0].words) in head(browser)


def test_it_stands_there_on_every_page_and_after_a_refused_reply(
    host: Host, browser: DeskBrowser, clock: SetClock
) -> None:
    source = host.source()
    host.submit(source, "first", answers=never("the embassy"))
    bring(host, browser)
    clock.day += 1
    host.submit(source, *[f"message {number}" for number in range(120)])
    bring(host, browser)
    path = first_source(browser)
    for page in (f"{path}?page=1", f"{path}?page=2"):
        browser.get(page)
        assert "the embassy" in head(browser), page
    browser.send(f"{path}/reply", message=" ")
    assert browser.status == 422
    assert "the embassy" in head(browser)


def test_newest_first_with_its_day_and_nothing_twice(host: Host, browser: DeskBrowser, clock: SetClock) -> None:
    source = host.source()
    for text in ("the embassy", "the police", "the embassy"):
        host.submit(source, "x", answers=never(text))
        bring(host, browser)
        clock.day += 1
    browser.get(first_source(browser))
    top = head(browser)
    assert (top.count("the embassy"), top.count("the police")) == (1, 1)
    assert top.index("the embassy") < top.index("the police")
    assert "6 October 2024" in top


def test_a_flood_of_it_fills_no_page(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    for number in range(30):
        host.submit(source, "x", answers=never(f"body {number}"))
    host.submit(host.source(), "another", answers=never("the mayor"))
    bring(host, browser)
    paths = {link for link in browser.get("/").links if link.startswith("/source/")}
    counts = []
    for path in paths:
        browser.get(path)
        counts.append(head(browser).count("<dt"))
    assert sorted(counts) == [1, MOST_HEEDED]


def test_deleting_the_message_deletes_its_answers(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "x", answers=never("the embassy"))
    host.submit(host.source(), "keeps this desk busy")
    bring(host, browser)
    [path] = [
        link
        for link in browser.get("/").links
        if link.startswith("/source/") and "the embassy" in browser.get(link).text
    ]
    page = browser.get(path)
    browser.get(next(link for link in page.links if link.endswith("/delete") and "/entry/" in link))
    browser.send(next(form.action for form in browser.page.forms if "/entry/" in form.action))
    assert "the embassy" not in browser.get(path).text


def test_hostile_words_are_shown_as_text(host: Host, browser: DeskBrowser) -> None:
    hostile = told(
        Answer("never-tell", HOSTILE, (Choice("x-1", HOSTILE),), HOSTILE), Answer("x-q", HOSTILE, text=HOSTILE)
    )
    host.submit(host.source(), "x", answers=hostile)
    bring(host, browser)
    page = browser.get(first_source(browser))
    assert "<script" not in page.html
    assert "\u202e" not in page.html
    assert page.text.count("alert(1)") == 8
    assert "\u2400" in page.text
