"""Coming back: replies are shown, erased, and gone; an erased mailbox is unknown; leaving forgets the visit."""

import re
import sqlite3
import sys
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import select

from crypto.request import TURNING
from deploy.trial.browser import Page, Upload
from source_interface.reply_pages import safe_text
from store.intake.settings import MIB
from store.intake.tables import Grave
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import (
    BIDI,
    HOSTILE,
    SourceBrowser,
    given_back,
    structure,
    words_of,
)


class Source:
    """Somebody who has sent one message, and left."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        browser = intake.browser()
        given = browser.new_codename()
        self.words = words_of(given)
        browser.leave(browser.send(browser.go_on(given), "what I sent"))
        self.browser = intake.browser()

    @property
    def typed(self) -> str:
        return " ".join(self.words)

    def come_back(self) -> Page:
        self.browser = self.intake.browser()
        return self.browser.log_in(self.typed)

    def graves(self) -> list[bytes]:
        """The mailboxes of which the desk will be told that they were erased; nothing else is ever told."""
        with self.intake.place.database.reading() as session:
            return list(session.scalars(select(Grave.ref)))

    def replies(self) -> list[bytes]:
        ref = self.intake.mailbox_of(self.words)
        return [] if ref is None else [reply.reply_id for reply in self.intake.place.replies.list(ref)]


@pytest.fixture
def source(intake: Intake) -> Source:
    return Source(intake)


def reply_texts(page: Page) -> list[str]:
    return re.findall(r'<div class="text" dir="auto">(.*?)</div>', page.body.decode(), re.DOTALL)


def whats(page: Page) -> set[str]:
    """What the page offers to erase."""
    return {form.fields["what"] for form in page.forms if "what" in form.fields}


def test_a_mailbox_without_replies_says_so_and_shows_nothing_of_what_was_sent(source: Source) -> None:
    page = source.come_back()
    assert "what I sent" not in page.text
    assert page.form(having="files")
    assert whats(page) == {"mailbox"}
    assert not reply_texts(page)


def test_writing_again_reaches_the_same_source_at_the_desk(source: Source) -> None:
    page = source.come_back()
    source.browser.send(page, "what I sent next")
    assert sorted(text for _, text in source.intake.received()) == ["what I sent", "what I sent next"]
    with source.intake.road.desk() as desk:
        assert len(desk.inbox.sources()) == 1


def test_replies_stand_newest_first_with_their_day_and_their_lines(source: Source) -> None:
    source.intake.reply("the first answer", "the second\n\n  answer,\tنحن نقرأ\nኢና 帮助 🕊")
    source.intake.reply("the third answer")
    page = source.come_back()
    assert reply_texts(page) == ["the third answer", "the second\n\n  answer,\tنحن نقرأ\nኢና 帮助 🕊", "the first answer"]
    assert page.text.count("4 October 2024") == 3
    assert whats(page) == {"reply", "all", "mailbox"}


def test_a_reply_is_text_whatever_it_looks_like(source: Source) -> None:
    link = "https://example.org/a?b=c&d http://x.onion/ mailto:a@b.c www.example.org"
    source.intake.reply(f"{HOSTILE}\n{link}\n{BIDI}\x07\x1b[31m\u2028\u0085")
    page = source.come_back()
    assert link in page.text
    assert HOSTILE.split("&amp;")[0] in page.text
    assert all(
        value.startswith(("/", "#"))
        for _, given in structure(page)
        if (value := given.get("href")) and value != "data:,"
    )
    shown = page.body.decode()
    assert not set(BIDI + "\x07\x1b\u0085") & set(shown)


def test_every_character_that_turns_or_controls_is_taken_out_and_no_other() -> None:
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    kept = (one if one in "\n\t" or unicodedata.category(one) not in ("Cc", "Cs") else "\ufffd" for one in every)
    expected = "".join(shown for shown in kept if shown not in TURNING)
    assert safe_text(every) == expected


@pytest.mark.parametrize("length", [1, 3_399, 3_400, 3_401, 20_000, 100_000])
@pytest.mark.parametrize("character", ["x", "<", "'", "ኣ", "🕊"])
def test_a_long_reply_is_shown_whole_over_pages_that_all_fit(
    standing_source: Source, length: int, character: str
) -> None:
    source = standing_source
    text = "".join(f"{n:08}"[-8:] + character for n in range(length // 9)) + character * (length % 9)
    source.intake.reply(text)
    page = source.come_back()
    shown = ""
    for _ in range(100):
        shown += "".join(reply_texts(page)).replace("&lt;", "<").replace("&#39;", "'")
        older = [link for link in page.links if "page=" in link]
        if not older or page.path == older[-1] or "Older" not in page.text:
            break
        page = source.browser.get(older[-1].replace("&amp;", "&"))
    assert shown == text
    source.browser.erase(source.browser.get("/mailbox"), "all")


@pytest.fixture(scope="module")
def standing_source(standing: Intake) -> Source:
    return Source(standing)


def test_a_page_number_out_of_range_shows_the_nearest(source: Source) -> None:
    source.intake.reply("x" * 30_000)
    source.come_back()
    first, last = source.browser.get("/mailbox?page=0"), source.browser.get("/mailbox?page=999999")
    assert reply_texts(first)
    assert reply_texts(last)
    assert first.text != last.text


def test_a_reply_that_cannot_be_opened_is_said_to_be_so_and_can_be_erased(source: Source) -> None:
    source.intake.reply("damaged", "missing", "misplaced", "whole")
    blobs = source.intake.place.blobs
    _, misplaced, missing, damaged = source.replies()
    sealed = bytearray(b"".join(blobs.read(damaged)))
    sealed[-1] ^= 1
    put(source, damaged, bytes(sealed))
    blobs.delete(missing)
    put(source, misplaced, b"no age file at all")
    page = source.come_back()
    assert reply_texts(page) == ["whole"]
    forms = [form for form in page.forms if form.fields.get("what") == "reply"]
    assert len(forms) == 4
    for form in forms:
        page = source.browser.submit(page, form)
    assert not source.replies()
    assert not source.graves()


def put(source: Source, reply_id: bytes, data: bytes) -> None:
    writer = source.intake.place.blobs.create(reply_id)
    writer.write(data)
    writer.finish()


def test_a_reply_for_somebody_else_is_never_shown(intake: Intake) -> None:
    """The host's rows point a reply at the wrong mailbox: its key does not open it."""
    source = Source(intake)
    intake.reply("not for the other one")
    other = Source(intake)
    with sqlite3.connect(intake.place.state / "intake.sqlite") as connection:
        connection.execute("UPDATE reply SET mailbox_ref = ?", (intake.mailbox_of(other.words),))
    connection.close()
    page = other.come_back()
    assert not reply_texts(page)
    assert "reply" in whats(page)
    assert not reply_texts(source.come_back())


def test_erasing_one_reply(source: Source) -> None:
    source.intake.reply("keep", "erase")
    page = source.come_back()
    _, oldest = source.replies()
    page = source.browser.erase(page, "reply")
    assert reply_texts(page) == ["keep"]
    assert source.replies() == [oldest]
    assert not source.graves()
    assert reply_texts(source.come_back()) == ["keep"]
    assert source.intake.blobs() == 1, "the other reply; the message is at the desk"


def test_erasing_a_reply_twice_or_one_of_somebody_else_does_nothing(intake: Intake) -> None:
    source = Source(intake)
    intake.reply("an answer")
    page = source.come_back()
    form = next(form for form in page.forms if form.fields.get("what") == "reply")
    other = Source(intake)
    others_page = other.come_back()
    erase = next(form for form in others_page.forms if form.fields.get("what") == "mailbox")
    answer = other.browser.submit(others_page, erase, {"what": "reply", "reply": form.fields["reply"]})
    assert answer.status == 200
    assert source.replies()
    for _ in range(2):
        assert source.browser.submit(page, form).status == 200
    assert not source.replies()
    assert not source.graves()


@pytest.mark.parametrize("reply", ["", "zz", "00", "ff" * 16, "0" * 10_000, "é"])
def test_a_bent_reply_id_erases_nothing(source: Source, reply: str) -> None:
    source.intake.reply("an answer")
    page = source.come_back()
    form = next(form for form in page.forms if form.fields.get("what") == "reply")
    source.browser.submit(page, form, {"reply": reply})
    assert len(source.replies()) == 1
    assert not source.graves()


def test_erasing_all_replies_asks_first(source: Source) -> None:
    source.intake.reply("one", "two")
    page = source.come_back()
    replies = source.replies()
    source.browser.erase(page, "all", sure=False)
    assert source.replies() == replies
    page = source.browser.erase(page, "all")
    assert not reply_texts(page)
    assert page.form(having="files"), "the mailbox stays"
    assert not source.replies()
    assert not source.graves()


def test_erasing_the_mailbox_asks_first_and_leaves_nothing_but_a_tombstone(source: Source) -> None:
    source.intake.reply("an answer")
    page = source.come_back()
    source.browser.send(page, "not yet collected", [("file", b"x" * 9_000)])
    ref = source.intake.mailbox_of(source.words)
    source.browser.erase(page, "mailbox", sure=False)
    assert source.intake.mailbox_of(source.words) == ref
    assert source.intake.objects() == 2
    gone = source.browser.erase(page, "mailbox")
    assert {form.action for form in gone.forms} == {"/language/erased", "/leave"}
    assert source.intake.mailbox_of(source.words) is None
    assert source.intake.objects() == 0
    assert ref in source.graves()


def test_an_erased_mailbox_is_as_unknown_as_one_that_never_was(source: Source) -> None:
    page = source.come_back()
    source.browser.erase(page, "mailbox")
    erased = source.come_back()
    never = source.intake.browser().log_in(" ".join(reversed(source.words)))
    assert erased.form(having="codename")
    assert erased.text == never.text
    assert erased.status == never.status


def test_no_tab_can_bring_an_erased_mailbox_back(source: Source) -> None:
    """Not the tab that erased it, nor another that used the same codename."""
    one = source.come_back()
    two = source.browser.log_in(source.typed)
    assert one.form(having="files").fields["slot"] != two.form(having="files").fields["slot"]
    source.browser.erase(one, "mailbox")
    for page in (one, two):
        refused = source.browser.send(page, "too late")
        assert not [form for form in refused.forms if "message" in form.names]
    assert source.intake.mailbox_of(source.words) is None
    assert source.intake.objects() == 0


@pytest.mark.parametrize("sent_before", [True, False])
def test_an_upload_that_was_on_its_way_does_not_bring_an_erased_mailbox_back(
    open_intake: Callable[..., Intake], sent_before: bool
) -> None:
    """Neither when the mailbox was there as it began, nor when another tab's first message made it meanwhile."""
    intake = open_intake(file_bytes=4 * MIB)
    browser = intake.browser()
    given = browser.new_codename()
    mailbox = browser.go_on(given)
    if sent_before:
        mailbox = browser.send(mailbox, "the first message")

    def pieces() -> Iterator[bytes]:
        yield bytes(3 * MIB)
        intake.await_blob_bytes(MIB)
        other = browser.send(mailbox, "from another tab", form="another")
        browser.erase(other, "mailbox")
        yield bytes(1)

    form = mailbox.form(having="files")
    upload = Upload("large", 3 * MIB + 1, pieces)
    page = browser.submit(mailbox, form, {"message": "too late"}, [("files", upload)])
    assert page.status == 200
    assert "The mailbox was erased while this was coming in" in page.text
    assert given_back(page) == ["too late"]
    assert intake.mailbox_of(words_of(given)) is None
    assert intake.blobs() == intake.objects() == 0


def test_after_another_browser_erased_the_mailbox_the_same_visit_begins_a_new_one(
    intake: Intake, browser: SourceBrowser
) -> None:
    given = browser.new_codename()
    mailbox = browser.send(browser.go_on(given), "first")
    intake.received()
    other = intake.browser()
    other.erase(other.log_in(" ".join(words_of(given))), "mailbox")
    intake.reply()
    for text in ("second", "third"):
        mailbox = browser.send(mailbox, text)
        assert "Your message arrived." in mailbox.text
    assert sorted(text for _, text in intake.received()) == ["first", "second", "third"]
    with intake.road.desk() as desk:
        assert sorted(source.can_reply for source in desk.inbox.sources()) == [False, True]


def test_leaving_deletes_the_row_and_gives_a_fresh_cookie(source: Source) -> None:
    page = source.come_back()
    cookie = source.browser.cookies["luwte"]
    before = session_rows(source.intake)
    source.browser.leave(page)
    assert session_rows(source.intake) == before - 1
    assert source.browser.cookies["luwte"] != cookie
    source.browser.cookies = {"luwte": cookie}
    back = source.browser.get("/mailbox")
    assert not [form for form in back.forms if "files" in form.names], "the old cookie opens nothing"


def session_rows(intake: Intake) -> int:
    with sqlite3.connect(intake.road.host_state.parent / "runtime" / "sessions.sqlite") as connection:
        (count,) = connection.execute("SELECT count(*) FROM browser_session").fetchone()
    connection.close()
    return int(count)


def test_nine_tabs_push_out_the_first_and_break_no_other(intake: Intake, browser: SourceBrowser) -> None:
    """Each with a note about a broken connection waiting for it."""
    mailboxes = [browser.open_new_mailbox() for _ in range(9)]
    assert browser.get(mailboxes[0].path).form(action="/leave")
    assert not [form for form in browser.get(mailboxes[0].path).forms if "files" in form.names]
    for mailbox in mailboxes[1:]:
        browser.break_off(mailbox, "hello", [("file", b"x" * 999)], keep=-500)
    last = browser.open_new_mailbox()
    browser.break_off(last, "hello", [("file", b"x" * 999)], keep=-500)
    for mailbox in [*mailboxes[2:], last]:
        page = browser.get(mailbox.path)
        assert page.form(having="files")
        assert page.body.decode().count('role="status"') == 1, "its note"


def test_two_people_never_see_each_others_pages(intake: Intake) -> None:
    one, two = Source(intake), Source(intake)
    first, second = one.come_back(), two.come_back()
    stolen = first.form(having="files").fields["slot"]
    page = two.browser.get(f"/mailbox?slot={stolen}")
    assert not [form for form in page.forms if "files" in form.names]
    assert second.form(having="files").fields["slot"] != stolen
