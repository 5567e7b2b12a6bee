"""The page "What sources read": nothing typed is lost, what would not fit is refused by its field, and the state is told."""

from pathlib import Path

import pytest

from crypto.line_notice import MOST_CHARACTERS
from tests.journalist_interface.conftest import Host, bring, open_desk
from tests.journalist_interface.desk_browser import DeskBrowser, Page
from tests.journalist_interface.test_desk_line import change
from tests.support.clock import SetClock

PATH = "/line/notice"
WORDS = {"en.operator": "an association", "en.hours": "We read on working days.", "reply_days": "9"}


def form(browser: DeskBrowser, **fields: str) -> Page:
    return browser.send(PATH, **{name.replace("__", "."): text for name, text in fields.items()})


def sign(browser: DeskBrowser, fields: dict[str, str]) -> Page:
    browser.get(PATH)
    return browser.send(PATH, **fields, act="sign")


def export(host: Host, browser: DeskBrowser) -> Page:
    browser.get("/carry")
    page = browser.send("/carry/export")
    host.deliver()
    return page


def test_from_the_line_page_to_the_host_and_back(host: Host, browser: DeskBrowser, clock: SetClock) -> None:
    assert PATH in browser.get("/line").links
    assert "Nothing yet" in browser.get(PATH).text
    preview = browser.send(PATH, **WORDS, act="preview")
    assert "an association" in preview.text
    assert "within 9 days" in preview.text
    assert "Nothing yet" in browser.get(PATH).text, "a preview signs nothing"
    page = sign(browser, WORDS)
    assert "The next export carries it." in page.text
    assert page.form(PATH).fields["en.hours"] == WORDS["en.hours"]
    assert "the notice to sources" in export(host, browser).text
    assert "has not acknowledged yet" in browser.get(PATH).text
    kept = host.place.line_notices.current()
    assert kept is not None
    assert (kept.number, kept.reply_days, kept.texts["en"].operator) == (1, 9, "an association")
    bring(host, browser)
    assert "The intake host has it since bundle" in browser.get(PATH).text
    assert "Ann signed notice 1 to sources" in browser.get("/line").text


def test_a_form_posted_without_a_button_only_previews(host: Host, browser: DeskBrowser) -> None:
    browser.get(PATH)
    assert "Preview" in browser.send(PATH, **WORDS).text
    assert "Nothing yet" in browser.get(PATH).text


def test_a_language_is_added_and_nothing_is_lost(browser: DeskBrowser) -> None:
    browser.get(PATH)
    page = browser.send(PATH, **WORDS, closed_until="nonsense", act="add", add="fa")
    fields = page.form(PATH).fields
    assert fields["languages"] == "en fa"
    assert {name: fields[name] for name in WORDS} == WORDS
    assert fields["closed_until"] == "nonsense"
    page = browser.send(PATH, **{"fa.name": "\u062e\u0637", "closed_until": ""}, act="sign")
    assert browser.status == 200
    assert page.form(PATH).fields["fa.name"] == "\u062e\u0637"
    page = browser.send(PATH, **{"fa.name": " \n "}, act="sign")
    assert page.form(PATH).fields["languages"] == "en", "a language without a word is left out"


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("reply_days", "1", "from 2 to 365"),
        ("reply_days", "soon", "from 2 to 365"),
        ("reply_days", "\u0663", "from 2 to 365"),
        ("reply_days", "9" * 5_000, "from 2 to 365"),
        ("keep_days", "3651", "from 2 to 3,650"),
        ("keep_days", "-5", "from 2 to 3,650"),
        ("closed_until", "2024-02-30", "a day such as"),
        ("closed_until", "2024-10-03", "from today on"),
        ("closed_until", "9999-12-31", "at most 366 days ahead"),
        ("en.hours", "x" * 301, "301 characters; at most 300"),
        ("en.name", "x" * 101, "101 characters; at most 100"),
        ("en.closed", "text \u202e turned", "U+202E"),
        ("en.operator", "a\x00b", "U+0000"),
        ("languages", "en <xss>", "not the code of a language"),
        ("languages", "en a.b", "not the code of a language"),
        ("languages", " ".join(f"a{one}" for one in "bcdefghijklmnopqrstuvwxyz"), "at most 16"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_kept(browser: DeskBrowser, field: str, typed: str, said: str) -> None:
    browser.get(PATH)
    others = {"en.hours": "We read.", "en.operator": "us", "reply_days": "9"} | {
        f"a{one}.hours": "We read." for one in "bcdefghijklmnopqrstuvwxyz"
    }
    page = browser.send(PATH, **others | {field: typed}, act="sign")
    assert browser.status == 422
    assert said.lower() in page.text.lower()
    assert "<xss>" not in page.html
    assert "Not signed" in page.text
    assert f"#{field}" in page.links or field == "languages"
    fields = page.form(PATH).fields
    if field != "languages":
        assert fields[field] == typed
    for name in {"en.hours", "en.operator", "reply_days"} - {field}:
        assert fields.get(name, others[name]) == others[name]
    assert "Nothing yet" in browser.get(PATH).text


def test_the_longest_that_fits_is_signed_in_sixteen_languages(host: Host, browser: DeskBrowser) -> None:
    codes = [f"aa-Aaaa-A{letter}" for letter in "ABCDEFGHIJKLMNOP"]
    browser.get(PATH)
    longest = {f"{code}.{name}": "\U0001f600" * most for code in codes for name, most in MOST_CHARACTERS.items()}
    page = browser.post(PATH, browser.page.form(PATH).fields | longest | {"languages": " ".join(codes), "act": "sign"})
    assert browser.status == 200, page.text[:2_000]
    export(host, browser)
    kept = host.place.line_notices.current()
    assert kept is not None
    assert len(kept.texts) == 16


def test_hostile_words_are_text_on_the_desks_pages(browser: DeskBrowser) -> None:
    hostile = "'\"></textarea><xss>{{7*7}}"
    browser.get(PATH)
    for act in ("preview", "sign"):
        page = browser.send(PATH, **{"en.name": hostile, "en.hours": hostile}, act=act)
        assert browser.status == 200
        assert not [tag for tag, _ in page.tags if tag == "xss"]
        assert page.form(PATH).fields["en.hours"] == hostile


def test_a_line_end_and_blanks_become_one_blank(browser: DeskBrowser) -> None:
    page = sign(browser, {"en.hours": "  On Mondays\r\n\r\n and\u00a0on  Fridays. "})
    assert page.form(PATH).fields["en.hours"] == "On Mondays and on Fridays."


def test_the_day_on_which_a_closed_line_opens_again_empties_the_field(browser: DeskBrowser, clock: SetClock) -> None:
    page = sign(browser, {"closed_until": "2024-10-05"})  # today and a day
    assert page.form(PATH).fields["closed_until"] == "2024-10-05"
    assert "By it the line is closed" in browser.get("/line").text
    clock.day += 2
    assert browser.get(PATH).form(PATH).fields["closed_until"] == ""
    assert "By it the line is closed" not in browser.get("/line").text


def test_one_that_was_replaced_before_it_left_never_leaves(host: Host, browser: DeskBrowser) -> None:
    sign(browser, {"en.hours": "First."})
    sign(browser, {"en.hours": "Second."})
    export(host, browser)
    kept = host.place.line_notices.current()
    assert kept is not None
    assert (kept.number, kept.texts["en"].hours) == (2, "Second.")
    browser.get("/carry")
    assert "notice" not in browser.send("/carry/export").text, "and one that left does not leave again"


def test_another_sites_page_signs_nothing(browser: DeskBrowser) -> None:
    browser.get(PATH)
    browser.post(PATH, WORDS | {"act": "sign"})
    assert browser.status == 403


def test_a_damaged_notice_is_named_and_no_bundle_carries_it(
    host: Host, browser: DeskBrowser, state: Path, clock: SetClock
) -> None:
    sign(browser, WORDS)
    change(state, "UPDATE line_notices SET encoded = x'00'")
    assert "Notice 1 is damaged here: sign it again." in browser.get(PATH).text
    assert "Notice 1 is damaged here: sign it again." in browser.get("/line").text
    assert "notice 1 to sources is damaged" in browser.send("/line/verify").text
    export(host, browser)
    assert host.place.line_notices.current() is None
    sign(browser, WORDS)
    export(host, browser)
    kept = host.place.line_notices.current()
    assert kept is not None
    assert kept.number == 2
    for path in (PATH, "/line"):
        assert "damaged here" not in browser.get(path).text
    with open_desk(state, clock) as desk:
        assert desk.verify() == []
