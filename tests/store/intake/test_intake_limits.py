"""Each limit is said by its own error, and what had arrived whole is kept."""

import errno
import os
import secrets
import threading
from collections import Counter
from pathlib import Path

import pytest

from crypto.sealed_object import Kind, ObjectHeader, seal_object, sealed_length
from store.intake.errors import (
    IntakeClosedError,
    MailboxFullError,
    MessageTooLongError,
    NoSpaceError,
    RefusedSubmissionError,
    TooLargeError,
)
from store.intake.place import IntakePlace
from store.intake.settings import KIB, MIB
from store.intake.submissions import Submission
from tests.store.intake.conftest import Line, blob_ids, contents, rows_of
from tests.support.disk import room_for
from tests.support.road import RoadSource, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)


def begin(host: IntakePlace, source: RoadSource = SOURCE) -> Submission:
    return host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)


def send_file(submission: Submission, name: str, size: int, piece: int = 100_000) -> None:
    """As the server does: whatever happens, the file is aborted or kept."""
    file = submission.open_file(name)
    try:
        for at in range(0, size, piece):
            file.write(secrets.token_bytes(min(piece, size - at)))
        file.finish()
    except BaseException:
        file.abort()
        raise


def collected(line: Line, host: IntakePlace) -> Counter[str]:
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    return line.desk.texts()


def test_a_file_that_is_too_large_is_refused_and_the_others_are_kept(line: Line) -> None:
    host = line.open(file_bytes=300_000)
    submission = begin(host)
    submission.add_message("hello")
    send_file(submission, "just fits", 300_000)
    with pytest.raises(TooLargeError):
        send_file(submission, "one byte more", 300_001)
    send_file(submission, "after it", 10)
    submission.commit()
    assert collected(line, host) == Counter(["hello", "just fits", "after it"])
    assert len(blob_ids(host)) == 3


def test_a_file_is_refused_as_soon_as_it_is_too_large(host: IntakePlace, line: Line) -> None:
    host = line.open(file_bytes=300_000)
    file = begin(host).open_file("f")
    file.write(b"x" * 300_000)
    with pytest.raises(TooLargeError):
        file.write(b"x")
    file.abort()
    assert blob_ids(host) == set()


def test_a_message_that_is_too_long_is_refused_and_the_files_are_kept(line: Line) -> None:
    host = line.open(message_characters=1_000)
    submission = begin(host)
    with pytest.raises(MessageTooLongError):
        submission.add_message("x" * 1_001)
    send_file(submission, "f", 10)
    submission.commit()
    submit(host, OTHER, "\U0001f512" * 1_000)  # characters, not bytes
    assert collected(line, host) == Counter(["f", "\U0001f512" * 1_000])


def test_a_full_mailbox_takes_nothing_and_others_are_not_hindered(line: Line) -> None:
    host = line.open(file_bytes=1 * MIB, mailbox_bytes=2 * MIB + 30 * KIB)
    send = begin(host)
    send_file(send, "one", 1 * MIB - 10 * KIB)
    send.commit()
    submission = begin(host)
    submission.add_message("still fits")
    with pytest.raises(MailboxFullError):
        send_file(submission, "does not", 1 * MIB)
    submission.commit()
    submission = begin(host)
    send_file(submission, "fills it", 900 * KIB)
    with pytest.raises(MailboxFullError):
        submission.add_message("does not fit")
    submission.commit()
    with pytest.raises(MailboxFullError):
        begin(host)
    submit(host, OTHER, "other")
    assert collected(line, host) == Counter(["one", "still fits", "fills it", "other"])


def test_a_mailbox_has_room_again_when_the_desk_has_acknowledged(line: Line) -> None:
    host = line.open(file_bytes=100 * KIB, mailbox_bytes=140 * KIB)
    submission = begin(host)
    send_file(submission, "f", 90 * KIB)
    submission.commit()
    collected(line, host)
    with pytest.raises(MailboxFullError):  # collected, but perhaps lost on the way
        begin(host)
    host.deliverer.deliver(line.desk.dispatch())
    begin(host)


def test_a_full_host_is_closed_until_something_is_acknowledged(line: Line) -> None:
    host = line.open(file_bytes=100 * KIB, mailbox_bytes=270 * KIB, host_bytes=270 * KIB)
    for source in (SOURCE, OTHER):
        submission = begin(host, source)
        send_file(submission, "f", 90 * KIB)
        submission.commit()
    assert not host.submissions.is_open()
    assert not host.status().is_open
    with pytest.raises(IntakeClosedError):
        begin(host, RoadSource(3))
    assert len(collected(line, host)) == 1
    host.deliverer.deliver(line.desk.dispatch())
    assert host.submissions.is_open()
    begin(host, RoadSource(3))


def fill(host: IntakePlace, number: int) -> None:
    submission = begin(host, RoadSource(number))
    send_file(submission, "f", 90 * KIB)
    submission.commit()


def test_what_pages_say_of_room_does_not_change_within_a_day_whatever_sources_do(line: Line) -> None:
    limits = {"file_bytes": 100 * KIB, "mailbox_bytes": 270 * KIB, "host_bytes": 270 * KIB}
    host = line.open(**limits)
    assert host.submissions.shows_open()
    fill(host, 1)
    fill(host, 2)
    assert not host.submissions.is_open()
    assert host.submissions.shows_open()
    assert line.open(**limits).submissions.shows_open()
    with pytest.raises(IntakeClosedError):  # who submits is told how it is
        begin(host, RoadSource(3))

    line.clock.day += 1
    assert not host.submissions.shows_open()
    ref = host.mailboxes.find(RoadSource(1).lookup)
    assert ref is not None
    host.replies.erase_mailbox(ref)
    assert host.submissions.is_open()
    assert not host.submissions.shows_open()
    assert not line.open(**limits).submissions.shows_open()
    line.clock.day += 1
    assert host.submissions.shows_open()


def test_the_first_look_of_a_day_decides_by_what_came_before_it(line: Line) -> None:
    host = line.open(file_bytes=100 * KIB, mailbox_bytes=270 * KIB, host_bytes=270 * KIB)
    fill(host, 1)
    line.clock.day += 1
    fill(host, 2)
    assert host.submissions.shows_open()


def test_pages_say_at_once_that_a_delivery_made_room(line: Line) -> None:
    host = line.open(file_bytes=100 * KIB, mailbox_bytes=270 * KIB, host_bytes=270 * KIB)
    fill(host, 1)
    fill(host, 2)
    line.clock.day += 1
    assert not host.submissions.shows_open()
    collected(line, host)
    assert not host.submissions.shows_open()
    host.deliverer.deliver(line.desk.dispatch())
    assert host.submissions.shows_open()


def test_pages_say_on_the_same_day_that_no_key_may_be_used(line: Line) -> None:
    host = line.open()
    assert host.submissions.shows_open()
    line.clock.day += 71
    assert not host.submissions.shows_open()


def test_parallel_submissions_of_one_source_stay_within_its_mailbox(line: Line) -> None:
    host = line.open(file_bytes=1, mailbox_bytes=40 * KIB)
    submissions = [begin(host) for _ in range(12)]
    outcomes: Counter[str] = Counter()

    def send(submission: Submission) -> None:
        try:
            submission.add_message("x")
            submission.commit()
            outcomes["kept"] += 1
        except MailboxFullError:
            outcomes["full"] += 1

    threads = [threading.Thread(target=send, args=(submission,)) for submission in submissions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == Counter(kept=2, full=10)
    assert len(blob_ids(host)) == 2 == len(rows_of(host, "submitted_object"))


def test_parallel_submissions_stay_within_what_the_host_holds(line: Line) -> None:
    host = line.open(file_bytes=1, mailbox_bytes=40 * KIB, host_bytes=60 * KIB)
    submissions = [begin(host, RoadSource(number)) for number in range(1, 6)]
    for submission in submissions:
        submission.add_message("x")
    for submission in submissions[:3]:
        submission.commit()
    for submission in submissions[3:]:
        with pytest.raises(IntakeClosedError):
            submission.commit()
    assert len(blob_ids(host)) == 3 == len(rows_of(host, "mailbox"))


def test_of_a_submission_for_which_room_was_taken_meanwhile_what_fits_is_kept(line: Line) -> None:
    host = line.open(file_bytes=100 * KIB, mailbox_bytes=190 * KIB)
    submission = begin(host)
    send_file(submission, "too large now", 100 * KIB)
    submission.add_message("fits")
    other_tab = begin(host)
    send_file(other_tab, "quick", 60_000)
    other_tab.commit()
    receipt = submission.commit()
    assert (receipt.message, receipt.files, receipt.refused) == (True, (), ("too large now",))
    assert isinstance(receipt.error, MailboxFullError)
    assert len(blob_ids(host)) == 2
    assert collected(line, host) == Counter(["quick", "fits"])


def test_empty_files_count_as_what_they_take_on_the_disk(line: Line) -> None:
    host = line.open(file_bytes=1, mailbox_bytes=150 * KIB)
    submission = begin(host)
    for number in range(2):
        send_file(submission, f"{number}", 0)
    for _ in range(2):
        with pytest.raises(MailboxFullError):
            send_file(submission, "one more", 0)
    submission.commit()
    assert len(blob_ids(host)) == 2


@pytest.mark.parametrize("length", [0, 1, 60_000, 62_000, 64_000, 70_000, 300_000])
@pytest.mark.parametrize("name", ["f", "x" * 4_096])
def test_what_a_file_takes_is_known_before_it_is_written(length: int, name: str) -> None:
    header = ObjectHeader(Kind.FILE, b"l" * 16, b"m" * 16, b"o" * 16, 1, b"s" * 16, 1, SOURCE.identity.recipient, name)
    assert sealed_length(header)(length) == len(seal_object(SOURCE.identity.recipient, header, bytes(length)))


@pytest.mark.parametrize(
    ("size", "room"),
    [(1_000, 3 * MIB), (1_100_000, 3 * MIB), (5_000_000, 20 * MIB)],
    ids=["small", "padding", "large"],
)
def test_parallel_uploads_never_leave_less_than_the_floor_free(
    sqlite_line: Line, monkeypatch: pytest.MonkeyPatch, size: int, room: int
) -> None:
    line, floor = sqlite_line, 10 * MIB
    host = line.open(free_bytes_floor=floor)
    disk = floor + room

    def free() -> int:
        return disk - sum(path.stat().st_size for path in line.blob_files())

    monkeypatch.setattr(host.blobs, "free_bytes", free)
    submissions = [begin(host, RoadSource(number)) for number in range(1, 60)]
    refused = 0
    for submission in submissions:
        try:
            send_file(submission, "f", size)
        except NoSpaceError:
            refused += 1
        assert free() >= floor
        submission.commit()
    assert refused
    assert len(blob_ids(host)) == len(submissions) - refused


def test_intake_closes_before_the_disk_is_full(sqlite_line: Line) -> None:
    free = sqlite_line.open().status().free_bytes
    host = sqlite_line.open(free_bytes_floor=free * 2)
    assert not host.submissions.is_open()
    with pytest.raises(IntakeClosedError):
        begin(host)
    assert rows_of(host, "mailbox") == []


def test_refusals_are_told_apart_from_faults() -> None:
    for error in (IntakeClosedError, MailboxFullError, TooLargeError, MessageTooLongError):
        assert issubclass(error, RefusedSubmissionError)
    assert not issubclass(NoSpaceError, RefusedSubmissionError)


@pytest.mark.parametrize("size", [100_000, 5_000_000, 40_000_000], ids=["no thread", "thread", "write back"])
def test_a_file_that_the_disk_cannot_hold_is_refused_and_the_rest_is_kept(sqlite_line: Line, size: int) -> None:
    host = sqlite_line.open()
    submission = begin(host)
    submission.add_message("hello")
    send_file(submission, "small", 10)
    with room_for(size // 2), pytest.raises(NoSpaceError):
        send_file(submission, "large", size, piece=1 << 20)
    submission.commit()
    assert collected(sqlite_line, host) == Counter(["hello", "small"])
    assert sqlite_line.blob_files() == list(sqlite_line.state.glob("blobs/??/*.age"))
    assert len(sqlite_line.blob_files()) == 2


@pytest.mark.parametrize("call", ["mkdir", "open", "write", "fsync", "utime", "rename"])
@pytest.mark.parametrize("kind", ["message", "file"])
def test_no_room_at_any_step_is_typed_and_leaves_nothing_half(
    sqlite_line: Line, monkeypatch: pytest.MonkeyPatch, call: str, kind: str
) -> None:
    host = sqlite_line.open()
    submission = begin(host)
    submission.add_message("before")
    genuine = getattr(os, call)

    def refuses(*_: object, **__: object) -> None:
        monkeypatch.setattr(os, call, genuine)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuses)
    with pytest.raises(NoSpaceError):
        submission.add_message("x") if kind == "message" else send_file(submission, "f", 200_000)
    send_file(submission, "after", 10)
    submission.commit()
    assert len(sqlite_line.blob_files()) == 2
    assert collected(sqlite_line, host) == Counter(["before", "after"])


def test_no_room_for_the_rows_is_typed_and_leaves_nothing(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    submit(host, OTHER, "before")
    before, kept = contents(host), blob_ids(host)
    submission = begin(host)
    submission.add_message("x")
    with room_for(1), pytest.raises(NoSpaceError):
        submission.commit()
    submission.abort()  # as the server does
    assert (contents(host), blob_ids(host)) == (before, kept)
    submit(host, SOURCE, "after")
    assert collected(sqlite_line, host) == Counter(["before", "after"])


def test_no_room_in_postgresql_is_typed_and_leaves_nothing(postgresql_line: Line, postgresql) -> None:
    host = postgresql_line.open()
    submit(host, OTHER, "before")
    before, kept = contents(host), blob_ids(host)
    host.close()
    with postgresql.with_room_for(3_000_001):
        crowded = postgresql_line.open()
        submission = begin(crowded)
        with pytest.raises(NoSpaceError):
            send_file(submission, "large", 8 << 20)
        submission.abort()
        crowded.close()
    host = postgresql_line.open()
    assert (contents(host), blob_ids(host)) == (before, kept)
    submit(host, SOURCE, "after")
    assert collected(postgresql_line, host) == Counter(["before", "after"])


def test_each_of_two_threads_hears_of_its_own_full_disk_only(sqlite_line: Line, tmp_path: Path) -> None:
    """Two files of two sources, one aborted twice as the server does: the other one is whole."""
    host = sqlite_line.open()
    first, second = begin(host), begin(host, OTHER)
    failing = first.open_file("failing")
    with room_for(10), pytest.raises(NoSpaceError):
        failing.finish()
    healthy = second.open_file("healthy")
    healthy.write(b"x" * 100)
    failing.abort()
    healthy.write(b"y" * 3_000_000)
    healthy.finish()
    first.commit()
    second.commit()
    collected(sqlite_line, host)
    assert [one.content for one in sqlite_line.desk.opened] == [b"x" * 100 + b"y" * 3_000_000]
