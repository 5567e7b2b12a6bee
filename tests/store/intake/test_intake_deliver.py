"""Delivering: a bundle from the desk is taken in whole and once; anything else is refused by name and changes nothing."""

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy.orm import Session

from crypto.age import seal
from crypto.bundle import LARGEST_MANIFEST
from crypto.chain import ForkError, GapError
from crypto.manifest import ChainPosition, Direction
from crypto.sealed_object import Kind
from crypto.signed import SigningKey
from crypto.xwing import Identity
from store.intake.database import Database
from store.intake.errors import BundleRefusedError, NoSpaceError, UnreadableError
from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, blob_ids, contents, mailbox, rows_of
from tests.support.disk import room_for
from tests.support.road import RoadSource, replies_at_host, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def host(line: Line) -> IntakePlace:
    """Two sources have written, the desk has it and has not yet answered."""
    host = line.open()
    for source in (SOURCE, OTHER):
        submit(host, source, "hello", {"f": b"x"})
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    return host


def answers(line: Line, host: IntakePlace, *texts: str) -> list:
    return [line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), text) for text in texts]


def state_of(line: Line, host: IntakePlace) -> tuple[object, ...]:
    outbox = {path.name: path.read_bytes() for path in (line.state / "outbox").iterdir()}
    return contents(host), blob_ids(host), outbox


def refused(line: Line, host: IntakePlace, path: Path, **how: range) -> BundleRefusedError:
    """The refusal; nothing has changed."""
    before = state_of(line, host)
    with pytest.raises(BundleRefusedError) as caught:
        host.deliverer.deliver(path, **how)
    assert path.name in str(caught.value)
    assert state_of(line, host) == before
    return caught.value


def test_replies_keys_and_acknowledgements_come_in_together(host: IntakePlace, line: Line) -> None:
    bundle = line.desk.dispatch(
        answers(line, host, "one", "two"), certificates=line.desk.certify(line.clock.day + 41, line.clock.day + 42)
    )
    report = host.deliverer.deliver(bundle)
    assert (report.number, report.already_had) == (2, False)
    assert (report.replies, report.intake_keys, report.acknowledged, report.deleted) == (2, 2, 1, 4)
    assert replies_at_host(host, SOURCE) == {"one": 1, "two": 1}
    assert len(blob_ids(host)) == 2
    assert host.status().keys.days_left == 72
    assert list((line.state / "outbox").iterdir()) == []


def test_a_repeated_bundle_says_that_it_was_had_and_changes_nothing(
    host: IntakePlace, line: Line, tmp_path: Path
) -> None:
    bundle = line.desk.dispatch(answers(line, host, "one"))
    host.deliverer.deliver(bundle)
    later = line.desk.dispatch(answers(line, host, "two"))
    host.deliverer.deliver(later)
    before = state_of(line, host)
    renamed = tmp_path / "any name"
    renamed.write_bytes(bundle.read_bytes())
    for path in (bundle, renamed, later):
        report = host.deliverer.deliver(path)
        assert report.already_had
        assert (report.replies, report.deleted) == (0, 0)
    assert state_of(line, host) == before


def test_a_reply_that_was_erased_does_not_come_back_with_a_repeated_bundle(host: IntakePlace, line: Line) -> None:
    bundle = line.desk.dispatch(answers(line, host, "one"))
    host.deliverer.deliver(bundle)
    host.replies.erase_all(mailbox(host, SOURCE))
    host.deliverer.deliver(bundle)
    assert replies_at_host(host, SOURCE) == {}


def test_a_bundle_cut_anywhere_is_refused(host: IntakePlace, line: Line) -> None:
    bundle = line.desk.dispatch(answers(line, host, *(f"{number}" * 9_000 for number in range(8))))
    whole = bundle.read_bytes()
    header = whole.index(b"\n---") + 48  # the MAC's line ends the header
    chunk = 64 * 1024 + 16
    cuts = {0, 1, 20, header // 2, header - 1, header, header + 1, header + 16, header + 17}
    cuts |= {header + 16 + chunk * number + off for number in (1, 2, 3) for off in (-1, 0, 1)}
    cuts |= {len(whole) - 1, len(whole) - 16, len(whole) - 17, *(secrets.randbelow(len(whole)) for _ in range(10))}
    for cut in sorted(cuts):
        bundle.write_bytes(whole[:cut])
        refused(line, host, bundle)
    bundle.write_bytes(whole + b"\0")
    refused(line, host, bundle)
    bundle.write_bytes(whole)
    assert host.deliverer.deliver(bundle).replies == 8


def test_a_bundle_with_one_turned_bit_anywhere_is_refused(host: IntakePlace, line: Line) -> None:
    bundle = line.desk.dispatch(answers(line, host, "one" * 9_000, "two"))
    whole = bundle.read_bytes()
    header = whole.index(b"\n---") + 48
    places = {0, 25, header // 2, header - 30, header - 1, header + 1, header + 20, header + 200, len(whole) - 1}
    places |= {len(whole) // 2, *(secrets.randbelow(len(whole)) for _ in range(20))}
    for place in sorted(places):
        bundle.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << secrets.randbelow(8)]) + whole[place + 1 :])
        refused(line, host, bundle)
    bundle.write_bytes(whole)
    assert host.deliverer.deliver(bundle).replies == 2


def test_what_is_no_bundle_is_refused(host: IntakePlace, line: Line, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage"
    garbage.write_bytes(secrets.token_bytes(100_000))
    folder = tmp_path / "folder"
    folder.mkdir()
    own = next((line.state / "outbox").iterdir())
    empty, pipe, link = tmp_path / "empty", tmp_path / "pipe", tmp_path / "link"
    empty.touch()
    os.mkfifo(pipe)
    link.symlink_to(garbage)
    for path in (garbage, own, empty):
        refused(line, host, path)
    for path in (folder, tmp_path / "not there", Path("/dev/null"), pipe, link):
        with pytest.raises(UnreadableError):
            host.deliverer.deliver(path)


def test_a_bundle_of_somebody_else_is_refused(host: IntakePlace, line: Line) -> None:
    other_key = refused(line, host, line.desk.dispatch(signing=SigningKey.generate(), keep_tip=True))
    assert "signature" in str(other_key)
    refused(line, host, line.desk.dispatch(recipient=Identity.generate().recipient, keep_tip=True))
    another = refused(line, host, line.desk.dispatch(line=b"another line id.", keep_tip=True))
    assert "another line" in str(another)
    reflected = refused(line, host, line.desk.dispatch(direction=Direction.COLLECT, keep_tip=True))
    assert "other way" in str(reflected)


def test_a_gap_is_held_and_named(host: IntakePlace, line: Line) -> None:
    missing = line.desk.dispatch(answers(line, host, "missing"))
    early = line.desk.dispatch(answers(line, host, "early"))
    error = refused(line, host, early)
    assert isinstance(error.__cause__, GapError)
    assert "bundle 2 is expected, this is bundle 3" in str(error)
    host.deliverer.deliver(missing)
    host.deliverer.deliver(early)
    assert replies_at_host(host, SOURCE) == {"missing": 1, "early": 1}
    assert host.status().notes == ()


def test_a_gap_that_is_accepted_is_noted_and_the_late_bundle_refused(host: IntakePlace, line: Line) -> None:
    late = line.desk.dispatch(answers(line, host, "late"))
    early = line.desk.dispatch(answers(line, host, "early"))
    report = host.deliverer.deliver(early, accept_gap=range(2, 3))
    assert (report.number, report.replies) == (3, 1)
    (note,) = host.status().notes
    assert note[0] == line.clock.day
    assert "Bundle 3" in note[1]
    assert "missing" in note[1]
    assert "skipped over" in str(refused(line, host, late))
    host.deliverer.deliver(line.desk.dispatch(answers(line, host, "next")))
    assert replies_at_host(host, SOURCE) == {"early": 1, "next": 1}


def test_accepting_gaps_accepts_nothing_else_and_notes_no_gap_where_none_is(host: IntakePlace, line: Line) -> None:
    refused(line, host, line.desk.dispatch(previous=b"f" * 32, keep_tip=True), accept_gap=range(2, 3))
    refused(
        line, host, line.desk.dispatch(signing=SigningKey.generate(), number=9, keep_tip=True), accept_gap=range(2, 9)
    )
    for wrong in (range(2, 8), range(3, 9), range(2, 10), range(0)):
        refused(line, host, line.desk.dispatch(number=9, keep_tip=True), accept_gap=wrong)
    host.deliverer.deliver(line.desk.dispatch(), accept_gap=range(2, 3))
    assert host.status().notes == ()


def test_a_fork_is_refused_with_an_alarm(host: IntakePlace, line: Line) -> None:
    genuine = line.desk.dispatch(answers(line, host, "genuine"))
    tip, line.desk.tip = line.desk.tip, ChainPosition(1, max(rows_of(host, "in_bundle"))[1])
    same_number = line.desk.dispatch(answers(line, host, "forked"))
    line.desk.tip = tip
    host.deliverer.deliver(genuine)
    for forked in (same_number, line.desk.dispatch(previous=b"f" * 32, keep_tip=True)):
        error = refused(line, host, forked)
        assert isinstance(error.__cause__, ForkError)
        assert "ALARM" in str(error)
    assert replies_at_host(host, SOURCE) == {"genuine": 1}


@pytest.mark.parametrize("acknowledged", [ChainPosition(1, b"h" * 32), ChainPosition(2, b"h" * 32)])
def test_an_acknowledgement_of_what_was_never_made_is_a_fork(
    host: IntakePlace, line: Line, acknowledged: ChainPosition
) -> None:
    error = refused(line, host, line.desk.dispatch(acknowledged=acknowledged, keep_tip=True))
    assert isinstance(error.__cause__, ForkError)
    refused(line, host, line.desk.dispatch(acknowledged=acknowledged, number=9, keep_tip=True), accept_gap=range(2, 9))


def test_ctrl_c_after_the_commit_takes_no_reply_back(
    host: IntakePlace, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator's interrupt may arrive while the commit is on its way to disk: it has happened all the same."""
    bundle = line.desk.dispatch(answers(line, host, "one", "two"))
    writing = Database.writing

    @contextmanager
    def interrupted(database: Database) -> Iterator[Session]:
        with writing(database) as session:
            yield session
        if rows_of(host, "in_bundle")[1:]:  # the one transaction, not one that puts a reply to rest
            raise KeyboardInterrupt

    monkeypatch.setattr(Database, "writing", interrupted)
    with pytest.raises(KeyboardInterrupt):
        host.deliverer.deliver(bundle)
    monkeypatch.undo()
    assert replies_at_host(host, SOURCE) == {"one": 1, "two": 1}
    assert host.deliverer.deliver(bundle).already_had
    assert replies_at_host(host, SOURCE) == {"one": 1, "two": 1}


@pytest.mark.parametrize("then", ["collect", "deliver the same", "deliver the next"])
def test_what_a_kill_left_of_acknowledged_objects_goes_with_the_next_command(
    host: IntakePlace, line: Line, then: str
) -> None:
    bundle = line.desk.dispatch()
    with mock.patch.object(host.blobs, "delete", side_effect=[None, Crash]), pytest.raises(Crash):
        host.deliverer.deliver(bundle)
    assert blob_ids(host) != set()
    if then == "collect":
        assert host.collector.collect(line.desk.stick).files == ()
    else:
        host.deliverer.deliver(bundle if then == "deliver the same" else line.desk.dispatch())
    assert blob_ids(host) == set()
    assert rows_of(host, "submitted_object") == []


def test_only_what_was_acknowledged_is_deleted(host: IntakePlace, line: Line) -> None:
    first = line.desk.heard
    submit(host, SOURCE, "in the second bundle")
    host.collector.collect(line.desk.stick)
    submit(host, OTHER, "in none")
    report = host.deliverer.deliver(line.desk.dispatch(acknowledged=first))
    assert (report.acknowledged, report.deleted) == (1, 4)
    assert len(blob_ids(host)) == 2
    assert [path.name for path in (line.state / "outbox").iterdir()] == ["luwte-collect-000002.age"]
    files = host.collector.collect(line.desk.stick).files
    for path in files:
        line.desk.take(path)
    assert {"in the second bundle", "in none"} <= set(line.desk.texts())


def test_an_acknowledgement_of_nothing_deletes_nothing(host: IntakePlace, line: Line) -> None:
    report = host.deliverer.deliver(line.desk.dispatch(acknowledged=ChainPosition.beginning()))
    assert (report.acknowledged, report.deleted) == (0, 0)
    assert len(blob_ids(host)) == 4


def test_an_older_acknowledgement_brings_nothing_back(host: IntakePlace, line: Line) -> None:
    host.deliverer.deliver(line.desk.dispatch())
    host.deliverer.deliver(line.desk.dispatch(acknowledged=ChainPosition.beginning()))
    assert host.status().unacknowledged_bundles == ()
    assert blob_ids(host) == set()


@pytest.mark.parametrize("kind", [Kind.MESSAGE, Kind.FILE])
def test_anything_else_than_a_reply_is_refused(host: IntakePlace, line: Line, kind: Kind) -> None:
    one = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "one")
    two = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "two", entry_kind=kind)
    refused(line, host, line.desk.dispatch([one, two], keep_tip=True))


def test_an_object_that_differs_from_its_entry_is_refused(host: IntakePlace, line: Line) -> None:
    for bent in ({"entry_sha256": b"h" * 32}, {"entry_size": 20_000_000}, {"entry_size": 100}):
        reply = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "one", **bent)
        refused(line, host, line.desk.dispatch([*answers(line, host, "before"), reply], keep_tip=True))


def test_one_reply_listed_twice_is_refused(host: IntakePlace, line: Line) -> None:
    (reply,) = answers(line, host, "one")
    refused(line, host, line.desk.dispatch([reply, reply], keep_tip=True))


def test_an_id_that_is_taken_is_refused_and_what_has_it_stays(host: IntakePlace, line: Line) -> None:
    (reply,) = answers(line, host, "one")
    host.deliverer.deliver(line.desk.dispatch([reply], acknowledged=ChainPosition.beginning()))
    refused(line, host, line.desk.dispatch([reply], keep_tip=True))
    sent = next(iter(blob_ids(host) - {reply.entry.object_id}))
    other = line.desk.reply(SOURCE.identity.recipient, mailbox(host, SOURCE), "two", object_id=sent)
    refused(line, host, line.desk.dispatch([other], keep_tip=True))
    assert replies_at_host(host, SOURCE) == {"one": 1}


def test_padding_that_is_wrong_is_refused(host: IntakePlace, line: Line) -> None:
    for padding in (b"", bytes(100), b"x" * 1_000_000, bytes(3_000_000)):
        refused(line, host, line.desk.dispatch(answers(line, host, "one"), padding=padding, keep_tip=True))


def test_a_manifest_longer_than_allowed_is_refused_before_it_is_read(host: IntakePlace, line: Line) -> None:
    path = line.desk.stick / "long.age"
    payload = b"LUWTEbd1" + (LARGEST_MANIFEST + 1).to_bytes(4, "big") + bytes(200_000)
    path.write_bytes(seal(line.desk.host_card.bundle_recipient, payload))
    assert "too long" in str(refused(line, host, path))


def test_certificates_that_do_not_follow_take_the_whole_bundle_with_them(host: IntakePlace, line: Line) -> None:
    skipped = line.desk.certify(line.clock.day + 41, line.clock.day + 42)[1:]
    refused(line, host, line.desk.dispatch(answers(line, host, "one"), certificates=skipped, keep_tip=True))


# Where a delivery is cut off, in the order of its steps.
STEPS = (
    "store.intake.deliver.taken_in",
    "store.intake.deliver.BundleReader.objects",
    "store.intake.deliver.BundleReader.finish",
    "store.intake.deliver.Deliverer._add_replies",
    "store.intake.deliver._apply_tombstones",
    "store.intake.deliver._acknowledge",
    "store.intake.deliver.DeliverReport",
    "store.intake.deliver.sweep_outbox",
)


@pytest.mark.parametrize("step", STEPS)
def test_a_delivery_cut_off_anywhere_is_repeated_without_loss_or_double(line: Line, step: str) -> None:
    host = line.open()
    submit(host, SOURCE, "hello", {"f": b"x"})
    line.desk.take(host.collector.collect(line.desk.stick).files[0])
    bundle = line.desk.dispatch(answers(line, host, "one", "two"), certificates=line.desk.certify(line.clock.day + 41))
    with mock.patch(step, crash), pytest.raises(Crash):
        host.deliverer.deliver(bundle)
    host.close()
    again = line.open()
    again.sweep()
    host_after = again.deliverer.deliver(bundle)
    assert host_after.already_had == (step == STEPS[-1])
    assert replies_at_host(again, SOURCE) == {"one": 1, "two": 1}
    assert len(blob_ids(again)) == 2
    assert len(rows_of(again, "intake_key")) == 42
    again.sweep()
    assert list((line.state / "outbox").iterdir()) == []


def test_a_host_without_room_takes_nothing_of_a_bundle(sqlite_line: Line) -> None:
    line, host = sqlite_line, sqlite_line.open()
    submit(host, SOURCE, "hello")
    bundle = line.desk.dispatch(answers(line, host, "small", "x" * 90_000))
    before = state_of(line, host)
    with room_for(60_000), pytest.raises(NoSpaceError):
        host.deliverer.deliver(bundle)
    assert state_of(line, host) == before
    assert host.deliverer.deliver(bundle).replies == 2


@pytest.mark.parametrize("call", ["open", "write", "fsync", "rename"])
def test_no_room_at_any_step_of_a_delivery_changes_nothing(
    sqlite_line: Line, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    line, host = sqlite_line, sqlite_line.open()
    submit(host, SOURCE, "hello")
    bundle = line.desk.dispatch(answers(line, host, "one"))
    before = state_of(line, host)
    genuine = getattr(os, call)

    def refuses(path: object, *given: object, **keywords: object) -> object:
        if call == "open" and not str(path).endswith(".part"):
            return genuine(path, *given, **keywords)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, refuses)
    with pytest.raises(NoSpaceError):
        host.deliverer.deliver(bundle)
    monkeypatch.undo()
    assert state_of(line, host) == before
    assert host.deliverer.deliver(bundle).replies == 1
