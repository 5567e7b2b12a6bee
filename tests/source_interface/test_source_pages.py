"""Every page in every state: `check_page` (source_browser.py) looks at each; here all states are brought about."""

import re
from collections.abc import Callable

import pytest

import source_interface.codename_pages
import source_interface.reply_pages
from source_interface.filling import html_bytes
from source_interface.languages import TAGS
from source_interface.mailbox_page import TYPED_BYTES
from source_interface.page import PAGE_BYTES
from source_interface.question_file import shipped
from store.intake.settings import KIB
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import (
    BIDI,
    HOSTILE,
    SourceBrowser,
    language_of,
    structure,
    words_of,
)
from tests.source_interface.test_source_notice import LONGEST, carry, publish

LONG = "<" * 100_000


def test_every_page_of_a_whole_visit(intake: Intake, browser: SourceBrowser) -> None:
    """The way of a person, with each page checked as it comes."""
    issued = browser.new_codename()
    words, mailbox = words_of(issued), browser.go_on(issued)
    sent = browser.send(mailbox, "a message", [("photo.jpg", b"x" * 1000)])
    intake.reply("an answer", "another one")
    browser = intake.browser()
    mailbox = browser.log_in(" ".join(words))
    assert "another one" in mailbox.text
    mailbox = browser.erase(mailbox, "reply")
    assert "another one" not in mailbox.text
    asked = browser.erase(mailbox, "all", sure=False)
    assert asked.form(having="sure")
    assert mailbox_again(browser, asked).status == 200
    erased = browser.erase(mailbox, "all")
    assert "an answer" not in erased.text
    asked = browser.erase(erased, "mailbox", sure=False)
    gone = browser.erase(erased, "mailbox")
    left = browser.leave(mailbox)
    assert {page.status for page in (sent, mailbox, erased, asked, gone, left)} == {200}


def mailbox_again(browser: SourceBrowser, page):
    return browser.get(next(link for link in page.links if link.startswith("/mailbox")))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing-here", 404),
        ("GET", "/login/", 200),
        ("GET", "/static/style.css", 404),
        ("GET", "/robots.txt", 404),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", 404),
        ("GET", "/mailbox", 200),
        ("GET", "/codename", 200),
        ("GET", "/mailbox?slot=x&page=2", 200),
        ("GET", "/leave", 405),
        ("GET", "/erase", 405),
        ("PUT", "/mailbox", 405),
        ("DELETE", "/", 405),
        ("OPTIONS", "/login", 405),
        ("TRACE", "/", 405),
        ("PROPFIND", "/", 405),
        ("POST", "/", 405),
        ("POST", "/nothing-here", 404),
        ("POST", "/mailbox", 200),
        ("POST", "/login", 200),
        ("POST", "/codename", 200),
        ("GET", "/codename/typed", 200),
        ("POST", "/codename/typed", 200),
        ("POST", "/erase", 200),
        ("POST", "/leave", 200),
    ],
)
def test_every_address_and_method_is_answered_by_such_a_page(
    visitor: SourceBrowser, method: str, path: str, status: int
) -> None:
    assert visitor.ask(method, path).status == status


def test_a_head_request_has_the_headers_of_the_page(standing: Intake) -> None:
    client = standing.app.test_client()
    client.get("/")
    head, get = client.head("/"), client.get("/")
    assert head.data == b""
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(PAGE_BYTES)
    assert list(head.headers) == list(get.headers)


def test_no_page_redirects_or_tells_what_runs_here(standing: Intake) -> None:
    client = standing.app.test_client()
    for path in ("", "/", "//", "//login", "/login", "/login/", "/nothing", "/mailbox"):
        response = client.get(headers={"Host": "evil.example"}, environ_overrides={"PATH_INFO": path})
        assert response.status_code in (200, 404)
        assert "Location" not in response.headers
        assert "evil" not in response.text
        told = set(response.headers.keys())
        assert not told & {"Server", "Date", "X-Powered-By", "Via", "Last-Modified", "ETag", "Allow"}


@pytest.mark.parametrize("host", ["", "a b", "evil.example", "<xss>", "[::1", "x" * 300, "\u00fc"])
def test_a_bent_host_name_gets_a_page_like_any_other(visitor: SourceBrowser, host: str) -> None:
    page = visitor.ask("GET", "/", {"Host": host.encode("latin-1").decode("latin-1")})
    assert page.status in (200, 400)
    assert "evil" not in page.text


@pytest.mark.parametrize("hostile", [HOSTILE, BIDI + "txt", LONG, "\x00\x1b[2J", "%00%0d%0aX: y", "\U0001f600" * 9])
def test_hostile_text_in_every_field_of_every_form(intake: Intake, hostile: str) -> None:
    """The page shows it as text or not at all, and the visit goes on."""
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    browser.send(mailbox, "so that there is a mailbox")
    for path in ("/", "/login", "/mailbox"):
        page = browser.get(path)
        for form in page.forms:
            for name in sorted(form.names | {"what", "reply", "sure", "unknown"}):
                answer = browser.submit(page, form, {name: hostile})
                assert answer.status in (200, 413), (path, name)
                if form.action in ("/leave", "/erase"):
                    browser.log_in("x")
                    browser.open_new_mailbox()
    assert browser.get("/mailbox").form(having="message")


@pytest.mark.parametrize(
    "name",
    [HOSTILE, BIDI + "gpj.exe", "\x00\x08\r\n", "x" * 5_000, "\U0001f600" * 300, "&quot;", "..\\..\\x", "/etc/x", " "],
)
def test_a_file_with_a_hostile_name_is_kept_and_its_name_is_shown_as_text(
    intake: Intake, browser: SourceBrowser, name: str
) -> None:
    page = browser.send(browser.open_new_mailbox(), "", [(name, b"content"), ("too-large", b"x" * 300 * KIB)])
    assert not set(BIDI) & set(page.body.decode())
    assert re.search(r"<ul><li><bdi>[^<\x00-\x1f]*</bdi> · 7 bytes</li></ul>", page.body.decode())
    assert intake.objects() == 1
    ((_, content),) = intake.received()
    assert content == b"content"


@pytest.mark.parametrize(
    "path", ["/mailbox?slot={}", "/codename?slot={}", "/mailbox?page={}", "/{}", "/login?codename={}"]
)
@pytest.mark.parametrize("hostile", ["%22%3E%3Cxss%3E", "%E2%80%AE", "9" * 1_500, "-1", "%ff%fe", "%00"])
def test_hostile_addresses(visitor: SourceBrowser, path: str, hostile: str) -> None:
    visitor.open_new_mailbox()
    page = visitor.get(path.format(hostile))
    assert page.status in (200, 404)


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "=" * 43, "A" * 43, "\xe9" * 43, '"' + "\\012" * 43 + '"', "\\" * 43, "A" * 42 + " ", "A" * 8_000],
)
def test_a_bent_cookie_is_replaced_or_harmless(visitor: SourceBrowser, cookie: str) -> None:
    visitor.cookies = {"luwte": cookie}
    assert visitor.get("/").status == 200
    assert visitor.open_new_mailbox().form(having="message"), "the visit works"


def test_when_intake_is_closed_the_first_page_and_the_mailbox_say_so(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(free_bytes_floor=2**52)
    browser = intake.browser()
    closed = browser.get("/").text
    mailbox = browser.open_new_mailbox()
    assert not [form for form in mailbox.forms if "message" in form.names]
    assert closed != open_intake().browser().get("/").text


def test_a_host_that_fills_tells_only_who_submits(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(host_bytes=150 * KIB, mailbox_bytes=150 * KIB, file_bytes=100 * KIB)
    full = "We cannot take messages at this moment"
    browser, other = intake.browser(), intake.browser()
    mailbox = browser.open_new_mailbox()
    sent = browser.send(mailbox, "hello", [("f", bytes(90 * KIB))])
    assert full not in sent.text

    assert full not in intake.browser().get("/").text
    refused = other.send(other.open_new_mailbox(), "one more")
    assert refused.text.count(full) == 2
    assert full not in other.get("/mailbox").text
    intake.clock.day += 1
    assert full in intake.browser().get("/").text


def test_an_error_of_our_own_gets_a_page_and_a_log_line_without_anything_of_the_request(
    intake: Intake, browser: SourceBrowser, monkeypatch: pytest.MonkeyPatch, caplog, capfd
) -> None:
    def broken(*_: object) -> str:
        secret_in_a_variable = "seven secret words"
        raise RuntimeError(f"{secret_in_a_variable} in a message")

    first = browser.get("/")
    monkeypatch.setattr(source_interface.codename_pages, "new_slot", broken)
    page = browser.submit(first, first.form(action="/codename"), {"marker": "a-marked-field"})
    assert page.status == 500
    assert page.form(action="/leave")
    logged = caplog.text + "".join(capfd.readouterr())
    assert "RuntimeError" in logged
    assert "conftest" not in logged.lower()
    for told in ("secret", "marked", "127.0.0.1", "/codename", "POST", browser.secret):
        assert told not in logged.replace("issue_codename", ""), told


def test_the_fullest_page_there_can_be_has_room_in_every_language(open_intake: Callable[..., Intake]) -> None:
    """The longest notice of the line, forty names from before a break, forty now, a warning, text and answers given back, all to
    be escaped; then replies. Whatever is not typed leaves what is typed its whole room, and 2 KiB.
    """
    intake = open_intake(message_characters=10, mailbox_bytes=256 * 1024 * KIB, host_bytes=256 * 1024 * KIB)
    publish(
        intake, dict.fromkeys(TAGS, LONGEST), reply_days=365, keep_days=3_650, closed_until=intake.place.today() + 300
    )
    browser = intake.browser()
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    intake.reply("'" * 3_400, "'" * 30_000)
    carry(intake)
    mailbox = browser.log_in(" ".join(words_of(given)))
    names = [("'" * 250 + str(number), b"") for number in range(40)]
    free = [question for question in shipped().questions if question.most]
    answers = {question.name: "'" * 500 for question in free} | {"q-danger": "yes"}
    for language in TAGS:
        if language != "en":
            mailbox = browser.switch(mailbox, language)
        assert language_of(mailbox) == language
        assert mailbox.body.decode().count("&#39;") > 3_000, "a reply is there too"
        browser.break_off(mailbox, "", names, keep=-40, fields={"form": f"{language} 1"})
        page = browser.send(mailbox, '"' * 4_000, names, form=f"{language} 2", **answers)
        assert page.status == 200
        fields = page.form(having="message").fields
        typed = [fields["message"], *(fields[question.name] for question in free)]
        assert fields["message"] == '"' * len(fields["message"])
        assert sum(map(html_bytes, typed)) > TYPED_BYTES - 5
        assert len(page.body.rstrip()) - sum(map(html_bytes, typed)) < PAGE_BYTES - TYPED_BYTES - 2 * KIB, language
        for said in (LONGEST["closed"], LONGEST["hours"]):
            assert said in page.text
        for path in ("/", "/mailbox?page=2", "/advice/readers", "/advice/protect"):
            assert browser.get(path).status == 200


def test_a_page_that_would_come_out_too_large_becomes_an_error_of_the_same_size(
    intake: Intake, browser: SourceBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot happen by what anybody sends; should a change make it happen, no size is told."""
    browser.send(browser.open_new_mailbox(), "hello")
    intake.reply("x" * 99_000)
    monkeypatch.setattr(source_interface.reply_pages, "_PART_CHARACTERS", 100_000)
    page = browser.get("/mailbox")
    assert page.status == 500
    assert "xxx" not in page.text


@pytest.mark.parametrize("field", ["title", "description", "keywords", "author", "robots", "generator"])
def test_pages_carry_no_trace_of_what_made_them(visitor: SourceBrowser, field: str) -> None:
    for tag, attributes in structure(visitor.get("/")):
        assert not (tag == "meta" and attributes.get("name") == field)


def test_the_same_page_for_two_visitors_differs_by_its_tokens_only(intake: Intake) -> None:
    pages = [re.sub(rb'value="[0-9a-f]{32}"', b"", intake.browser().get("/").body) for _ in range(2)]
    assert pages[0].rstrip() == pages[1].rstrip()
