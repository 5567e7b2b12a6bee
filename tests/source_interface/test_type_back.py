"""Which codename a page gives, and that it is typed back once, forgivingly, before anything is sent under it."""

import pytest

from crypto import codename, wordlists
from crypto.kdf import TEST_KDF
from deploy.trial.browser import Page
from deploy.trial.new_source import codename_on
from source_interface import create_app
from source_interface.codename_lists import NAMES
from source_interface.languages import TAGS
from store.intake.sessions import MOST_SLOTS
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import (
    BIDI,
    HOSTILE,
    SourceBrowser,
    given_back,
    language_of,
    mailbox_link,
    structure,
)

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
WIDE = {ord(c): ord(c) + 0xFEE0 for c in "0123456789abcdefghijklmnopqrstuvwxyz"}
BEGIN = {
    "en": "eff-large-1",
    "nl": "eff-large-1",
    "fr": "fr-1",
    "tr": "tr-1",
    "ru": "ru-1",
    "zh-Hans": "zh-hans-1",
    "zh-Hant": "zh-hant-1",
}


def another(browser: SourceBrowser, page: Page, **fields: str) -> Page:
    return browser.submit(page, page.form(action="/codename"), fields)


def list_of(page: Page) -> str:
    """The list that the page has chosen; a codename of it is shown."""
    [chosen] = [given["value"] or "" for tag, given in structure(page) if tag == "option" and "selected" in given]
    assert codename.parse(" ".join(codename_on(page))).list_id == chosen
    return chosen


def typing(browser: SourceBrowser, issued: Page) -> Page:
    return browser.get(mailbox_link(issued))


def type_in(browser: SourceBrowser, page: Page, typed: str, **fields: str) -> Page:
    return browser.submit(page, page.form(action="/codename/typed"), {"codename": typed, **fields})


def is_open(page: Page) -> bool:
    return any("files" in form.names for form in page.forms)


def otherwise(list_id: str, text: str) -> list[str]:
    """The same codename as a keyboard, a habit or a paper has it."""
    numbered = "\n".join(f"{number}. {group}" for number, group in enumerate(text.split(), 1))
    ways = [text.replace(" ", ""), "  " + "-".join(text.split()), text.translate(WIDE)]
    if list_id == "digits-1":
        return [*ways, text.translate(ARABIC), text.translate(ARABIC).replace(" ", "")]
    return [*ways, text.upper(), numbered, text.replace("i", "ı"), text.replace("й", "и").replace("ё", "е")]


@pytest.mark.parametrize("list_id", wordlists.LIST_IDS)
def test_a_codename_of_every_list_is_given_shown_typed_back_and_opens_its_mailbox(
    intake: Intake, browser: SourceBrowser, list_id: str
) -> None:
    issued = another(browser, browser.new_codename(), list=list_id)
    assert list_of(issued) == list_id
    groups = codename_on(issued)
    [shown] = [given for tag, given in structure(issued) if (tag, given.get("class", "")[:8]) == ("ol", "codename")]
    assert shown["dir"] == "ltr"
    spoken = None if list_id == "digits-1" else wordlists.load(list_id).language
    assert shown.get("lang") == spoken, "numbers are read out in the language of the page"
    text, asked = " ".join(groups), typing(browser, issued)
    assert not codename_on(asked)
    assert text not in asked.body.decode()
    for typed in otherwise(list_id, text):
        assert is_open(type_in(browser, asked, typed)), typed
    page = browser.send(browser.get(mailbox_link(issued)), "hello")
    assert "Your message arrived" in page.text
    assert is_open(intake.browser().log_in(text))
    assert intake.derived == [codename.parse(text)] * 2


def test_each_language_begins_with_what_its_readers_can_keep(intake: Intake) -> None:
    intake.app.wsgi_app = create_app(intake.place, languages=dict.fromkeys(TAGS, True), profile=TEST_KDF).wsgi_app
    for tag in TAGS:
        browser = intake.browser()
        first = browser.get("/") if tag == "en" else browser.switch(browser.get("/"), tag)
        issued = browser.submit(first, first.form(action="/codename"))
        assert list_of(issued) == BEGIN.get(tag, "digits-1"), tag
        names = {given["value"] for name, given in structure(issued) if name == "option"}
        assert names == set(wordlists.LIST_IDS) == {"digits-1", *NAMES}
        if tag != "en":
            turned = browser.switch(issued, "en")
            assert (codename_on(turned), list_of(turned)) == (codename_on(issued), list_of(issued))
            asked = browser.switch(typing(browser, issued), tag, {"codename": "half of"})
            assert given_back(asked) == ["half of"]
            assert list_of(another(browser, asked)) == list_of(issued), "another one is of the same list"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "Type your codename first"),
        ("zookeper zoology", "Did you mean zookeeper"),
        ("abacus abdomen", "has seven words. You typed 2"),
        ("1234 5678", "has 28 digits. You typed 8"),
        ("abacus " * 7, "not the codename that you were given"),
        ("a" * 1_001, "too long for a codename"),
        (HOSTILE, "is not one of our words"),
        (f"{BIDI} zoology\0", "You typed 1"),
    ],
)
def test_a_wrong_typing_is_told_and_loses_nothing(browser: SourceBrowser, typed: str, told: str) -> None:
    issued = browser.new_codename()
    wrong = type_in(browser, typing(browser, issued), typed)
    assert told in wrong.text
    assert not is_open(wrong)
    assert not codename_on(wrong)
    assert "".join(given_back(wrong)) == typed[:1_000]
    alerts = [given for _, given in structure(wrong) if given.get("role") == "alert"]
    assert len(alerts) == 1
    assert [given for _, given in structure(wrong) if given.get("aria-invalid")] or not typed
    turned = browser.switch(wrong, "nl", {"codename": typed})
    assert [given for _, given in structure(turned) if given.get("role") == "alert"] == alerts, "told in Dutch too"
    again = next(link for link in turned.links if link.startswith("/codename"))
    assert codename_on(browser.get(again)) == codename_on(issued)
    assert is_open(type_in(browser, turned, " ".join(codename_on(issued))))


def test_changing_the_language_is_no_typing(browser: SourceBrowser) -> None:
    issued = browser.new_codename()
    typed = " ".join(codename_on(issued))
    asked = type_in(browser, typing(browser, issued), "abacus " * 7)
    for page in (asked, typing(browser, issued)):
        turned = browser.switch(page, "ar", {"codename": typed})
        assert not is_open(turned)
        assert (given_back(turned), language_of(turned)) == ([typed], "ar")
    assert is_open(type_in(browser, turned, typed))


def test_nothing_is_sent_under_a_codename_that_was_not_typed_back(intake: Intake, browser: SourceBrowser) -> None:
    mailbox = browser.open_new_mailbox()
    fresh = browser.new_codename()
    slot = typing(browser, fresh).form(action="/codename/typed").fields["slot"]
    refused = browser.send(mailbox, "What I wrote.", [("a", b"data")], slot=slot)
    assert given_back(refused) == ["What I wrote."]
    assert not is_open(browser.send(mailbox, "What I wrote.", slot=slot, language="nl"))
    for path in ("/mailbox", "/codename/typed", "/answer", "/erase"):
        assert not is_open(browser.get(f"{path}?slot={slot}"))
    assert (intake.objects(), intake.blobs(), intake.derived) == (0, 0, [])


def test_the_form_is_worth_nothing_without_its_visit_and_can_come_twice(intake: Intake, browser: SourceBrowser) -> None:
    issued = browser.new_codename()
    typed, asked = " ".join(codename_on(issued)), typing(browser, issued)
    form = asked.form(action="/codename/typed")
    for fields in ({"token": "0" * 32}, {"token": ""}, {"slot": "x"}, {"slot": HOSTILE}, {"slot": "\ud7ff"}):
        assert not is_open(browser.submit(asked, form, {"codename": typed, **fields}))
    assert not is_open(intake.browser().submit(asked, form, {"codename": typed})), "another's cookie"
    assert not is_open(typing(browser, issued)), "still to be typed"
    assert is_open(type_in(browser, asked, typed))
    assert is_open(type_in(browser, asked, "")), "resent by Back"
    browser.send(browser.get(mailbox_link(issued)), "hello")
    assert is_open(type_in(browser, asked, ""))
    assert not codename_on(type_in(browser, asked, ""))
    browser.leave(issued)
    assert not is_open(type_in(browser, asked, typed)), "the visit has ended"


@pytest.mark.parametrize("untrusted", ["", "x", HOSTILE, "../eff-large-1", "EFF-LARGE-1", "x" * 9_000])
def test_a_list_that_there_is_not_gives_what_the_page_begins_with(browser: SourceBrowser, untrusted: str) -> None:
    assert list_of(another(browser, browser.new_codename(), list=untrusted)) == "eff-large-1"


def test_asking_for_one_after_the_other_pushes_out_no_mailbox(intake: Intake, browser: SourceBrowser) -> None:
    mailbox = browser.send(browser.open_new_mailbox(), "hello")
    issued = browser.new_codename()
    for _ in range(2 * MOST_SLOTS):
        issued = another(browser, issued)
    assert is_open(browser.send(mailbox, "again"))
    assert intake.objects() == 2
    assert is_open(browser.go_on(issued))
