"""The inbox: order of attention, unread marks, saving and deleting."""

import os
import secrets
from pathlib import Path

import pytest

from crypto.manifest import Erased, Tombstone
from crypto.xwing import Identity
from store.desk.errors import DamagedError, DeskError, GoneError
from store.desk.model import EntryKind
from store.desk.place import DeskPlace
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost, PaperSource


def test_what_needs_attention_stands_first(desk: DeskPlace, host: PaperHost, clock: SetClock) -> None:
    alarming, answered, read, fresh, closed = (PaperSource() for _ in range(5))
    desk.importing.import_bundle(
        host.collect([host.message(source, "x") for source in (alarming, answered, read, closed)])
    )
    by_ref = {source.mailbox_ref: source for source in (alarming, answered, read, closed)}
    ids = _ids(desk, by_ref)
    for source_id in ids.values():
        desk.inbox.mark_read(source_id)
    desk.replies.reply(ids[answered.mailbox_ref], "answer")
    clock.day += 1
    desk.importing.import_bundle(
        host.collect(
            [host.message(fresh, "new"), host.message(alarming, "x", reply_key=Identity.generate().recipient)],
            [Tombstone(Erased.MAILBOX, closed.mailbox_ref)],
        )
    )
    ids |= _ids(desk, {fresh.mailbox_ref: fresh} | by_ref)
    order = [summary.source_id for summary in desk.inbox.sources()]
    expected = [ids[source.mailbox_ref] for source in (alarming, fresh, read)]
    assert order[:3] == expected
    assert set(order[3:]) == {ids[answered.mailbox_ref], ids[closed.mailbox_ref]}


def test_marks_cover_what_was_on_the_page_and_nothing_that_came_since(desk: DeskPlace, host: PaperHost) -> None:
    source = PaperSource()
    desk.importing.import_bundle(host.collect([host.message(source, "first")]))
    source_id = desk.inbox.sources()[0].source_id
    seen = max(entry.entry_id for entry in desk.inbox.conversation(source_id))
    desk.importing.import_bundle(host.collect([host.message(source, "second")]))
    desk.inbox.mark_read(source_id, [seen])
    assert [entry.unread for entry in desk.inbox.conversation(source_id)] == [False, True]
    desk.inbox.mark_read(source_id)
    assert desk.inbox.source(source_id).unread == 0
    desk.inbox.mark_unread(seen)
    assert desk.inbox.source(source_id).unread == 1


def test_a_conversation_reads_in_its_order(desk: DeskPlace, host: PaperHost, clock: SetClock) -> None:
    source = PaperSource()
    older = host.message(source, "older", submission_id=b"a" * 16)
    file = host.file(source, "b.txt", b"x", submission_id=b"a" * 16)
    clock.day += 1
    newer = host.message(source, "newer", submission_id=b"b" * 16)
    desk.importing.import_bundle(host.collect([newer, file, older]))
    source_id = desk.inbox.sources()[0].source_id
    desk.replies.reply(source_id, "answer")
    desk.importing.import_bundle(host.collect([host.message(source, "thanks")]))
    kinds = [(entry.kind, entry.text) for entry in desk.inbox.conversation(source_id)]
    assert kinds == [
        (EntryKind.MESSAGE, "older"),
        (EntryKind.FILE, None),
        (EntryKind.MESSAGE, "newer"),
        (EntryKind.REPLY, "answer"),
        (EntryKind.MESSAGE, "thanks"),
    ]


def test_saving_never_replaces_and_never_leaves_a_part(
    desk: DeskPlace, host: PaperHost, state: Path, tmp_path: Path
) -> None:
    source = PaperSource()
    content = secrets.token_bytes(300_000)
    desk.importing.import_bundle(host.collect([host.file(source, "../../bin/x.jpg", content)]))
    [entry] = desk.inbox.conversation(1)
    folder = tmp_path / "out"
    folder.mkdir()
    paths = [desk.inbox.save_file(entry.entry_id, folder) for _ in range(3)]
    assert [path.name for path in paths] == ["x.jpg", "x-2.jpg", "x-3.jpg"]
    assert all(path.read_bytes() == content and path.stat().st_mode & 0o777 == 0o600 for path in paths)
    (folder / "x-4.jpg").symlink_to(tmp_path / "elsewhere")
    assert desk.inbox.save_file(entry.entry_id, folder).name == "x-5.jpg"
    assert not (tmp_path / "elsewhere").exists()
    before = sorted(os.listdir(folder))
    [stored] = (state / "files").iterdir()
    sealed = stored.read_bytes()
    changed = bytearray(sealed)
    changed[150_000] ^= 1
    for damaged in (sealed[:-1], bytes(changed), sealed + b"x", b""):
        stored.write_bytes(damaged)
        with pytest.raises(DamagedError):
            desk.inbox.save_file(entry.entry_id, folder)
        assert desk.verify()
    stored.unlink()
    with pytest.raises(DamagedError, match="missing"):
        desk.inbox.save_file(entry.entry_id, folder)
    with pytest.raises(DeskError):
        desk.inbox.save_file(entry.entry_id, tmp_path / "no folder")
    assert sorted(os.listdir(folder)) == before


def test_deleting_a_source_removes_its_rows_files_and_words(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    source, other = PaperSource(), PaperSource()
    objects = [host.message(source, "gone"), host.file(source, "gone.txt", b"x"), host.message(source, b"\xff")]
    desk.importing.import_bundle(host.collect([*objects, host.message(other, "stays")]))
    summaries = {summary.files: summary.source_id for summary in desk.inbox.sources()}
    desk.replies.reply(summaries[1], "not sent any more")
    desk.inbox.delete_source(summaries[1])
    assert [summary.source_id for summary in desk.inbox.sources()] == [summaries[0]]
    assert list((state / "files").iterdir()) == []
    assert desk.replies.queued() == 0
    for use in (desk.inbox.source, desk.inbox.delete_source):
        with pytest.raises(GoneError):
            use(summaries[1])
    assert desk.verify() == []
    # It writes again: a new source to this desk, under a number that was never used.
    desk.importing.import_bundle(host.collect([host.message(source, "again")]))
    assert max(summary.source_id for summary in desk.inbox.sources()) > max(summaries.values())


def test_deleting_one_thing_leaves_the_rest(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    source = PaperSource()
    desk.importing.import_bundle(host.collect([host.message(source, "stays"), host.file(source, "a", b"x")]))
    message, file = desk.inbox.conversation(1)
    desk.inbox.delete_entry(file.entry_id)
    assert [entry.entry_id for entry in desk.inbox.conversation(1)] == [message.entry_id]
    assert list((state / "files").iterdir()) == []
    with pytest.raises(GoneError):
        desk.inbox.file(file.entry_id)
    with pytest.raises(GoneError):
        desk.inbox.file(message.entry_id)
    with pytest.raises(GoneError):
        desk.inbox.delete_entry(desk.replies.reply(1, "a reply is withdrawn, not deleted"))


def _ids(desk: DeskPlace, by_ref: dict[bytes, PaperSource]) -> dict[bytes, int]:
    with desk._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT mailbox_ref, id FROM sources").all()
    return {ref: source_id for ref, source_id in rows if ref in by_ref}
