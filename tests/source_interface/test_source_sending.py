"""Sending: everything that can be sent, everything that can be refused, and what the page says about it."""

import hashlib
import io
import os
import re
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from werkzeug.test import EnvironBuilder

from deploy.trial.browser import Page, Upload, multipart
from source_interface import wording
from source_interface.derivation import Derivation
from source_interface.receive import TooMuchError, receive
from source_interface.services import EXTENSION
from store.intake.settings import KIB, MIB
from tests.source_interface.conftest import TEST_KDF, Intake, size_now
from tests.source_interface.source_browser import SourceBrowser, given_back, words_of


@pytest.fixture
def mailbox(browser: SourceBrowser) -> Page:
    return browser.open_new_mailbox()


def said(message: bool = False, files: tuple[str, ...] = (), not_whole: str = "") -> str:
    """What the product says of this receipt."""
    sentences = ["Your message arrived."] if message else []
    if files:
        count = "1 file" if len(files) == 1 else f"{len(files)} files"
        sentences.append(f"{count} arrived whole: {' '.join(map(wording.file_name, files))}")
    if not_whole:
        sentences.append(f"Then the connection broke off. Not whole, and not kept: {not_whole}")
        sentences.append("Please send what is missing again.")
    return " ".join(sentences)


def told(page: Page) -> str:
    """A page's text without the sizes of files."""
    return re.sub(r" · [0-9.,]+ (bytes?|KiB|MiB)", "", page.text)


def problems(page: Page) -> int:
    """How many notices of a page are alerts."""
    return page.body.decode().count('role="alert"')


def test_a_message_alone(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    text = "Zij bellen mijn broer.\n\n\tتلقيت تهديدات\nኣብ ቆንስል\n他们知道 🕊"
    page = browser.send(mailbox, text)
    assert said(message=True) in page.text
    assert not problems(page)
    assert given_back(page) == [], "what was sent is not shown again"
    assert intake.received() == [("", text)]


def test_files_alone(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    files = [("empty", b""), ("one", b"x"), ("larger.jpg", os.urandom(200 * KIB)), ("one", b"the same name")]
    page = browser.send(mailbox, "", files)
    assert said(files=tuple(name for name, _ in files)) in told(page)
    assert not problems(page)
    for line in ("empty · 0 bytes", "one · 1 byte", "larger.jpg · 200 KiB", "one · 13 bytes"):
        assert line in page.text
    assert sorted(intake.received()) == sorted(files)


def test_what_unpacks_to_far_more_is_kept_as_it_is_and_never_unpacked(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(64 * MIB))
    files = [("bomb.zip", bomb.getvalue()), ("sheet.docx", bomb.getvalue())]
    assert len(files[0][1]) < 256 * KIB
    assert not problems(browser.send(mailbox, "", files))
    assert sum(map(size_now, intake.blob_files())) < 1 * MIB
    assert sorted(intake.received()) == files


def test_a_file_that_looks_like_the_form_is_kept_to_the_byte(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    files = [("a", b"\r\n--\r\n----luwte" * 500), ("b", b"\r\n" * 999), ("c", b"--" * 999), ("d", bytes(100 * KIB))]
    browser.send(mailbox, "", files)
    assert sorted(intake.received()) == files


def test_an_empty_form_is_told_so(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    for blank in ("", "   \r\n\t "):
        page = browser.send(mailbox, blank, [("", b"")])
        assert problems(page) == 1
        assert page.form(having="files")
    assert intake.blobs() == 0


def test_a_form_without_any_file_part_or_urlencoded(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    fields = mailbox.form(having="files").fields
    page = browser.post("/mailbox", {**fields, "message": "urlencoded"})
    assert said(message=True) in page.text
    assert intake.received() == [("", "urlencoded")]


def test_a_file_without_a_name_is_kept(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    page = browser.send(mailbox, "with a nameless file", [("", b"content of it")])
    assert "1 file" in page.text
    assert b"content of it" in [content for _, content in intake.received()]


def test_as_many_files_as_allowed_and_one_more(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    files = [(f"file-{number}", bytes([number])) for number in range(21)]
    page = browser.send(mailbox, "", files[:20])
    assert not problems(page)
    page = browser.send(browser.get("/mailbox"), "", files)
    assert said(files=tuple(f"file-{number}" for number in range(20))) in told(page)
    assert problems(page) == 1
    refused = page.body.decode().partition('role="alert"')[2]
    assert "file-20" in refused
    assert "file-19<" not in refused
    assert intake.objects() == 40


def test_three_hundred_files_are_answered_and_the_first_twenty_kept(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    page = browser.send(mailbox, "hello", [(f"{number}.jpg", b"x" * 999) for number in range(300)])
    assert page.status == 200
    assert problems(page) == 1
    assert intake.objects() == 21


def test_more_parts_than_any_form_has_keep_what_arrived_whole(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    page = browser.send(mailbox, "hello", [(f"{number}", b"") for number in range(2_000)])
    assert problems(page) == 1
    assert intake.objects() == intake.blobs() == 21


def test_headers_of_parts_have_a_bound_since_taking_them_apart_is_slow(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    page = browser.send(mailbox, "hello", [("n" * 12_000 + f"{number}", b"x") for number in range(20)])
    assert not problems(page)
    for files in ([("n" * 300_000, b"x")], [("n" * 2_000_000, b"x")], [("n" * 9_000, b"x")] * 100):
        page = browser.send(page, "again", files)
        assert page.status == 200
        assert problems(page) == 1
        assert said(message=True) in page.text or "too much" in page.text.lower()


def test_fields_that_are_too_long_share_one_bound(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    boundary, field = "b", b'\r\n--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
    request = EnvironBuilder(
        method="POST",
        content_type=f"multipart/form-data; boundary={boundary}",
        data=b"--b" + field[5:] + (b"x" * (8 << 20) + field) * 9 + b"\r\n--b--\r\n",
    ).get_request()
    with pytest.raises(TooMuchError):
        list(receive(request, most_field_bytes=1_000))


def test_a_file_that_is_too_large_gets_its_page_and_the_others_are_kept(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    limit = intake.place.settings.file_bytes
    page = browser.send(mailbox, "hello", [("before", b"1"), ("large", bytes(limit + 1)), ("after", b"2")])
    assert said(message=True, files=("before", "after")) in told(page)
    assert problems(page) == 1
    assert f"larger than {limit // KIB} KiB" in page.text
    assert "large" in page.body.decode().partition('role="alert"')[2]
    assert intake.blobs() == intake.objects() == 3
    assert not problems(browser.send(browser.get("/mailbox"), "", [("exact", bytes(limit))]))


def test_what_is_thrown_away_is_read_within_a_bound(open_intake: Callable[..., Intake]) -> None:
    """The answer comes after the bound, although the sender has far more to send."""
    intake = open_intake(drain_bytes=2 * MIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    sent = [0]

    def pieces() -> Iterator[bytes]:
        for _ in range(8 * 16):
            sent[0] += 1
            yield bytes(64 * KIB)

    form = mailbox.form(having="files")
    page = browser.submit(mailbox, form, {"message": "kept"}, [("files", Upload("huge", 8 * MIB, pieces))])
    assert said(message=True) in page.text
    assert problems(page) == 1
    assert "huge" in page.text
    assert intake.objects() == intake.blobs() == 1


@pytest.mark.parametrize(("characters", "kept"), [(100_000, True), (100_001, False), (600_000, False)])
def test_a_message_of_the_greatest_length_and_longer(
    intake: Intake, browser: SourceBrowser, mailbox: Page, characters: int, kept: bool
) -> None:
    text = "ኣ" * (characters - 1) + "\n" + "." if characters == 100_001 else "ኣ" * characters
    page = browser.send(mailbox, text, [("file", b"beside it")])
    assert ("", text) in intake.received() if kept else intake.objects() == 1
    assert problems(page) == (0 if kept else 1)
    # As much of it as fits the page, and the page says so.
    assert [text.startswith(one) and len(one) > 1_000 for one in given_back(page)] == ([] if kept else [True])
    assert ("the rest is too long to show here" in page.text) is not kept


def test_a_mailbox_that_is_full_says_so_and_gives_the_text_back(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(mailbox_bytes=600 * KIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    page = browser.send(mailbox, "first", [(str(number), bytes(200 * KIB)) for number in range(4)])
    assert said(message=True, files=("0", "1")) in told(page)
    assert problems(page) == 1
    page = browser.send(page, "second", [("more", bytes(200 * KIB))])
    assert problems(page) == 1
    for text in ("third", "fourth"):
        page = browser.send(page, text)
        assert not problems(page)
    page = browser.send(page, "I do not want to type this again", [("more", b"x")])
    assert given_back(page) == ["I do not want to type this again"]
    assert intake.blobs() == intake.objects()
    other = intake.browser()
    assert not problems(other.send(other.open_new_mailbox(), "from somebody else")), "others have room"


def test_what_another_tab_filled_meanwhile_is_refused_by_name_and_the_rest_is_kept(
    open_intake: Callable[..., Intake],
) -> None:
    intake = open_intake(file_bytes=4 * MIB, mailbox_bytes=5 * MIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()

    def pieces() -> Iterator[bytes]:
        yield bytes(2 * MIB)
        intake.await_blob_bytes(MIB)
        assert not problems(browser.send(mailbox, "", [("quick", bytes(MIB))], form="another"))
        yield bytes(MIB)

    upload = Upload("slow", 3 * MIB, pieces)
    page = browser.submit(mailbox, mailbox.form(having="files"), {"message": "fits"}, [("files", upload)])
    assert said(message=True) in page.text
    assert problems(page) == 1
    assert "slow" in page.body.decode().partition('role="alert"')[2]
    assert intake.blobs() == intake.objects() == 2
    assert sorted(name for name, _ in intake.received()) == ["", "quick"]


def test_a_host_that_is_full_or_a_disk_that_is_takes_nothing_and_gives_the_text_back(
    open_intake: Callable[..., Intake], monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = open_intake()
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    monkeypatch.setattr(intake.place.blobs, "free_bytes", lambda: 0)
    page = browser.send(mailbox, "typed with care", [("file", b"data")])
    assert problems(page) == 1
    assert given_back(page) == ["typed with care"]
    assert intake.blobs() == 0


def test_without_an_intake_key_nothing_is_taken(open_intake: Callable[..., Intake]) -> None:
    """The keys ran out: the desk has not been heard of for very long."""
    intake = open_intake()
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    intake.clock.day += 1_000
    fresh = browser.go_on(browser.new_codename())
    assert not [form for form in fresh.forms if "message" in form.names], "the page says so beforehand"
    page = browser.send(mailbox, "typed with care", slot=fresh.path.partition("=")[2])
    assert problems(page) == 1
    assert given_back(page) == ["typed with care"]
    assert intake.blobs() == 0


def test_no_room_on_the_disk_in_the_middle_of_a_file(
    intake: Intake, browser: SourceBrowser, mailbox: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes the message and the first file, and then nothing (ENOSPC)."""
    import errno

    import store.files

    real, room = store.files.write_all, [200 * KIB]

    def write_all(descriptor: int, data: bytes) -> None:
        room[0] -= len(data)
        if room[0] < 0:
            raise OSError(errno.ENOSPC, "no space")
        real(descriptor, data)

    monkeypatch.setattr(store.files, "write_all", write_all)
    page = browser.send(mailbox, "hello", [("fits", b"x"), ("does-not", bytes(250 * KIB)), ("nor-this", b"x")])
    assert said(message=True, files=("fits",)) in told(page)
    assert problems(page) == 1
    assert intake.blobs() == intake.objects() == 2


@pytest.mark.parametrize("keep", ["in the second file", "after the last byte of it"])
def test_what_arrived_whole_before_the_connection_broke_is_kept_and_the_next_page_says_which(
    intake: Intake, browser: SourceBrowser, mailbox: Page, keep: str
) -> None:
    first, second = os.urandom(50 * KIB), os.urandom(100 * KIB)
    cut = -60 * KIB if keep == "in the second file" else -30
    browser.break_off(mailbox, "the message", [("first", first), ("second", second)], keep=cut)
    page = browser.get("/mailbox")
    expected = said(message=True, files=("first",), not_whole="second")
    assert expected in told(page)
    assert expected not in told(browser.get("/mailbox")), "once"
    assert sorted(intake.received()) == sorted([("", "the message"), ("first", first)])
    assert intake.blobs() == 2


def test_a_message_that_arrived_whole_is_kept_though_nothing_else_came(
    intake: Intake, browser: SourceBrowser, mailbox: Page
) -> None:
    head = len(b"--" + b"-" * 40)
    browser.break_off(mailbox, "another", [("file", bytes(999))], keep=-(999 + head + 10))
    assert ("", "another") in intake.received()


def test_a_break_anywhere_keeps_only_what_is_whole(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    """Cut at every length near where something begins or ends: nothing half is ever kept."""
    text, data = "a message of some length", b"0123456789" * 3
    files = [("a", data), ("b", data)]
    _, length, _ = multipart(
        mailbox.form(having="files").fields | {"message": text}, [("files", Upload.of(*file)) for file in files]
    )
    for keep in range(1, length, 29):
        browser.break_off(browser.open_new_mailbox(), text, files, keep=keep)
    received = intake.received()
    assert received
    assert set(received) <= {("", text), ("a", data), ("b", data)}
    assert intake.blobs() == len(received)


def test_after_a_break_the_same_form_is_not_taken_twice(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    files = [("first", b"1" * 9_000), ("second", b"2" * 9_000)]
    browser.break_off(mailbox, "the message", files, keep=-5_000)
    again = browser.send(mailbox, "the message", files)
    assert not problems(again)
    assert "second" in again.text, "it says what is missing"
    assert given_back(again) == []
    assert intake.objects() == 2


def test_a_form_sent_twice_is_taken_once(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    once = browser.send(mailbox, "the message", [("file", b"data")])
    twice = browser.send(mailbox, "the message", [("file", b"data")])
    assert said(message=True, files=("file",)) in told(once)
    assert said(message=True, files=("file",)) in told(twice)
    assert not problems(twice)
    assert given_back(twice) == []
    assert intake.objects() == 2
    browser.send(twice, "a second one")
    assert intake.objects() == 3


def test_a_form_of_which_nothing_was_kept_can_be_sent_again(
    open_intake: Callable[..., Intake], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Back, a file less, and Send: the browser may send the very same form."""
    intake = open_intake()
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    assert problems(browser.send(mailbox, "", [("large", bytes(300 * KIB))]))
    assert said(files=("small",)) in told(browser.send(mailbox, "", [("small", b"x")]))
    assert intake.objects() == 1


def test_the_same_form_from_two_tabs_at_once_is_taken_once(open_intake: Callable[..., Intake]) -> None:
    """While the first is still coming in, the second is told so and keeps its text."""
    intake = open_intake(file_bytes=4 * MIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    go_on = threading.Event()

    def pieces() -> Iterator[bytes]:
        yield bytes(3 * MIB)
        assert go_on.wait(60)
        yield bytes(1)

    form = mailbox.form(having="files")
    slow = Upload("slow", 3 * MIB + 1, pieces)
    pages: list[Page] = []
    first = threading.Thread(
        target=lambda: pages.append(browser.submit(mailbox, form, {"message": "once"}, [("files", slow)]))
    )
    first.start()
    try:
        intake.await_blob_bytes(1 * MIB)
        second = browser.send(mailbox, "once")
    finally:
        go_on.set()
        first.join()
    assert given_back(second) == ["once"]
    assert said(message=True, files=("slow",)) in told(pages[0])
    assert intake.objects() == 2


def test_a_form_without_its_id_is_taken_each_time(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    for text in ("one", "two"):
        browser.send(mailbox, text, form="")
    assert sorted(intake.received()) == [("", "one"), ("", "two")]


def test_an_upload_in_progress_counts_as_use(open_intake: Callable[..., Intake]) -> None:
    """An hour of sending: the session's idle time never ends while pieces come."""
    intake = open_intake(file_bytes=16 * MIB, mailbox_bytes=32 * MIB, bundle_bytes=64 * MIB)
    place = intake.place
    gate = Derivation(place.keys, TEST_KDF, place.settings, monotonic=lambda: float(intake.clock.seconds))
    intake.app.extensions[EXTENSION] = replace(intake.app.extensions[EXTENSION], derivation=gate)
    browser = intake.browser()
    given = browser.new_codename()
    mailbox = browser.go_on(given)

    def pieces() -> Iterator[bytes]:
        for piece in range(12):
            yield bytes(MIB)
            intake.await_blob_bytes((piece - 1) * MIB)
            intake.clock.seconds += 5 * 60 + 1
            assert place.sessions.load(browser.secret).slots

    upload = Upload("long", 12 * MIB, pieces)
    page = browser.submit(mailbox, mailbox.form(having="files"), {"message": "long"}, [("files", upload)])
    assert said(message=True, files=("long",)) in told(page)
    assert browser.get("/mailbox").form(having="files"), "the visit goes on"
    assert intake.mailbox_of(words_of(given))


def test_an_idle_visit_ends(intake: Intake, browser: SourceBrowser, mailbox: Page) -> None:
    intake.clock.seconds += intake.place.settings.session_idle_seconds
    assert browser.get("/mailbox").form(having="files")
    intake.clock.seconds += intake.place.settings.session_idle_seconds + 1
    ended = browser.get("/mailbox")
    assert not [form for form in ended.forms if "files" in form.names]
    assert "/login" in ended.links


def test_a_submission_of_more_than_a_day_is_refused_and_nothing_of_it_stays(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(session_idle_seconds=10 * 86_400, file_bytes=4 * MIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()

    def pieces() -> Iterator[bytes]:
        yield bytes(3 * MIB)
        intake.await_blob_bytes(MIB)
        intake.clock.day += 2
        yield bytes(1)

    form = mailbox.form(having="files")
    upload = Upload("slow", 3 * MIB + 1, pieces)
    page = browser.submit(mailbox, form, {"message": "typed with care"}, [("files", upload)])
    assert problems(page) == 1
    assert given_back(page) == ["typed with care"]
    assert intake.blobs() == 0


def test_an_error_of_our_own_in_mid_upload_leaves_nothing_behind(
    intake: Intake, browser: SourceBrowser, mailbox: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("store.intake.submissions.IncomingFile.finish", broken)
    assert browser.send(mailbox, "hello", [("file", b"data")]).status == 500
    assert intake.blobs() == intake.objects() == 0
    monkeypatch.undo()
    assert said(message=True, files=("file",)) in told(browser.send(mailbox, "hello", [("file", b"data")])), "again"


def test_a_large_file_in_odd_pieces_arrives_to_the_byte(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(file_bytes=32 * MIB, mailbox_bytes=64 * MIB)
    browser = intake.browser()
    mailbox = browser.open_new_mailbox()
    data = os.urandom(20 * MIB + 12_345)

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(data), 99_991):
            yield data[start : start + 99_991]

    upload = Upload("video.mp4", len(data), pieces)
    browser.submit(mailbox, mailbox.form(having="files"), {}, [("files", upload)])
    ((name, content),) = intake.received()
    assert name == "video.mp4"
    assert isinstance(content, bytes)
    assert hashlib.sha256(content).digest() == hashlib.sha256(data).digest()
