"""A disk that fails at the last step of a transaction: what a crash then brings back is whole, and what not is swept."""

from collections.abc import Callable

import pytest

from store.intake.errors import NoSpaceError, UnsettledError
from store.intake.place import IntakePlace
from store.intake.tables import Mailbox
from tests.store.intake.conftest import Line, mailbox, rows_of
from tests.support.disk import room_for
from tests.support.failing_sync import run_without_sync
from tests.support.postgresql import PostgreSQL
from tests.support.road import RoadSource, replies_at_host, submit

LOG = "intake.sqlite-wal"


def send_in_vain(line: Line) -> None:
    def send(failing: Callable[[], None]) -> None:
        source = RoadSource(1)
        submission = line.open().submissions.begin(source.lookup, source.identity.recipient, source.first_ref)
        submission.add_message("a message")
        failing()
        with pytest.raises(UnsettledError):
            submission.commit()
        submission.abort()  # as the pages do

    run_without_sync(send, line.state / LOG)


def test_a_submission_that_a_crash_brings_back_is_whole(sqlite_line: Line) -> None:
    send_in_vain(sqlite_line)

    host = sqlite_line.open()
    assert host.sweep() == 0
    for path in host.collector.collect(sqlite_line.desk.stick).files:
        sqlite_line.desk.take(path)
    # All of it is in the log, although no sync followed: SQLite takes it for committed.
    assert sqlite_line.desk.texts() == {"a message": 1}
    assert host.status().notes == ()


def test_a_submission_that_no_crash_brings_back_is_swept(sqlite_line: Line) -> None:
    send_in_vain(sqlite_line)
    (sqlite_line.state / LOG).unlink()  # the disk never had it

    host = sqlite_line.open()
    assert host.sweep() == 1
    assert rows_of(host, "submitted_object") == sqlite_line.blob_files() == []


def test_replies_that_a_crash_brings_back_are_whole(sqlite_line: Line) -> None:
    source, host = RoadSource(1), sqlite_line.open()
    submit(host, source, "a message")
    reply = sqlite_line.desk.reply(source.identity.recipient, mailbox(host, source), "an answer")
    host.close()
    bundle = sqlite_line.desk.dispatch([reply])

    def deliver(failing: Callable[[], None]) -> None:
        child = sqlite_line.open()
        submit(child, RoadSource(2), "another message")  # the log is begun: its header would be what cannot be synced
        failing()
        with pytest.raises(UnsettledError):
            child.deliverer.deliver(bundle)

    run_without_sync(deliver, sqlite_line.state / LOG)

    host = sqlite_line.open()
    assert host.deliverer.deliver(bundle).already_had
    assert replies_at_host(host, source) == {"an answer": 1}


def test_a_server_that_goes_away_at_the_last_step_leaves_it_open_whether_it_was_kept(
    postgresql_line: Line, postgresql: PostgreSQL
) -> None:
    host = postgresql_line.open()
    with pytest.raises(UnsettledError):
        write(host, 1, postgresql.crash)
    postgresql.start()


def test_a_full_disk_leaves_nothing_open(sqlite_line: Line) -> None:
    host = sqlite_line.open()
    with room_for(1_000_000), pytest.raises(NoSpaceError) as refused:
        write(host, 20_000, lambda: None)
    assert not isinstance(refused.value, UnsettledError)


def write(host: IntakePlace, count: int, before_the_last_step: Callable[[], None]) -> None:
    with host.database.writing() as session:
        session.add_all(
            Mailbox(ref=number.to_bytes(16, "big"), lookup=number.to_bytes(32, "big")) for number in range(count)
        )
        session.flush()
        before_the_last_step()
