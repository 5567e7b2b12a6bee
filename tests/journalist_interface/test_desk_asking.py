"""Asking for consent and asking with choices: written, looked at, queued, answered."""

import io

import pytest

from crypto.kdf import SourceKeys
from crypto.request import ConsentRequest, Question, Response, Say, decode_request
from crypto.sealed_object import ObjectReader
from journalist_interface.desk.text import day
from tests.journalist_interface.conftest import PASSPHRASE, Host, Seconds, bring, first_source
from tests.journalist_interface.desk_browser import DeskBrowser, Page
from tests.support.clock import SetClock

TEXT = "Somebody in Utrecht was told:\n“Your brother will pay.”"
CONSENT = {
    "text": TEXT,
    "recipient": "Police, unit T",
    "purpose": "to protect you",
    "until": "2024-11-03",
}  # day 20,030
QUESTION = {"text": "May we call?", "choice1": "Yes", "choice3": "Later"}


@pytest.fixture
def source(host: Host, browser: DeskBrowser) -> SourceKeys:
    source = host.source()
    host.submit(source, "hello")
    bring(host, browser)
    return source


def path_of(browser: DeskBrowser, what: str) -> str:
    return f"{first_source(browser)}/ask/{what}"


def ask(browser: DeskBrowser, what: str, fields: dict[str, str]) -> Page:
    """Fill in, look, queue."""
    path = path_of(browser, what)
    browser.get(path)
    browser.send(path, step="preview", **fields)
    assert browser.status == 200, browser.page.text
    return browser.send(path, step="queue")


def reach(host: Host, browser: DeskBrowser, source: SourceKeys) -> tuple[bytes, ConsentRequest | Question]:
    """Carry to the source what waits: the one request that it gets."""
    browser.get("/carry")
    browser.send("/carry/export")
    host.deliver()
    ref = host.place.mailboxes.find(source.lookup)
    assert ref is not None
    [stored] = host.place.replies.list(ref)
    sealed = host.place.replies.read(stored.reply_id)
    return stored.reply_id, decode_request(ObjectReader(source.identity, io.BytesIO(sealed), len(sealed)).read_all())


def answer(host: Host, browser: DeskBrowser, source: SourceKeys, response: Response) -> Page:
    submission = host.place.submissions.begin(source.lookup, source.identity.recipient, b"n" * 16)
    submission.add_response(response)
    submission.commit()
    bring(host, browser)
    return browser.get(first_source(browser))


def test_consent_is_asked_looked_at_sent_given_and_withdrawn(
    host: Host, browser: DeskBrowser, source: SourceKeys, clock: SetClock
) -> None:
    path = path_of(browser, "consent")
    assert browser.get(path).form(path).fields["until"] == "2024-11-03", "thirty days by default"
    page = browser.send(path, step="preview", **CONSENT | {"text": TEXT.replace("\n", "\r\n")})
    assert f'<p class="words exact" dir="auto">{TEXT}</p>' in page.html
    page = browser.send(path, step="queue")
    assert "The question is queued" in page.text
    assert "no answer yet" in page.text
    assert "queued for the next export" in page.text
    request_id, asked = reach(host, browser, source)
    assert asked == ConsentRequest(TEXT, "Police, unit T", "to protect you", 20_030)
    page = answer(host, browser, source, Response(request_id, asked.digest, Say.YES))
    assert "consent stands" in page.text
    clock.day += 1
    page = answer(host, browser, source, Response(request_id, asked.digest, Say.NO, remark="I am <b>afraid</b>."))
    assert "I am <b>afraid</b>." in page.text
    assert "consent withdrawn" in page.text
    for line in (f"Asked by Ann · {day(20_000)}", f"Yes · {day(20_000)}", f"No · {day(20_001)}"):
        assert line in " ".join(page.text.split())


def test_a_question_is_asked_and_the_choice_shown(host: Host, browser: DeskBrowser, source: SourceKeys) -> None:
    assert "no answer yet" in ask(browser, "question", QUESTION).text
    request_id, asked = reach(host, browser, source)
    assert asked == Question("May we call?", ("Yes", "Later"))
    page = answer(host, browser, source, Response(request_id, asked.digest, Say.CHOICE, 2, "after six"))
    assert page.html.count("Later") == 3
    assert "after six" in page.text


def test_an_answer_that_fits_nothing_is_said_to_be_so(host: Host, browser: DeskBrowser, source: SourceKeys) -> None:
    ask(browser, "consent", CONSENT)
    request_id, _ = reach(host, browser, source)
    page = answer(host, browser, source, Response(request_id, bytes(32), Say.YES))
    assert "does not fit what the source was asked" in page.text
    assert "It does not count" in page.text
    assert "no answer yet" in page.text
    assert "the intake host may have been tampered with" in page.text
    page = answer(host, browser, source, Response(b"?" * 16, bytes(32), Say.NO))
    assert "This source was never asked that at this desk. A no counts all the same." in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("what", "bent", "reason"),
    [
        ("consent", {"text": " "}, "The text has 1 to 2,000 characters"),
        ("consent", {"text": "x" * 2_001}, "The text has 1 to 2,000 characters"),
        ("consent", {"text": "a\0b"}, "no page can show"),
        ("consent", {"text": "pay \u202e001"}, "no page can show"),
        ("consent", {"recipient": ""}, "The recipient has 1 to 100"),
        ("consent", {"purpose": "x" * 401}, "The purpose has 1 to 400"),
        ("consent", {"until": ""}, "give the last day"),
        ("consent", {"until": "tomorrow"}, "give the last day"),
        ("consent", {"until": "2024-10-03"}, "between today and a year"),
        ("consent", {"until": "2025-10-06"}, "between today and a year"),
        ("consent", {"until": "9999-12-31"}, "between today and a year"),
        ("question", {"text": "x" * 1_001}, "The question has 1 to 1,000"),
        ("question", {"choice3": ""}, "2 to 6 choices"),
        ("question", {"choice3": "Yes"}, "Two choices are the same"),
        ("question", {"choice2": "x" * 151}, "Choice 2 has 1 to 150"),
    ],
)
@pytest.mark.parametrize("step", ["preview", "queue"])
def test_what_cannot_be_asked_is_refused_with_its_reason_and_nothing_is_lost(
    host: Host, browser: DeskBrowser, source: SourceKeys, what: str, bent: dict[str, str], reason: str, step: str
) -> None:
    fields = (CONSENT if what == "consent" else QUESTION) | bent
    path = path_of(browser, what)
    browser.get(path)
    page = browser.send(path, step=step, **fields)
    assert browser.status == 422
    assert reason.lower() in page.text.lower()
    kept = page.form(path).fields
    assert {name: kept[name] for name in fields} == fields
    assert "no answer yet" not in browser.get(first_source(browser)).text


def test_a_preview_can_be_changed_with_everything_still_there(
    host: Host, browser: DeskBrowser, source: SourceKeys
) -> None:
    path = path_of(browser, "consent")
    browser.get(path)
    browser.send(path, step="preview", **CONSENT)
    page = browser.send(path, step="change")
    assert {name: page.form(path).fields[name] for name in CONSENT} == CONSENT


def test_a_form_sent_twice_asks_once(host: Host, browser: DeskBrowser, source: SourceKeys) -> None:
    path = path_of(browser, "question")
    browser.get(path)
    browser.send(path, step="preview", **QUESTION)
    fields = browser.page.form(path).fields | {"step": "queue"}
    for _ in range(3):
        page = browser.post(path, fields)
    assert page.text.count("no answer yet") == 1


def test_what_was_typed_when_the_desk_locked_is_kept(
    host: Host, browser: DeskBrowser, source: SourceKeys, seconds: Seconds
) -> None:
    path = path_of(browser, "consent")
    fields = browser.get(path).form(path).fields | CONSENT | {"step": "preview"}
    seconds.now += 3_600
    browser.post(path, fields)
    assert "The desk is locked" in browser.page.text
    page = browser.send("/unlock", passphrase=PASSPHRASE)
    assert "It is kept below" in page.text
    assert {name: page.form(path).fields[name] for name in CONSENT} == CONSENT
    browser.send(path, step="preview")
    browser.send(path, step="queue")
    assert browser.get(path).form(path).fields["text"] == ""


def test_hostile_words_stay_words(host: Host, browser: DeskBrowser, source: SourceKeys) -> None:
    hostile = "'\"><script>x</script>{{ 7 * 7 }}</textarea>"
    fields = {"text": hostile, "recipient": hostile, "purpose": hostile, "until": "2024-11-03"}
    page = ask(browser, "consent", fields)
    assert page.text.count(hostile) >= 3
    assert "script" not in {tag for tag, _ in page.tags}


def test_a_request_can_be_taken_back(host: Host, browser: DeskBrowser, source: SourceKeys) -> None:
    ask(browser, "consent", CONSENT)
    reach(host, browser, source)
    path = first_source(browser)
    browser.get(path)
    take_back = [link for link in browser.page.links if "/entry/" in link][-1]
    browser.get(take_back)
    assert "taken back: no consent" in browser.send(take_back).text


def test_nothing_can_be_asked_of_a_source_that_closed_the_mailbox(
    host: Host, browser: DeskBrowser, source: SourceKeys
) -> None:
    path = path_of(browser, "consent")
    browser.get(path)
    browser.send(path, step="preview", **CONSENT)
    fields = browser.page.form(path).fields | {"step": "queue"}
    ref = host.place.mailboxes.find(source.lookup)
    assert ref is not None
    host.place.replies.erase_mailbox(ref)
    bring(host, browser)
    assert not [link for link in browser.get(first_source(browser)).links if "/ask/" in link]
    page = browser.post(path, fields)
    assert browser.status == 422
    assert page.form(path).fields["text"] == TEXT


@pytest.mark.parametrize("path", ["/source/99/ask/consent", "/source/1/ask/order", "/source/1/ask/"])
def test_what_is_not_there_is_no_page(browser: DeskBrowser, path: str) -> None:
    browser.get(path)
    assert browser.status == 404
