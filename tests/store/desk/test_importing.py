"""Collect bundles at the desk: what is genuine comes in whole and once; nothing else comes in."""

import hashlib
import io
import os
import secrets
from dataclasses import replace
from pathlib import Path

import pytest

from crypto.chain import ForkError, GapError, SkippedError
from crypto.errors import CryptoError, ForgedError, WrongKeyError
from crypto.manifest import ChainPosition, Direction, Erased, Tombstone
from crypto.sealed_object import Kind, ObjectReader
from crypto.signed import SigningKey
from crypto.xwing import Identity
from store.desk.errors import BusyError, DeskError, NotPairedError
from store.desk.model import EntryKind, ReplyState
from store.desk.place import DeskPlace
from store.files import exclusively
from tests.store.desk.conftest import time_out
from tests.support.paper_host import PaperHost, PaperSource, Sealed

HEALTHY_TEXT = "They called my brother. ما را تهدید کردند. 他们知道地址。 🙏"


@pytest.mark.parametrize("trap", ["device", "pipe", "link", "folder"])
def test_what_is_no_plain_file_is_refused_at_once(desk: DeskPlace, host: PaperHost, tmp_path: Path, trap: str) -> None:
    bundle = host.collect([host.message(PaperSource(), HEALTHY_TEXT)])
    path = tmp_path / "luwte-collect-000001.age"
    if trap == "pipe":
        os.mkfifo(path)
    elif trap == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero" if trap == "device" else bundle)
    with time_out(), pytest.raises(DeskError, match="cannot be read: it is not a plain file"):
        desk.importing.import_bundle(path)
    assert desk.importing.import_bundle(bundle).messages == 1


def test_messages_and_files_come_in_and_read_as_they_were_sent(
    desk: DeskPlace, host: PaperHost, tmp_path: Path
) -> None:
    source = PaperSource()
    content = secrets.token_bytes(200_000)
    report = desk.importing.import_bundle(
        host.collect([
            host.message(source, HEALTHY_TEXT),
            host.file(source, "scan.pdf", content),
            host.file(source, "e", b""),
        ])
    )
    assert (report.messages, report.files, report.damaged, report.new_sources) == (1, 2, 0, 1)
    [summary] = desk.inbox.sources()
    assert (summary.unread, summary.messages, summary.files, summary.awaits_answer) == (3, 1, 2, True)
    assert len(summary.name.split(" ")) == 2
    message, empty, scan = desk.inbox.conversation(summary.source_id)
    assert message.text == HEALTHY_TEXT
    assert empty.file is not None
    assert (empty.file.size, empty.file.untrusted_name) == (0, "e")
    assert scan.file is not None
    assert (scan.file.size, scan.file.file_type, scan.file.mismatch) == (200_000, "application/octet-stream", True)
    assert desk.inbox.save_file(scan.file.file_id, tmp_path).read_bytes() == content
    assert desk.verify() == []


def test_the_same_bundle_twice_changes_nothing(desk: DeskPlace, host: PaperHost) -> None:
    path = host.collect([host.message(PaperSource(), "once")])
    desk.importing.import_bundle(path)
    before = desk.inbox.sources()
    assert desk.importing.import_bundle(path).already_had
    assert desk.inbox.sources() == before


def test_a_damaged_copy_of_a_bundle_that_is_here_is_refused_without_alarm(desk: DeskPlace, host: PaperHost) -> None:
    path = host.collect([host.message(PaperSource(), "hello")])
    desk.importing.import_bundle(path)
    whole = path.read_bytes()
    for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-70_000], whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(CryptoError) as caught:
            desk.importing.import_bundle(path)
        assert not isinstance(caught.value, ForkError)
    assert desk.journal.alarms() == []


def test_an_object_that_comes_in_two_bundles_is_kept_once(desk: DeskPlace, host: PaperHost) -> None:
    source = PaperSource()
    twice = [host.message(source, "once"), host.file(source, "a.txt", b"once")]
    desk.importing.import_bundle(host.collect(twice))
    report = desk.importing.import_bundle(host.collect([*twice, host.message(source, "new")]))
    assert (report.messages, report.files, report.doubles) == (1, 0, 2)
    assert desk.inbox.sources()[0].unread == 3
    assert desk.verify() == []


def test_two_bundles_with_one_number_are_an_alarm(desk: DeskPlace, host: PaperHost) -> None:
    source = PaperSource()
    fork = host.collect([host.message(source, "one story")], keep_tip=True)
    desk.importing.import_bundle(host.collect([host.message(source, "another")]))
    with pytest.raises(ForkError):
        desk.importing.import_bundle(fork)
    assert len(desk.journal.alarms()) == 1
    assert desk.inbox.sources()[0].messages == 1


def test_a_bundle_that_follows_another_history_is_an_alarm(desk: DeskPlace, host: PaperHost) -> None:
    desk.importing.import_bundle(host.collect())
    with pytest.raises(ForkError):
        desk.importing.import_bundle(host.collect(previous=b"x" * 32))
    assert desk.journal.alarms()


@pytest.mark.parametrize("acknowledged", [ChainPosition(1, b"x" * 32), ChainPosition(2**31 - 1, b"x" * 32)])
def test_an_acknowledgement_of_what_was_never_made_is_an_alarm(
    desk: DeskPlace, host: PaperHost, acknowledged: ChainPosition
) -> None:
    with pytest.raises(ForkError):
        desk.importing.import_bundle(host.collect(acknowledged=acknowledged))
    assert desk.journal.alarms()
    assert desk.inbox.sources() == []


def test_a_host_that_was_set_back_is_noticed_by_its_acknowledgement(desk: DeskPlace, host: PaperHost) -> None:
    old = host.heard
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), "a")]))
    desk.exporting.export(host.stick)
    host.read_dispatches()
    desk.importing.import_bundle(host.collect())
    report = desk.importing.import_bundle(host.collect(acknowledged=old))
    assert len(report.alarms) == 1
    assert len(desk.journal.alarms()) == 1


def test_a_gap_is_held_named_and_taken_only_by_an_override_that_is_logged(desk: DeskPlace, host: PaperHost) -> None:
    early = host.collect([host.message(PaperSource(), "lost on the way")])
    late = host.collect([host.message(PaperSource(), "second")])
    with pytest.raises(GapError, match="bundle 1 is expected"):
        desk.importing.import_bundle(late)
    assert desk.inbox.sources() == []
    report = desk.importing.import_bundle(late, accept_gap=range(1, 2))
    assert report.gap == (1, 1)
    assert len(desk.inbox.sources()) == 1
    assert any("never came" in note.text for note in desk.journal.alarms())
    assert any(finding.where == "chain" for finding in desk.verify())
    alarms = len(desk.journal.alarms())
    with pytest.raises(SkippedError, match="skipped over"):
        desk.importing.import_bundle(early)  # nobody is at fault: no alarm
    assert len(desk.journal.alarms()) == alarms


@pytest.mark.parametrize(
    "bent",
    [
        {"signing": SigningKey.generate()},
        {"line": b"x" * 16},
        {"direction": Direction.DISPATCH},
    ],
    ids=["signed by a stranger", "for another line", "reflected"],
)
def test_what_the_paired_host_did_not_sign_for_this_desk_is_refused(
    desk: DeskPlace, host: PaperHost, bent: dict[str, object]
) -> None:
    with pytest.raises(ForgedError):
        desk.importing.import_bundle(host.collect([host.message(PaperSource(), "x")], **bent))
    assert desk.inbox.sources() == []


def test_cut_or_changed_bundles_are_refused_and_leave_nothing(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    source = PaperSource()
    path = host.collect([host.file(source, "a.bin", secrets.token_bytes(100_000)), host.message(source, "hello")])
    whole = path.read_bytes()
    middle = len(whole) // 2
    cuts = [0, 10, 1500, 1600, 70_000, 65_552 * 2 + 1_700, middle, len(whole) - 1]
    versions = [whole[:cut] for cut in cuts]
    flips = (5, 100, 1_400, 1_590, 1_620, 70_000, 200_000, middle, len(whole) - 5)
    versions += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in flips]
    versions += [whole + b"\0", whole + whole]
    for version in versions:
        path.write_bytes(version)
        with pytest.raises(CryptoError):
            desk.importing.import_bundle(path)
        assert desk.inbox.sources() == []
        assert list((state / "files").iterdir()) == []
    path.write_bytes(whole)
    assert desk.importing.import_bundle(path).files == 1


def test_an_object_that_differs_from_the_manifest_undoes_the_whole_import(
    desk: DeskPlace, host: PaperHost, state: Path
) -> None:
    source = PaperSource()
    good = host.file(source, "a", b"x" * 1000)
    with pytest.raises(ForgedError):
        desk.importing.import_bundle(host.collect([good, host.message(source, "x", entry_sha256=b"x" * 32)]))
    assert desk.inbox.sources() == []
    assert list((state / "files").iterdir()) == []


def test_a_bundle_to_another_desk_is_not_for_us(desk: DeskPlace, host: PaperHost) -> None:
    with pytest.raises(WrongKeyError):
        desk.importing.import_bundle(host.collect(recipient=Identity.generate().recipient))


LIES = {
    "other mailbox": {"entry_mailbox_ref": b"o" * 16},
    "other id": {"entry_object_id": b"o" * 16},
    "other line": {"line": b"o" * 16},
    "message called a file": {"entry_kind": Kind.FILE},
    "message called a reply": {"entry_kind": Kind.REPLY},
    "sealed to a stranger": {"recipient": Identity.generate().recipient},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_what_cannot_be_opened_or_is_not_what_was_signed_for_is_kept_as_damaged(
    desk: DeskPlace, host: PaperHost, state: Path, lie: dict[str, object]
) -> None:
    source = PaperSource()
    bad = host.message(source, "a lie", **lie)
    report = desk.importing.import_bundle(host.collect([host.message(source, "fine"), bad]))
    assert (report.messages, report.damaged) == (1, 1)
    entries = [entry for summary in desk.inbox.sources() for entry in desk.inbox.conversation(summary.source_id)]
    [damaged] = [entry for entry in entries if entry.kind is EntryKind.DAMAGED]
    assert damaged.damage
    assert damaged.text is None
    [kept] = (state / "files").iterdir()
    assert kept.read_bytes() == bad.data
    assert [finding.where for finding in desk.verify()] == ["objects"]


@pytest.mark.parametrize("content", [b"\xff\xfe broken", b"\xed\xa0\x80"], ids=["not UTF-8", "a surrogate"])
def test_a_text_that_is_not_utf8_is_kept_as_damaged(desk: DeskPlace, host: PaperHost, content: bytes) -> None:
    assert desk.importing.import_bundle(host.collect([host.message(PaperSource(), content)])).damaged == 1


def test_garbage_in_place_of_an_object_is_kept_as_damaged(desk: DeskPlace, host: PaperHost) -> None:
    source = PaperSource()
    sealed = host.message(source, "x")
    garbage = Sealed(replace(sealed.entry, size=3, sha256=hashlib.sha256(b"abc").digest()), b"abc")
    assert desk.importing.import_bundle(host.collect([garbage])).damaged == 1
    assert not desk.inbox.sources()[0].can_reply


def test_a_second_reply_key_is_an_alarm_and_is_not_used(desk: DeskPlace, host: PaperHost) -> None:
    source, thief = PaperSource(), Identity.generate()
    desk.importing.import_bundle(host.collect([host.message(source, "first")]))
    stolen = host.message(source, "second", reply_key=thief.recipient)
    report = desk.importing.import_bundle(host.collect([stolen, host.message(source, "third")]))
    assert len(report.alarms) == 1
    [summary] = desk.inbox.sources()
    assert summary.alarm
    assert [entry.other_key for entry in desk.inbox.conversation(summary.source_id)].count(True) == 1
    desk.replies.reply(summary.source_id, "for the first key")
    desk.exporting.export(host.stick)
    host.read_dispatches()
    [reply] = host.replies.values()
    assert ObjectReader(source.identity, io.BytesIO(reply), len(reply)).read_all() == b"for the first key"
    with pytest.raises(WrongKeyError):
        ObjectReader(thief, io.BytesIO(reply), len(reply))
    desk.journal.see_to(desk.journal.alarms()[0].note_id)
    assert not desk.inbox.source(summary.source_id).alarm


def test_an_erased_mailbox_closes_the_source_and_cancels_what_waits(desk: DeskPlace, host: PaperHost) -> None:
    source = PaperSource()
    desk.importing.import_bundle(host.collect([host.message(source, "hello")]))
    source_id = desk.inbox.sources()[0].source_id
    sent = desk.replies.reply(source_id, "on its way")
    desk.exporting.export(host.stick)
    waiting = desk.replies.reply(source_id, "too late")
    report = desk.importing.import_bundle(host.collect(tombstones=[Tombstone(Erased.MAILBOX, source.mailbox_ref)]))
    assert report.mailboxes_closed == 1
    summary = desk.inbox.source(source_id)
    assert summary.closed
    assert not summary.can_reply
    assert _state(desk, sent) is ReplyState.DISPATCHED
    assert _state(desk, waiting) is ReplyState.CANCELLED
    with pytest.raises(DeskError, match="erased the mailbox"):
        desk.replies.reply(source_id, "again")


def test_a_host_that_tells_of_an_erased_reply_tells_nobody(desk: DeskPlace, host: PaperHost) -> None:
    """That a reply was erased would tell that its source came back."""
    source = PaperSource()
    desk.importing.import_bundle(host.collect([host.message(source, "hello")]))
    reply = desk.replies.reply(desk.inbox.sources()[0].source_id, "read me")
    desk.exporting.export(host.stick)
    host.read_dispatches()
    desk.importing.import_bundle(host.collect())
    before = (desk.inbox.entry(reply), desk.inbox.sources(), desk.journal.alarms())
    [reply_id] = host.replies
    report = desk.importing.import_bundle(host.collect(tombstones=[Tombstone(Erased.REPLY, reply_id)]))
    assert (report.mailboxes_closed, report.alarms) == (0, ())
    assert (desk.inbox.entry(reply), desk.inbox.sources(), desk.journal.alarms()) == before


@pytest.mark.parametrize("day", [3_000_000, 2**31 - 1])
def test_an_impossible_day_does_not_break_the_calendar(desk: DeskPlace, host: PaperHost, day: int) -> None:
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), "x", day=day)], day=day))
    assert desk.inbox.sources()[0].last_day <= 2_932_896


def test_one_import_or_export_at_a_time_and_pages_go_on(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    path = host.collect([host.message(PaperSource(), "x")])
    with exclusively(state / "work.lock"):
        with pytest.raises(BusyError):
            desk.importing.import_bundle(path)
        with pytest.raises(BusyError):
            desk.exporting.export(host.stick)
        assert desk.inbox.sources() == []
    desk.importing.import_bundle(path)


def test_an_unpaired_desk_takes_nothing(desk: DeskPlace, tmp_path: Path) -> None:
    with pytest.raises(NotPairedError):
        desk.importing.import_bundle(tmp_path / "x.age")


def test_a_missing_file_or_a_folder_is_said_clearly(desk: DeskPlace, host: PaperHost, tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.age", tmp_path):
        with pytest.raises(DeskError, match="cannot be read"):
            desk.importing.import_bundle(path)


def test_many_mailboxes_get_names_of_their_own(desk: DeskPlace, host: PaperHost) -> None:
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), f"{n}") for n in range(500)]))
    names = [summary.name for summary in desk.inbox.sources()]
    assert len(set(names)) == 500


def _state(desk: DeskPlace, entry_id: int) -> ReplyState:
    reply = desk.inbox.entry(entry_id).reply
    assert reply is not None
    return reply.state
