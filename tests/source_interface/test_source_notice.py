"""What sources read of the line's own words: shown as text, within the one size, and calm where the line says nothing."""

import re
from collections.abc import Mapping

import pytest

from crypto.line_notice import MOST_CHARACTERS
from deploy.trial.browser import Page
from source_interface import create_app
from source_interface.budgets import CIRCUIT, Allowance, Budgets, Policy
from store.desk.line_notices import NoticeDraft
from store.intake.line_notices import LineNotices
from store.intake.tables import LineNoticeRow
from tests.source_interface.conftest import DAY, Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, structure, words_of
from tests.support.road import collect_bundles, dispatch_bundles

DAY_TOLD = "4 October 2024"
ENGLISH = {"name": "The lee", "operator": "an association", "hours": "We read on working days.", "closed": "Away."}
DUTCH = {"name": "De luwte", "operator": "een vereniging", "hours": "Wij lezen op werkdagen.", "closed": "Weg."}
LONGEST = {name: "'" * most for name, most in MOST_CHARACTERS.items()}


def publish(intake: Intake, texts: Mapping[str, Mapping[str, str]] | None = None, **numbers: int) -> None:
    """Signed at the desk, carried, taken in: as a line does it."""
    with intake.road.desk() as desk:
        desk.line_notices.sign(NoticeDraft(texts=texts, **numbers))
        desk.exporting.export(intake.road.stick)
    deliver(intake)


def deliver(intake: Intake) -> None:
    for path in dispatch_bundles(intake.road.stick):
        intake.place.deliverer.deliver(path)


def carry(intake: Intake) -> None:
    """A round that ends on the day after the one on which it began."""
    intake.place.collector.collect(intake.road.stick)
    intake.clock.day += 1
    with intake.road.desk() as desk:
        for path in collect_bundles(intake.road.stick):
            desk.importing.import_bundle(path)
        desk.exporting.export(intake.road.stick)
    deliver(intake)


def mailbox_with_something_in_it(browser: SourceBrowser) -> Page:
    browser.send(browser.open_new_mailbox(), "hello")
    return browser.get("/mailbox")


def test_without_a_notice_pages_say_what_is_true_of_every_line(intake: Intake, browser: SourceBrowser) -> None:
    first = browser.get("/").text
    assert "When we read and answer" not in first
    assert "Closed" not in first
    mailbox = mailbox_with_something_in_it(browser).text
    assert "No answer yet. That is normal." in mailbox
    assert "Please come back in a few days." in mailbox
    readers = browser.get("/advice/readers").text
    assert "an organisation that has not given its name here" in readers
    assert "There are no fixed hours." in readers
    assert "stays with them" in readers


def test_all_that_it_says_is_shown_from_then_on(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"en": ENGLISH, "nl": DUTCH}, reply_days=9, keep_days=180)
    first = browser.get("/")
    assert "We read on working days." in first.text
    assert "within 9 days" in first.text
    assert "destroyed after 180 days" in first.text
    assert first.text.count("The lee") == 1, "the name stands in the bar"
    assert "The lee" not in browser.get("/login").body.decode(), "and on no page after the first"
    assert "Closed" not in first.text, "the words for a closed line are not shown while it is open"
    mailbox = mailbox_with_something_in_it(browser).text
    assert "No answer yet. That is normal." in mailbox
    assert "Usually an answer is here 9 days after you wrote." in mailbox
    assert "If you wrote today, come back after 13 October 2024." in mailbox
    intake.reply("an answer")
    assert "within 9 days" in browser.get("/mailbox").text
    readers = browser.get("/advice/readers").text
    for said in (
        "This line is called The lee.",
        "run by an association.",
        "We read on working days.",
        "within 9 days",
    ):
        assert said in " ".join(readers.split())
    assert "destroyed after 180 days" in readers
    assert "within 9 days" in browser.get("/advice/protect").text
    assert "Wij lezen" not in first.text + mailbox + readers


@pytest.mark.parametrize(
    ("numbers", "said"), [({"reply_days": 9}, "within 9 days"), ({"keep_days": 180}, "destroyed after 180 days")]
)
def test_one_thing_is_shown_under_its_heading_and_not_twice(
    intake: Intake, browser: SourceBrowser, numbers: dict[str, int], said: str
) -> None:
    publish(intake, **numbers)
    first = browser.get("/")
    assert "When we read and answer" in first.text
    assert said in first.text
    mailbox = mailbox_with_something_in_it(browser)
    assert (said in mailbox.text) == ("keep_days" in numbers), "the days to an answer stand above the list"
    for page in (first, mailbox):
        assert not re.search(rb"<ul>\s*</ul>", page.body), "a list without a point"


def test_a_closed_line_says_until_when_and_opens_by_itself(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"en": ENGLISH}, reply_days=9, closed_until=DAY + 2)
    intake.clock.day += 2
    for page in (browser.get("/"), browser.open_new_mailbox(), mailbox_with_something_in_it(browser)):
        assert "Closed up to and including 6 October 2024" in page.text
        assert "Away." in page.text
        assert page.form(action="/leave")
    mailbox = browser.get("/mailbox")
    assert mailbox.form(having="message"), "one can write all the same"
    assert "We read again after 6 October 2024." in mailbox.text
    assert "9 days" not in browser.get("/").text + mailbox.text, "which would be wrong while nobody reads"
    sent = browser.send(mailbox, "more").text
    assert "We read again after 6 October 2024." in sent
    assert "Come back with your codename" not in sent
    intake.clock.day += 1
    assert "Closed" not in browser.get("/").text
    assert "Away." not in browser.get("/mailbox").text


def test_the_day_of_the_last_collection_is_shown_once_the_desk_has_it(intake: Intake, browser: SourceBrowser) -> None:
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    assert "collected on" not in browser.get("/").text
    carry(intake)
    for page in (browser.get("/"), browser.log_in(" ".join(words_of(given)))):
        assert f"last collected on {DAY_TOLD}" in page.text
        assert "at the latest" not in page.text, "the line does not say how long it keeps things"


def test_the_day_of_an_answer_and_of_destroying_is_named_as_the_language_writes_it(
    intake: Intake, browser: SourceBrowser
) -> None:
    publish(intake, reply_days=9, keep_days=90)
    given = browser.new_codename()
    sent = browser.send(browser.go_on(given), "hello")
    assert "Come back with your codename after 13 October 2024." in sent.text
    assert "If you wrote today" not in sent.text, "twice on one page"
    carry(intake)
    mailbox = browser.log_in(" ".join(words_of(given)))
    assert f"What was sent before {DAY_TOLD} is destroyed by 2 January 2025 at the latest." in mailbox.text
    intake.clock.day += 5
    browser.log_in(" ".join(words_of(given)))
    page = browser.switch(browser.get("/mailbox"), "fa")
    assert "۲ ژانویهٔ ۲۰۲۵" in page.text, "the same day, however late one looks"
    assert "۱۹ اکتبر ۲۰۲۴" in page.text, "an answer to what is written on this day"


@pytest.mark.parametrize(
    ("texts", "shown", "language"),
    [
        ({"nl": DUTCH, "en": ENGLISH}, "We read on working days.", "en"),
        ({"nl": DUTCH}, "Wij lezen op werkdagen.", "nl"),
        (
            {"fa": {"hours": "\u062f\u0648\u0634\u0646\u0628\u0647"}, "nl": DUTCH},
            "\u062f\u0648\u0634\u0646\u0628\u0647",
            "fa",
        ),
        ({"en": {"name": "The lee"}, "nl": DUTCH}, None, "en"),
    ],
)
def test_where_the_pages_language_is_not_there_english_or_the_first_is_shown(
    intake: Intake, browser: SourceBrowser, texts: dict[str, dict[str, str]], shown: str | None, language: str
) -> None:
    publish(intake, texts, reply_days=9)
    page = browser.get("/")
    told = [attributes for tag, attributes in structure(page) if tag == "bdi" and attributes]
    assert told == ([{"lang": language}] if shown else [])
    assert (shown or "within 9 days") in page.text


def test_in_another_language_its_own_words_are_shown(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"nl": DUTCH, "en": ENGLISH}, keep_days=90)
    assert "Wij lezen op werkdagen." in browser.switch(browser.get("/"), "nl").text
    readers = browser.get("/advice/readers").text
    assert "een vereniging" in readers
    assert "na 90 dagen vernietigd" in readers


def test_hostile_words_are_text_on_every_page(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"en": dict.fromkeys(MOST_CHARACTERS, HOSTILE)}, closed_until=DAY)
    for path in ("/", "/login", "/advice/readers", "/nothing"):
        page = browser.get(path)  # and check_page looks at every tag
        if path in ("/", "/advice/readers"):
            assert "<xss onclick=1>" in page.text
            assert "{{7*7}}" in page.text
    assert "<xss onclick=1>" in browser.open_new_mailbox().text


def test_a_notice_that_was_damaged_on_the_disk_is_not_shown(intake: Intake, browser: SourceBrowser) -> None:
    publish(intake, {"en": ENGLISH})
    assert "The lee" in browser.get("/").text
    with intake.place.database.writing() as session:
        row = session.get(LineNoticeRow, 1)
        assert row is not None
        row.encoded = row.encoded.replace(b"The lee", b"The sea")
    page = browser.get("/")
    assert page.status == 200
    assert "The sea" not in page.text


def test_a_database_that_fails_takes_no_error_page_away(
    intake: Intake, browser: SourceBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(intake, {"en": ENGLISH})

    def broken(_: LineNotices) -> None:
        raise RuntimeError

    monkeypatch.setattr(LineNotices, "current", broken)
    page = browser.get("/login")
    assert page.status == 500
    assert "Something went wrong here" in page.text
    assert page.form(action="/leave")


def test_who_is_turned_away_costs_no_look_into_the_database(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def close(self, _circuit_id: int) -> None: ...

    budgets = Budgets(Policy(requests=Allowance(1, 100, seconds=1_000)), Nobody())
    client = create_app(intake.place, budgets).test_client()
    asked: list[LineNotices] = []

    def counted(notices: LineNotices) -> None:
        asked.append(notices)

    monkeypatch.setattr(LineNotices, "current", counted)
    pages = [client.get("/", environ_overrides={CIRCUIT: 7}).text for _ in range(2)]
    assert ["Please try again in a minute" in page for page in pages] == [False, True]
    assert len(asked) == 1
