"""Requests in the mailbox: shown to the letter, answered as often as one likes, nothing of an answer kept in clear."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from crypto.request import LONGEST_REMARK, ConsentRequest, Question, Request
from crypto.sealed_object import ContentType, Kind, ObjectHeader, seal_object
from deploy.trial.browser import Form, Page, Upload
from store.clock import SECONDS_A_DAY
from store.desk.asking import Asked
from store.desk.consent import Standing
from store.desk.model import EntryKind
from store.intake.settings import KIB, MIB
from store.intake.submissions import Submission
from tests.source_interface.conftest import DAY, Intake
from tests.source_interface.source_browser import HOSTILE, SourceBrowser, given_back, structure
from tests.source_interface.test_source_mailbox import Source, put, reply_texts

CONSENT = ConsentRequest(
    "Somebody in Utrecht was told:\n\n  “Your brother will pay.”", "Police, unit T", "to protect you", DAY + 30
)
QUESTION = Question("May we call you?", ("Yes", "No", "Later, after six"))


@pytest.fixture
def source(intake: Intake) -> Source:
    return Source(intake)


def ask(source: Source, *requests: Request) -> None:
    source.intake.ask(*requests)


def asked_at_desk(source: Source) -> list[Asked]:
    """Carries all there first."""
    source.intake.received()
    with source.intake.road.desk() as desk:
        entries = [e.entry_id for one in desk.inbox.sources() for e in desk.inbox.conversation(one.source_id)]
        asked = desk.requests.on_page(entries).asked
        return [asked[entry_id] for entry_id in sorted(asked)]


def links(page: Page) -> list[str]:
    """To the requests on a mailbox page."""
    return [link.replace("&amp;", "&") for link in page.links if link.startswith("/answer")]


def come_to_request(source: Source) -> Page:
    """The page of the newest one."""
    page = source.come_back()
    return source.browser.get(links(page)[0])


def answer_form(page: Page) -> Form:
    return page.form(action="/answer")


def say(source: Source, page: Page, what: str, remark: str = "") -> Page:
    return source.browser.submit(page, answer_form(page), {"remark": remark}, button=("say", what))


def choose(source: Source, page: Page, choice: str, remark: str = "") -> Page:
    return source.browser.submit(page, answer_form(page), {"remark": remark, "choice": choice})


def standings(source: Source) -> list[Standing]:
    return [asked.standing for asked in asked_at_desk(source)]


def test_a_consent_request_shows_exactly_what_to_whom_what_for_and_until_when(source: Source) -> None:
    ask(source, CONSENT)
    for page in (source.come_back(), come_to_request(source)):
        assert f'<div class="text exact" dir="auto">{CONSENT.text}</div>' in page.body.decode()
        assert CONSENT.recipient in page.text
        assert CONSENT.purpose in page.text
    assert "A yes would hold until 3 November 2024." in page.text
    assert [value for name, value in answer_form(page).buttons if name == "say"] == ["yes", "no", "ask"]


def test_a_yes_reaches_the_desk_and_a_no_on_another_day_takes_it_back(source: Source) -> None:
    ask(source, CONSENT)
    done = say(source, come_to_request(source), "yes")
    assert "Your answer arrived" in done.text
    assert standings(source) == [Standing.YES]
    source.intake.clock.day += 1
    say(source, come_to_request(source), "no", "I am afraid now.")
    assert standings(source) == [Standing.WITHDRAWN]
    assert ("", "I am afraid now.") in source.intake.received()


def test_what_is_unclear_is_asked(source: Source) -> None:
    ask(source, CONSENT)
    say(source, come_to_request(source), "ask", "Who reads it there?\r\n\0\u202eعربي")
    assert standings(source) == [Standing.ASKED_BACK]
    assert ("", "Who reads it there?\n\0\u202eعربي") in source.intake.received()


def test_a_choice_reaches_the_desk(source: Source) -> None:
    ask(source, QUESTION)
    page = come_to_request(source)
    assert all(choice in page.text for choice in QUESTION.choices)
    assert "Your answer arrived" in choose(source, page, "3", "Mondays").text
    [asked] = asked_at_desk(source)
    assert (asked.standing, asked.chosen) == (Standing.CHOSEN, (3,))


def test_the_page_is_the_same_before_and_after_an_answer(source: Source) -> None:
    ask(source, CONSENT, QUESTION)
    before = source.come_back(), come_to_request(source)
    choose(source, before[1], "2", "a secret remark")
    after = source.come_back(), come_to_request(source)
    assert list(map(unlike_each_other, before)) == list(map(unlike_each_other, after))
    assert "a secret remark" not in after[0].text + after[1].text


def unlike_each_other(page: Page) -> str:
    """The page without what differs between any two visits."""
    return re.sub(r'value="[0-9a-f]+(-[0-9a-f]+)?"|slot=[0-9a-f]+', "", page.body.decode())


def test_a_yes_can_be_taken_back_while_its_question_is_here_and_the_page_says_so(source: Source) -> None:
    ask(source, CONSENT)
    say(source, come_to_request(source), "yes")
    source.intake.clock.day += 1
    page = source.come_back()
    assert "Answer, or change your answer" in page.text
    assert "While a question is here, you can change your answer or take back a yes." in page.text
    source.intake.clock.day = CONSENT.until + 1
    assert "While a question is here" not in source.come_back().text


def test_the_host_keeps_an_answer_as_it_keeps_a_message(source: Source) -> None:
    """Same kind, same size, nothing in clear; and no row tells that the request was answered."""
    ask(source, CONSENT)
    page = come_to_request(source)
    before = database_words(source.intake)
    say(source, page, "no", "words to look for")
    page = source.come_back()
    source.browser.send(page, "a message")
    with source.intake.place.database.reading() as session:
        rows = session.connection().exec_driver_sql("SELECT kind, size, epoch FROM submitted_object").all()
    assert len(rows) == 2
    assert len(set(rows)) == 1
    files = b"".join(path.read_bytes() for path in source.intake.place.state.rglob("*") if path.is_file())
    runtime = b"".join(
        path.read_bytes() for path in (source.intake.place.state.parent / "runtime").rglob("*") if path.is_file()
    )
    assert b"words to look for" not in files + runtime
    assert CONSENT.digest not in files + runtime
    assert database_words(source.intake) == before


def database_words(intake: Intake) -> list[tuple[object, ...]]:
    with intake.place.database.reading() as session:
        return [tuple(row) for row in session.connection().exec_driver_sql("SELECT * FROM reply ORDER BY 1").all()]


@pytest.mark.parametrize(
    ("button", "remark", "reason"),
    [
        (("say", "ask"), "  \r\n", "Write your question"),
        (("say", "yes"), "but not my town", "exactly as it stands"),
        (("say", "maybe"), "kept", "Choose one"),
        (None, "kept", "Choose one"),
        (("choice", "1"), "kept", "Choose one"),
        (("say", "yes"), "ኣ" * (LONGEST_REMARK + 1), "longer than 2,000"),
    ],
)
def test_an_answer_that_is_not_taken_says_why_and_loses_nothing(
    source: Source, button: tuple[str, str] | None, remark: str, reason: str
) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    again = source.browser.submit(page, answer_form(page), {"remark": remark}, button=button)
    assert "This was not sent" in again.text
    assert reason in again.text
    assert CONSENT.text in again.body.decode()
    assert given_back(again) == ([remark.strip()] if remark.strip() else [])
    assert source.intake.objects() == 0
    assert "Your answer arrived" in say(source, again, "yes").text, "from that page"


@pytest.mark.parametrize("choice", ["", "0", "4", "7", "-1", "1\0", "１", "x" * 10_000])
def test_a_bent_choice_is_not_taken(source: Source, choice: str) -> None:
    ask(source, QUESTION)
    page = choose(source, come_to_request(source), choice, "kept")
    assert "Choose one" in page.text
    assert given_back(page) == ["kept"]
    assert source.intake.objects() == 0


def test_the_choice_made_stays_chosen_when_the_words_are_too_many(source: Source) -> None:
    ask(source, QUESTION)
    again = choose(source, come_to_request(source), "2", "x" * 4_500)
    assert answer_form(again).fields["choice"] == "2"
    assert given_back(again) == ["x" * 4_500]


def test_a_form_sent_twice_is_taken_once(source: Source) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    for _ in range(3):
        again = say(source, page, "yes")
    assert "It was not taken twice" in again.text
    assert source.intake.objects() == 1
    say(source, come_to_request(source), "yes")
    assert source.intake.objects() == 2


def test_a_no_is_never_taken_for_one_that_came_before(source: Source) -> None:
    """Around midnight: a no, a yes on a new page, and after Back the first page's no again."""
    ask(source, CONSENT)
    clock = source.intake.clock
    clock.seconds += SECONDS_A_DAY // 2 - 600
    page = come_to_request(source)
    say(source, page, "no")
    clock.seconds += 1_200
    say(source, source.browser.get(page.path), "yes")
    assert "Your answer arrived" in say(source, page, "no").text
    assert standings(source) == [Standing.WITHDRAWN]


def test_two_requests_are_answered_apart(source: Source) -> None:
    ask(source, CONSENT, QUESTION)
    page = source.come_back()
    question, consent = map(source.browser.get, links(page))
    say(source, consent, "no")
    choose(source, question, "1")
    assert standings(source) == [Standing.NO, Standing.CHOSEN]


def test_after_its_last_day_a_request_has_no_buttons_and_takes_no_answer(source: Source) -> None:
    ask(source, CONSENT)
    source.intake.clock.day = CONSENT.until
    stale = come_to_request(source)
    link = links(source.come_back())[0].split("&")[-1]
    source.intake.clock.day += 1
    page = source.come_back()
    assert "This question ended on" in page.text
    assert not links(page)
    assert "has ended, or it was erased" in source.browser.get(f"/answer?{link}").text
    late = source.browser.submit(page, answer_form(stale), fresh(page) | {"remark": "kept"}, button=("say", "yes"))
    assert "has ended, or it was erased" in late.text
    assert given_back(late) == ["kept"]
    assert source.intake.objects() == 0


def fresh(page: Page) -> dict[str, str]:
    """What makes another visit's form this visit's own."""
    form = page.form(having="files")
    return {name: form.fields[name] for name in ("token", "slot")}


def test_an_erased_request_is_gone_and_what_was_typed_to_it_is_not(source: Source) -> None:
    ask(source, CONSENT)
    page = source.come_back()
    asked = source.browser.get(links(page)[0])
    source.browser.erase(page, "reply")
    late = say(source, asked, "ask", "kept")
    assert "has ended, or it was erased" in late.text
    assert given_back(late) == ["kept"]
    assert source.intake.objects() == 0


def test_nobody_answers_for_another(intake: Intake) -> None:
    source = Source(intake)
    ask(source, CONSENT)
    form = answer_form(come_to_request(source))
    stranger = Source(intake)
    page = stranger.come_back()
    intake.received()
    refused = stranger.browser.submit(page, form, fresh(page), button=("say", "yes"))
    assert "has ended, or it was erased" in refused.text
    forged = stranger.browser.submit(page, form, button=("say", "yes"))
    assert "Please send that again" in forged.text
    reply = source.replies()[0].hex()
    assert "has ended, or it was erased" in stranger.browser.get(f"/answer?reply={reply}").text
    assert intake.objects() == 0


@pytest.mark.parametrize("reply", ["", "zz", "00", "ff" * 16, "0" * 10_000])
def test_a_bent_request_id_is_no_request(source: Source, reply: str) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    assert "has ended, or it was erased" in source.browser.submit(page, answer_form(page), {"reply": reply}).text
    assert "has ended, or it was erased" in source.browser.get(f"/answer?reply={reply}").text
    assert source.intake.objects() == 0


def test_a_plain_answer_cannot_be_answered_as_a_request(source: Source) -> None:
    source.intake.reply("an answer")
    ask(source, CONSENT)
    page = come_to_request(source)
    plain = source.replies()[-1].hex()
    assert "has ended, or it was erased" in source.browser.submit(page, answer_form(page), {"reply": plain}).text


def test_an_answer_never_brings_an_erased_mailbox_back(source: Source) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    other = source.intake.browser()
    other.erase(other.log_in(source.typed), "mailbox")
    say(source, page, "yes")
    assert source.intake.mailbox_of(source.words) is None
    assert source.intake.objects() == 0


def test_a_mailbox_that_is_erased_while_an_answer_comes_in_is_not_made_anew(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    place = source.intake.place
    begin = place.submissions.begin

    def late(*arguments: Any) -> Submission:
        place.replies.erase_mailbox(source.intake.mailbox_of(source.words))
        return begin(*arguments)

    monkeypatch.setattr(place.submissions, "begin", late)
    refused = say(source, page, "ask", "kept")
    assert "has ended, or it was erased" in refused.text
    assert given_back(refused) == ["kept"]
    assert source.intake.mailbox_of(source.words) is None
    assert source.intake.objects() == 0


def test_a_full_mailbox_and_a_closed_host_say_so_and_lose_nothing(open_intake: Callable[..., Intake]) -> None:
    for limits, reason in (
        ({"mailbox_bytes": 20 * KIB, "file_bytes": KIB}, "no more room for you"),
        ({"host_bytes": 20 * KIB, "mailbox_bytes": 20 * KIB, "file_bytes": KIB}, "cannot take messages"),
    ):
        source = Source(open_intake(**limits))
        ask(source, CONSENT)
        page = come_to_request(source)
        assert "Your answer arrived" in say(source, page, "yes").text
        again = come_to_request(source)
        refused = say(source, again, "no", "kept")
        assert reason in refused.text, limits
        assert given_back(refused) == ["kept"]
        source.intake.reply()
        assert "Your answer arrived" in say(source, again, "no", "kept").text, (
            "the same form, since nothing of it was kept"
        )


def test_hostile_words_stay_words(source: Source) -> None:
    ask(
        source,
        ConsentRequest(HOSTILE, HOSTILE[:100], HOSTILE, DAY + 9),
        Question(HOSTILE, (HOSTILE[:80], "{{ 7 * 7 }}")),
    )
    mailbox = source.come_back()
    for page in (mailbox, *map(source.browser.get, links(mailbox))):
        assert HOSTILE.split("&amp;")[0] in page.text
        assert "49" not in page.text.replace(HOSTILE, "")
        assert not [tag for tag, _ in structure(page) if tag == "xss"]


@pytest.mark.parametrize("character", ["'", "ኣ", "🕊"])
def test_the_longest_requests_fit_pages_whole(source: Source, character: str) -> None:
    longest = ConsentRequest(character * 2_000, character * 100, character * 400, DAY + 9)
    choices = tuple(f"{number}" + character * 149 for number in range(6))
    ask(source, longest, Question(character * 1_000, choices), *[longest] * 4)
    source.intake.reply("x" * 3_400, "x" * 3_400)
    page = source.come_back()
    seen = 0
    for number in range(1, 10):
        page = source.browser.get(f"/mailbox?page={number}")
        seen += len(links(page))
        for asked in map(source.browser.get, links(page)):
            refused = source.browser.submit(asked, answer_form(asked), {"remark": character * 3_500})
            assert given_back(refused) == [character * 3_500]
        if "Older" not in page.text:
            break
    assert seen == 6


def test_a_request_that_no_page_can_show_exactly_is_not_shown(source: Source) -> None:
    """A desk that was tampered with: the codec of ours refuses to make one."""
    ask(source, CONSENT)
    [reply_id] = source.replies()
    ref = source.intake.mailbox_of(source.words)
    assert ref is not None
    header = ObjectHeader(
        Kind.REPLY, source.intake.place.line.line, ref, reply_id, DAY, content_type=ContentType.REQUEST
    )
    turned = CONSENT.encode().replace("“".encode(), "\u202e".encode())
    put(source, reply_id, seal_object(source.intake.keys(source.words).identity.recipient, header, turned))
    page = source.come_back()
    assert "cannot be opened" in page.text
    assert not links(page)


def test_requests_stand_among_answers_newest_first_and_go_with_them(source: Source) -> None:
    source.intake.reply("first")
    ask(source, CONSENT)
    source.intake.reply("last")
    page = source.come_back()
    assert reply_texts(page) == ["last", CONSENT.purpose, "first"]
    gone = source.browser.erase(page, "all")
    assert not links(gone)
    assert not source.replies()


def test_more_than_the_form_can_hold_is_refused_and_what_a_browser_can_send_is_not(source: Source) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    [limit] = [int(given["maxlength"] or 0) for tag, given in structure(page) if tag == "textarea"]
    most = "ኣ" * (limit - 1) + "\n"
    assert given_back(say(source, page, "ask", most)) == [most.strip()]
    flood = {f"f{number}": "x" for number in range(10_000)}
    for fields in (flood, {"remark": "x" * MIB}):
        assert source.browser.submit(page, answer_form(page), fields, button=("say", "yes")).status == 413
    assert source.intake.objects() == 0


def test_a_file_is_no_answer(source: Source) -> None:
    ask(source, CONSENT)
    page = come_to_request(source)
    upload = [("remark", Upload.of("a.jpg", b"x"))]
    assert source.browser.submit(page, answer_form(page), files=upload, button=("say", "yes")).status == 400
    assert source.intake.objects() == 0


@pytest.mark.parametrize("path", ["/answer", "/answer?slot=&reply=", "/answer?slot=00000000&reply=00"])
def test_without_a_visit_no_request_is_shown(visitor: SourceBrowser, path: str) -> None:
    assert "Your visit has ended" in visitor.get(path).text


def test_messages_of_before_are_read_as_ever(source: Source) -> None:
    page = source.come_back()
    source.browser.send(page, "plain")
    source.intake.received()
    with source.intake.road.desk() as desk:
        [one] = desk.inbox.sources()
        entries = desk.inbox.conversation(one.source_id)
        assert [entry.kind for entry in entries] == [EntryKind.MESSAGE] * 2
        assert desk.requests.on_page([entry.entry_id for entry in entries]).answered == {}
