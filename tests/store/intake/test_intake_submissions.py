"""What was committed is there whole and once; anything else leaves no trace."""

import os
import secrets
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from crypto.sealed_object import Kind
from deploy.intake_server import serve
from store.clock import SECONDS_A_DAY
from store.files import LockedError, exclusively
from store.intake.errors import MailboxErasedError, SubmissionTooLateError
from store.intake.place import IntakePlace
from store.intake.submissions import Submission
from store.intake.tables import Mailbox
from tests.store.intake.conftest import Line, blob_ids, contents, mailbox, rows_of
from tests.support.road import RoadSource, submit

SOURCE = RoadSource(1)
LARGE = secrets.token_bytes(3_500_000)  # several buffers of the sealing thread


def begin(host: IntakePlace, source: RoadSource = SOURCE) -> Submission:
    return host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)


def test_the_desk_gets_what_was_sent_whole_and_once(host: IntakePlace, line: Line) -> None:
    sent = {"empty.txt": b"", "a.bin": b"\0\xff" * 50_000, "large.bin": LARGE}
    submit(host, SOURCE, "ein Größeres\n\u2028 \U0001f512", sent)
    host.sweep()
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    message = next(one for one in line.desk.opened if one.header.kind is Kind.MESSAGE)
    assert message.content.decode() == "ein Größeres\n\u2028 \U0001f512"
    assert {one.header.name: one.content for one in line.desk.opened if one.header.name is not None} == sent
    assert len(line.desk.opened) == 4
    assert {one.header.reply_key for one in line.desk.opened} == {SOURCE.identity.recipient}
    assert len({one.header.submission_id for one in line.desk.opened}) == 1
    assert {one.header.day for one in line.desk.opened} == {line.clock.day}


def test_the_receipt_names_what_was_kept(host: IntakePlace) -> None:
    submission = begin(host)
    submission.add_message("hello")
    file = submission.open_file("one.pdf")
    file.write(b"12345")
    file.write(b"678")
    file.finish()
    dropped = submission.open_file("two.pdf")
    dropped.write(b"123")
    dropped.abort()
    receipt = submission.commit()
    assert receipt.message
    assert receipt.files == (("one.pdf", 8),)
    assert len(rows_of(host, "submitted_object")) == 2 == len(blob_ids(host))


def test_a_mailbox_appears_with_the_first_committed_submission_and_never_before(host: IntakePlace) -> None:
    host.intake_keys.current()
    before = contents(host)
    submission = begin(host)
    submission.add_message("x")
    assert host.mailboxes.find(SOURCE.lookup) is None
    assert contents(host) == before
    submission.commit()
    assert host.mailboxes.find(SOURCE.lookup) == SOURCE.first_ref
    assert begin(host).commit().files == ()
    assert rows_of(host, "mailbox") == [(SOURCE.first_ref, SOURCE.lookup)]


def test_an_empty_submission_makes_no_mailbox(host: IntakePlace) -> None:
    begin(host).commit()
    assert host.mailboxes.find(SOURCE.lookup) is None


def test_an_aborted_submission_leaves_nothing(host: IntakePlace) -> None:
    host.intake_keys.current()
    before = contents(host)
    submission = begin(host)
    submission.add_message("x")
    whole = submission.open_file("whole")
    whole.write(LARGE)
    whole.finish()
    half = submission.open_file("half")
    half.write(LARGE)
    half.abort()
    submission.abort()
    assert contents(host) == before
    assert blob_ids(host) == set()
    assert host.sweep() == 0


def test_what_a_crash_left_behind_is_swept_and_nothing_else(line: Line) -> None:
    crashed = line.open()
    submit(crashed, SOURCE, "kept")
    kept = blob_ids(crashed)
    never_committed = begin(crashed)
    never_committed.add_message("x")
    half = never_committed.open_file("half")
    half.write(LARGE)
    if line.database_url:
        half.abort()  # as the server does for a process that has gone
    crashed.close()
    line.clock.day += 2  # rows are left alone for that long: they may be another host's
    after = line.open()
    assert after.sweep() == (1 if line.database_url else 2)
    assert blob_ids(after) == kept
    assert len(line.blob_files()) == (0 if line.database_url else 1)
    assert after.sweep() == 0
    assert after.collector.collect(line.desk.stick).objects == 1


def test_nobody_sweeps_while_an_upload_is_on_its_way(line: Line) -> None:
    host = line.open()
    if line.database_url:
        (line.state / "intake.toml").write_text(f'database_url = "{line.database_url}"\n')
    with exclusively(line.state / "serve.lock"):  # as the server that takes this upload holds it
        submission = begin(host)
        submission.add_message("x")
        file = submission.open_file("f")
        file.write(LARGE)
        with pytest.raises(LockedError):
            serve(line.state, "127.0.0.1:8080")
        file.finish()
        submission.commit()
    assert host.collector.collect(line.desk.stick).objects == 2


def test_times_of_kept_files_and_their_folders_tell_the_day_only(sqlite_line: Line) -> None:
    line, host = sqlite_line, sqlite_line.open()
    submit(host, SOURCE, "x", {f"{number}": b"y" for number in range(5)})
    aborted = begin(host)
    aborted.open_file("half").abort()
    blobs = line.state / "blobs"
    for path in [blobs, *blobs.rglob("*")]:
        assert path.stat().st_mtime_ns == line.clock.day * SECONDS_A_DAY * 10**9, path


def test_files_are_readable_by_nobody_else(line: Line) -> None:
    host = line.open()
    mask = os.umask(0)
    try:
        submit(host, SOURCE, "x", {"f": b"y"})
        host.collector.collect(line.desk.stick)
    finally:
        os.umask(mask)
    for path in [*line.state.joinpath("blobs").rglob("*"), *line.state.joinpath("outbox").rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_two_submissions_of_one_new_source_at_once_make_one_mailbox_with_both(host: IntakePlace, line: Line) -> None:
    ready = threading.Barrier(2)
    failures: list[BaseException] = []

    def send(source: RoadSource, text: str) -> None:
        try:
            submission = begin(host, source)
            submission.add_message(text)
            ready.wait()
            submission.commit()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    for number in range(10):
        source = RoadSource(1_000 + number)
        source_pair = [threading.Thread(target=send, args=(source, text)) for text in ("one", "two")]
        for thread in source_pair:
            thread.start()
        for thread in source_pair:
            thread.join()
        assert failures == []
        assert len(rows_of(host, "mailbox")) == 1
        ref = mailbox(host, source)
        assert len(rows_of(host, "submitted_object")) == 2
        host.replies.erase_mailbox(ref)


def test_a_second_submission_waits_for_the_first_one_of_the_same_new_source(host: IntakePlace) -> None:
    """The same, with the transactions overlapping for certain."""
    first, second = begin(host), begin(host)
    first.add_message("one")
    second.add_message("two")
    with host.database.writing() as session:
        # The first one's transaction, as far as the mailbox, while the second one commits.
        session.add(Mailbox(ref=SOURCE.first_ref, lookup=SOURCE.lookup))
        session.flush()
        failures: list[BaseException] = []
        thread = threading.Thread(target=_commit, args=(second, failures))
        thread.start()
        if not host.database.is_sqlite:
            _until_one_waits(host)
    thread.join()
    first.commit()
    assert failures == []
    assert len(rows_of(host, "submitted_object")) == 2


def test_a_mailbox_erased_and_made_anew_meanwhile_takes_nothing_of_the_old_submission(host: IntakePlace) -> None:
    submission = begin(host)
    submission.add_message("old")
    with host.database.writing() as session:
        session.add(Mailbox(ref=b"n" * 16, lookup=SOURCE.lookup))
    with pytest.raises(MailboxErasedError):
        submission.commit()
    assert rows_of(host, "submitted_object") == []
    assert blob_ids(host) == set()


def test_a_submission_that_took_longer_than_a_day_is_refused_and_leaves_nothing(host: IntakePlace, line: Line) -> None:
    submission = begin(host)
    submission.add_message("x")
    line.clock.day += 2
    with pytest.raises(SubmissionTooLateError):
        submission.commit()
    assert rows_of(host, "submitted_object") == [] == rows_of(host, "mailbox")
    assert blob_ids(host) == set()


def test_a_submission_over_midnight_is_kept(host: IntakePlace, line: Line) -> None:
    submission = begin(host)
    line.clock.day += 1
    submission.add_message("x")
    submission.commit()
    line.desk.take(host.collector.collect(line.desk.stick).files[0])
    assert [one.header.day for one in line.desk.opened] == [line.clock.day - 1]


def test_names_and_texts_that_no_browser_sends_are_kept_without_an_error(host: IntakePlace, line: Line) -> None:
    names = ["../../etc/passwd", "a\0b", "\ud800 lone", "x" * 10_000, "\U0001f600" * 5_000, "\u202egpj.exe", ""]
    submission = begin(host)
    submission.add_message("lone \udfff surrogate")
    for name in names:
        file = submission.open_file(name)
        file.write(b"x")
        file.finish()
    submission.commit()
    line.desk.take(host.collector.collect(line.desk.stick).files[0])
    kept = {one.header.name for one in line.desk.opened if one.header.kind is Kind.FILE}
    assert kept == {"../../etc/passwd", "a\0b", "? lone", "x" * 4_096, "\U0001f600" * 4_096, "\u202egpj.exe", ""}
    assert "lone ? surrogate" in {one.content.decode() for one in line.desk.opened}


def test_many_uploads_at_once_do_not_keep_others_waiting(host: IntakePlace) -> None:
    """A server process has 24 threads; most of them may be in the middle of a slow upload."""
    uploads = []
    for number in range(2, 26):
        source = RoadSource(number)
        submission = begin(host, source)
        file = submission.open_file("slow")
        file.write(b"first piece")
        uploads.append((submission, file))
    assert host.submissions.is_open()
    submit(host, SOURCE, "quick")
    for submission, file in uploads:
        file.write(b"last piece")
        file.finish()
        submission.commit()
    assert len(rows_of(host, "submitted_object")) == 25


def test_the_temporary_folder_stays_empty(line: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    for name in ("TMPDIR", "SQLITE_TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(folder))
    host = line.open()
    submit(host, SOURCE, "x" * 90_000, {"f": LARGE})
    host.collector.collect(line.desk.stick)
    assert list(folder.iterdir()) == []


def _commit(submission: Submission, failures: list[BaseException]) -> None:
    try:
        submission.commit()
    except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
        failures.append(error)


def _until_one_waits(host: IntakePlace) -> None:
    while True:
        with host.database.reading() as session:
            if session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                return
