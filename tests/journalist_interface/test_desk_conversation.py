"""Reading and answering."""

import tracemalloc
from pathlib import Path

import pytest

from crypto.sealed_object import ObjectReader
from tests.journalist_interface.conftest import Host, bring, first_source
from tests.journalist_interface.desk_browser import DeskBrowser


def test_a_message_is_read_answered_and_the_answer_reaches_its_source(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    host.submit(source, "They asked about my brother.\nوهم يراقبون البيت", files={"note.txt": b"hello"})
    bring(host, browser)
    path = first_source(browser)
    page = browser.get(path)
    assert "They asked about my brother." in page.text
    assert "وهم يراقبون البيت" in page.text
    page = browser.send(f"{path}/reply", message="Stay calm.\r\nDo not call him.")
    assert "queued for the next export" in page.text
    browser.get("/carry")
    page = browser.send("/carry/export")
    assert "luwte-dispatch-" in page.text
    assert "dispatched in bundle" in browser.get(path).text
    host.deliver()
    ref = host.place.mailboxes.find(source.lookup)
    assert ref is not None
    [stored] = host.place.replies.list(ref)
    sealed = host.place.replies.read(stored.reply_id)
    import io

    assert ObjectReader(source.identity, io.BytesIO(sealed), len(sealed)).read_all() == b"Stay calm.\nDo not call him."
    host.submit(source, "thank you")
    bring(host, browser)
    assert "taken in by the intake host" in browser.get(path).text


def test_new_is_marked_until_read_and_can_be_marked_again(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "one", "two")
    bring(host, browser)
    path = first_source(browser)
    assert "2 new" in browser.get("/").text
    assert browser.get(path).html.count('<span class="tag new">new</span>') == 2
    assert "2 new" not in browser.get("/").text
    browser.get(path)
    assert '<span class="tag new">new</span>' not in browser.page.html
    browser.send(f"{path}/unread")
    assert "1 new" in browser.page.text


def test_sources_that_need_attention_come_first(host: Host, browser: DeskBrowser) -> None:
    first, second = host.source(), host.source()
    host.submit(first, "from the first")
    bring(host, browser)
    read = first_source(browser)
    browser.get(read)
    host.submit(second, "from the second")
    bring(host, browser)
    unread = first_source(browser)
    assert unread != read
    links = [link for link in browser.get("/").links if link.startswith("/source/")]
    assert links == [unread, read]


def test_a_form_sent_twice_queues_one_reply(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    fields = browser.page.form(f"{path}/reply").fields | {"message": "only once, please"}
    for _ in range(3):
        page = browser.post(f"{path}/reply", fields)
        assert browser.status == 200
    assert page.text.count("only once, please") == 1


@pytest.mark.parametrize(("typed", "reason"), [("", "empty"), (" \r\n ", "empty"), ("ä" * 8_001, "8,001")])
def test_a_refused_reply_says_why_and_keeps_what_was_typed(
    host: Host, browser: DeskBrowser, typed: str, reason: str
) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    page = browser.send(f"{path}/reply", message=typed)
    assert browser.status == 422
    assert reason in page.text
    assert page.form(f"{path}/reply").fields["message"] == typed.replace("\r\n", "\n")
    assert "queued for the next export" not in page.text
    page = browser.send(f"{path}/reply", message="ä" * 8_000)
    assert "queued for the next export" in page.text


def test_typed_line_ends_at_the_beginning_survive_a_refusal(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    typed = "\n\n  <b>&amp;" + "x" * 9_000
    assert browser.send(f"{path}/reply", message=typed).form(f"{path}/reply").fields["message"] == typed


def test_a_queued_reply_can_be_taken_back(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    browser.send(f"{path}/reply", message="too hasty")
    ask = next(
        link
        for link in browser.page.links
        if link.endswith("/delete") and "/entry/" in link and "Take back" in browser.page.html.split(link)[1][:30]
    )
    assert "It has not left this desk" in browser.get(ask).text
    page = browser.send(ask)
    assert "too hasty" not in page.text


def test_deleting_a_source_asks_first_and_leaves_nothing(host: Host, browser: DeskBrowser, state: Path) -> None:
    host.submit(host.source(), "delete me", files={"a.bin": b"x" * 100_000})
    bring(host, browser)
    path = first_source(browser)
    browser.get(f"{path}/delete")
    page = browser.send(f"{path}/delete")
    assert browser.status == 422
    assert "Tick the box" in page.text
    page = browser.send(f"{path}/delete", sure="yes")
    assert browser.status == 200
    assert path not in page.links
    assert not list((state / "files").iterdir())
    browser.get(path)
    assert browser.status == 404


def test_one_message_can_be_deleted_and_only_through_its_own_source(host: Host, browser: DeskBrowser) -> None:
    for words in ("from one", "from another"):
        host.submit(host.source(), words)
    bring(host, browser)
    one, other = (link for link in browser.get("/").links if link.startswith("/source/"))
    ask = next(link for link in browser.get(one).links if "/entry/" in link)
    foreign = ask.replace(one, other)
    browser.get(foreign)
    assert browser.status == 404
    browser.post(foreign, {"csrf": browser.get("/").forms[0].fields["csrf"]})
    assert browser.status == 404
    browser.get(ask)
    browser.send(ask)
    assert "Nothing is left" in browser.page.text
    assert "from" in browser.get(other).text


def test_a_source_that_closed_its_mailbox_cannot_be_answered(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    host.submit(source, "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    stale = browser.page.form(f"{path}/reply").fields | {"message": "a long answer"}
    ref = host.place.mailboxes.find(source.lookup)
    assert ref is not None
    host.place.replies.erase_mailbox(ref)
    bring(host, browser)
    page = browser.get(path)
    assert "closed this mailbox" in page.text
    assert not [form for form in page.forms if form.action.endswith("/reply")]
    page = browser.post(f"{path}/reply", stale)
    assert browser.status == 422
    assert page.form(f"{path}/reply").fields["message"] == "a long answer"


def test_a_flood_is_shown_in_pages(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    host.submit(source, *(f"message number {number}." for number in range(230)))
    bring(host, browser)
    path = first_source(browser)
    page = browser.get(path)
    assert "Page 1 of 3" in page.text
    assert page.html.count('<li id="entry-') == 100
    assert "Page 2 of 3" in browser.get(path).text, "the first page with something new"
    assert browser.get(f"{path}?page=3").html.count('<li id="entry-') == 30
    for strange in ("0", "-1", "99", "x", "9" * 400):
        browser.get(f"{path}?page={strange}")
        assert browser.status == 200


def test_a_look_at_one_page_marks_that_page_and_nothing_else(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    for number in range(150):  # each a submission of its own: their random numbers order them, not their arrival
        host.submit(source, f"message number {number}.")
    bring(host, browser)
    path = first_source(browser)
    assert browser.get(path).html.count('<span class="tag new">new</span>') == 100
    assert "50 new" in browser.get("/").text
    assert browser.get(path).html.count('<span class="tag new">new</span>') == 50
    assert "new</span>" not in browser.get("/").html


def test_only_the_texts_of_the_page_are_read_and_a_page_has_an_end(host: Host, browser: DeskBrowser) -> None:
    source = host.source()
    host.submit(source, *(f"{number:03}" + "ä" * 99_997 for number in range(30)), files={"a": b"x"})
    bring(host, browser)
    path = first_source(browser)
    ask = next(link for link in browser.get(path).links if "/entry/" in link)
    assert "Page 1 of 3" in browser.page.text
    assert browser.page.html.count('<li id="entry-') == 10
    numbers = {
        line[:3] for page in range(1, 4) for line in browser.get(f"{path}?page={page}").text.split() if "ä" in line
    }
    assert len(numbers) == 30, "nothing is left out"
    save = next(form for form in browser.page.forms if form.action.endswith("/save"))
    browser.get(path)
    unread = browser.page.form(f"{path}/unread")

    def weight(method: str, path: str, fields: dict[str, str] | None = None) -> int:
        tracemalloc.start()
        try:
            answer = browser.client.open(browser.root + path, method=method, base_url=browser.origin, data=fields)
            assert answer.status_code in (200, 303)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    # All 30 take 6 MB in the database's answer alone.
    assert weight("GET", ask) < 3_000_000
    assert weight("POST", save.action, save.fields) < 3_000_000
    assert weight("POST", unread.action, unread.fields) < 3_000_000


@pytest.mark.parametrize(
    "path", ["/source/99", "/source/99/delete", "/source/99999999999999999999999", "/source/-1", "/x"]
)
def test_what_is_not_there_is_said_in_plain_words(browser: DeskBrowser, path: str) -> None:
    page = browser.get(path)
    assert browser.status == 404
    assert "There is no such" in page.text
