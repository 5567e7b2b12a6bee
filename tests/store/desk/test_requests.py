"""Requests and their answers at a real desk, over real bundles, from a host that can also lie."""

import io
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from crypto.request import ConsentRequest, Question, Request, Response, Say, decode_request
from crypto.sealed_object import ContentType, Kind, ObjectReader
from store.desk.asking import Asked
from store.desk.consent import Standing
from store.desk.errors import CannotReplyError, GoneError
from store.desk.model import EntryKind
from store.desk.place import DeskPlace
from store.desk.request_record import What
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost, PaperSource, Sealed

CONSENT = ConsentRequest(
    "Somebody in Utrecht was told:\n“Your brother will pay.”", "Police, unit T", "to protect you", 20_030
)
QUESTION = Question("May we call you?", ("Yes", "No", "Later"))


@pytest.fixture
def source(desk: DeskPlace, host: PaperHost) -> PaperSource:
    """One source that has written."""
    return writing(desk, host)


def writing(desk: DeskPlace, host: PaperHost) -> PaperSource:
    source = PaperSource()
    desk.importing.import_bundle(host.collect([host.message(source, "hello")]))
    return source


def number_of(desk: DeskPlace, source: PaperSource) -> int:
    with desk._database.reading() as connection:
        found = connection.exec_driver_sql("SELECT id FROM sources WHERE mailbox_ref = ?", (source.mailbox_ref,))
        return int(found.scalar_one())


def ask(desk: DeskPlace, host: PaperHost, source: PaperSource, asked: Request = CONSENT) -> tuple[int, bytes]:
    """Ask, and carry it to the host: the entry's number, and the request's id."""
    before = set(host.replies)
    entry_id = desk.requests.ask(number_of(desk, source), asked)
    desk.exporting.export(host.stick)
    host.read_dispatches()
    [request_id] = set(host.replies) - before
    return entry_id, request_id


def answer(
    host: PaperHost, source: PaperSource, request_id: bytes, say: str = "yes", asked: Request = CONSENT, **bent: Any
) -> Sealed:
    choice, remark, digest = bent.pop("choice", None), bent.pop("remark", ""), bent.pop("digest", asked.digest)
    response = Response(request_id, digest, Say(say), choice, remark)
    content = bent.pop("content", response.encode())
    return host.seal(Kind.MESSAGE, source, content, content_type=ContentType.RESPONSE, **bent)


def take(desk: DeskPlace, host: PaperHost, *sealed: Sealed) -> tuple[str, ...]:
    return desk.importing.import_bundle(host.collect(sealed)).alarms


def asked_at(desk: DeskPlace, entry_id: int) -> Asked:
    return desk.requests.on_page([entry_id]).asked[entry_id]


def test_a_request_reaches_its_source_to_the_letter_and_looks_like_any_reply(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    _, request_id = ask(desk, host, source)
    sealed = host.replies[request_id]
    reader = ObjectReader(source.identity, io.BytesIO(sealed), len(sealed))
    assert (reader.header.kind, reader.header.content_type) == (Kind.REPLY, ContentType.REQUEST)
    assert decode_request(reader.read_all()) == CONSENT
    desk.replies.reply(number_of(desk, source), "ok")
    desk.exporting.export(host.stick)
    host.read_dispatches()
    assert {len(one) for one in host.replies.values()} == {len(sealed)}
    assert {entry.kind for manifest in host.manifests for entry in manifest.objects} == {Kind.REPLY}


def test_a_yes_makes_consent_stand_and_a_later_no_ends_it(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    assert desk.requests.standing(entry_id) is Standing.WAITING
    clock.day += 1
    assert take(desk, host, answer(host, source, request_id)) == ()
    assert desk.requests.standing(entry_id) is Standing.YES
    clock.day += 1
    take(desk, host, answer(host, source, request_id, "no"))
    asked = asked_at(desk, entry_id)
    assert asked.standing is Standing.WITHDRAWN
    assert [(one.what or one.say, one.day, one.handler) for one in asked.events] == [
        (What.ASKED, 20_000, "Ann"),
        (Say.YES, 20_001, None),
        (Say.NO, 20_002, None),
    ]


def test_the_longest_request_and_answer_fit_the_bucket_of_the_shortest(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    longest = ConsentRequest("🕊" * 2_000, "🕊" * 100, "🕊" * 400, 20_030)
    _, request_id = ask(desk, host, source, longest)
    _, other = ask(desk, host, source)
    assert len(host.replies[request_id]) == len(host.replies[other])
    sealed = answer(host, source, request_id, "ask", longest, remark="🕊" * 2_000)
    assert len(sealed.data) == len(host.message(source, "x").data)


def test_consent_ends_after_its_last_day(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    take(desk, host, answer(host, source, request_id))
    clock.day = CONSENT.until
    assert desk.requests.standing(entry_id) is Standing.YES
    clock.day += 1
    assert desk.requests.standing(entry_id) is Standing.ENDED


def test_an_answer_shows_as_a_message_of_its_own(desk: DeskPlace, host: PaperHost, source: PaperSource) -> None:
    entry_id, request_id = ask(desk, host, source, QUESTION)
    take(desk, host, answer(host, source, request_id, "choice", QUESTION, choice=3, remark="after six"))
    asked = asked_at(desk, entry_id)
    assert (asked.standing, asked.chosen) == (Standing.CHOSEN, (3,))
    entry = desk.inbox.conversation(number_of(desk, source))[-1]
    assert (entry.kind, entry.text, entry.unread) == (EntryKind.MESSAGE, "after six", True)
    answered = desk.requests.on_page([entry.entry_id]).answered[entry.entry_id]
    assert (answered.say, answered.choice, answered.fits, answered.asked_in) == (Say.CHOICE, "Later", True, entry_id)


def test_a_yes_to_another_text_does_not_count_and_is_an_alarm(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    entry_id, request_id = ask(desk, host, source)
    other = ConsentRequest(CONSENT.text + " I know him.", CONSENT.recipient, CONSENT.purpose, CONSENT.until)
    [alarm] = take(desk, host, *(answer(host, source, request_id, asked=other) for _ in range(3)))
    assert "does not fit what was asked" in alarm
    assert [note.text for note in desk.journal.alarms()] == [alarm]
    assert desk.requests.standing(entry_id) is Standing.WAITING


def test_a_no_counts_even_when_it_does_not_fit(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    take(desk, host, answer(host, source, request_id))
    clock.day += 1
    assert take(desk, host, answer(host, source, request_id, "no", digest=bytes(32))) == ()
    assert desk.requests.standing(entry_id) is Standing.WITHDRAWN


def test_an_answer_to_anothers_request_counts_for_nobody(desk: DeskPlace, host: PaperHost, source: PaperSource) -> None:
    entry_id, request_id = ask(desk, host, source)
    stranger = writing(desk, host)
    [alarm] = take(desk, host, answer(host, stranger, request_id))
    assert "does not fit" in alarm
    assert take(desk, host, answer(host, stranger, request_id, "no")) == ()
    assert desk.requests.standing(entry_id) is Standing.WAITING
    entry = desk.inbox.conversation(number_of(desk, stranger))[-1]
    answered = desk.requests.on_page([entry.entry_id]).answered[entry.entry_id]
    assert (answered.fits, answered.asked_in) == (False, None)


def test_an_answer_to_what_was_never_asked_is_shown_and_counts_for_nothing(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    assert take(desk, host, answer(host, source, b"?" * 16, "no", remark="I do not agree")) == ()
    entry = desk.inbox.conversation(number_of(desk, source))[-1]
    assert entry.text == "I do not agree"
    answered = desk.requests.on_page([entry.entry_id]).answered[entry.entry_id]
    assert (answered.say, answered.fits, answered.asked_in) == (Say.NO, False, None)


def test_an_older_yes_that_the_host_held_back_does_not_undo_a_no(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    held_back = answer(host, source, request_id)
    clock.day += 1
    take(desk, host, answer(host, source, request_id, "no"))
    take(desk, host, held_back)
    assert desk.requests.standing(entry_id) is Standing.WITHDRAWN


def test_a_yes_that_is_brought_twice_does_not_undo_a_no(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    yes = answer(host, source, request_id)
    take(desk, host, yes)
    clock.day += 1
    take(desk, host, answer(host, source, request_id, "no"))
    clock.day += 1
    take(desk, host, yes)
    assert desk.requests.standing(entry_id) is Standing.WITHDRAWN


def test_a_yes_with_another_key_does_not_count(desk: DeskPlace, host: PaperHost, source: PaperSource) -> None:
    entry_id, request_id = ask(desk, host, source)
    impostor = PaperSource(source.mailbox_ref)
    [alarm] = take(desk, host, answer(host, impostor, request_id))
    assert "another reply key" in alarm
    assert desk.requests.standing(entry_id) is Standing.WAITING


@pytest.mark.parametrize("content", [b"", b"yes", b"\xff", b"\xa1av\x01", CONSENT.encode()])
def test_an_answer_that_is_none_is_damage_and_breaks_nothing(
    desk: DeskPlace, host: PaperHost, source: PaperSource, content: bytes
) -> None:
    entry_id, request_id = ask(desk, host, source)
    report = desk.importing.import_bundle(
        host.collect([answer(host, source, request_id, content=content), host.message(source, "whole")])
    )
    assert (report.messages, report.damaged) == (1, 1)
    assert desk.requests.standing(entry_id) is Standing.WAITING


def test_deleting_the_message_that_said_no_does_not_bring_the_yes_back(
    desk: DeskPlace, host: PaperHost, source: PaperSource, clock: SetClock
) -> None:
    entry_id, request_id = ask(desk, host, source)
    take(desk, host, answer(host, source, request_id))
    clock.day += 1
    take(desk, host, answer(host, source, request_id, "no"))
    no = desk.inbox.conversation(number_of(desk, source))[-1]
    desk.inbox.delete_entry(no.entry_id)
    assert desk.requests.standing(entry_id) is Standing.WITHDRAWN


def test_the_record_is_neither_changed_nor_deleted_but_with_its_source(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    _, request_id = ask(desk, host, source)
    take(desk, host, answer(host, source, request_id, "no"))
    for statement in ("UPDATE request_events SET what = 'yes'", "DELETE FROM request_events"):
        with (
            pytest.raises(IntegrityError, match="the record of requests is never"),
            desk._database.writing() as writing,
        ):
            writing.exec_driver_sql(statement)
    desk.inbox.delete_source(number_of(desk, source))
    with desk._database.reading() as reading:
        assert reading.exec_driver_sql("SELECT count(*) FROM request_events").scalar() == 0
        assert reading.exec_driver_sql("SELECT count(*) FROM requests").scalar() == 0


def test_a_request_that_is_taken_back_gives_no_consent_any_more(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    entry_id, request_id = ask(desk, host, source)
    take(desk, host, answer(host, source, request_id))
    desk.replies.withdraw(entry_id)
    desk.replies.withdraw(entry_id)
    asked = asked_at(desk, entry_id)
    assert asked.standing is Standing.TAKEN_BACK
    assert [one.what for one in asked.events].count(What.TAKEN_BACK) == 1
    desk.exporting.export(host.stick)
    [manifest] = host.read_dispatches()
    assert [one.ref for one in manifest.tombstones] == [request_id]


def test_a_request_that_never_left_can_be_taken_back_and_answers_to_it_fit_nothing(
    desk: DeskPlace, host: PaperHost, source: PaperSource
) -> None:
    entry_id = desk.requests.ask(number_of(desk, source), CONSENT)
    with desk._database.reading() as reading:
        request_id = reading.exec_driver_sql("SELECT request_id FROM request_events").scalar_one()
    desk.replies.withdraw(entry_id)
    assert desk.requests.standing(entry_id) is None
    assert take(desk, host, answer(host, source, request_id)) == ()
    entry = desk.inbox.conversation(number_of(desk, source))[-1]
    assert not desk.requests.on_page([entry.entry_id]).answered[entry.entry_id].fits


def test_nothing_is_asked_of_a_source_that_cannot_be_reached(desk: DeskPlace, host: PaperHost) -> None:
    with pytest.raises(GoneError):
        desk.requests.ask(99, CONSENT)
    sealed = host.message(PaperSource(), "x", entry_object_id=b"o" * 16)
    desk.importing.import_bundle(host.collect([sealed]))
    [unreadable] = desk.inbox.sources()
    with pytest.raises(CannotReplyError):
        desk.requests.ask(unreadable.source_id, CONSENT)
    with desk._database.reading() as reading:
        assert reading.exec_driver_sql("SELECT count(*) FROM request_events").scalar() == 0
