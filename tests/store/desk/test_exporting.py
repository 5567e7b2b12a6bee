"""Dispatch bundles: replies, tombstones, keys and acknowledgements, once each, until they are acknowledged."""

import io
import os
from pathlib import Path

import pytest

from crypto.manifest import Erased, Tombstone
from crypto.sealed_object import Kind, ObjectReader
from store.desk.errors import CannotReplyError, DeskError, GoneError, NotPairedError
from store.desk.model import ReplyState
from store.desk.place import DeskPlace
from tests.store.desk.conftest import reopen, time_out
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost, PaperSource


@pytest.fixture
def source() -> PaperSource:
    return PaperSource()


@pytest.fixture
def source_id(desk: DeskPlace, host: PaperHost, source: PaperSource) -> int:
    desk.importing.import_bundle(host.collect([host.message(source, "hello")]))
    return desk.inbox.sources()[0].source_id


def test_a_reply_reaches_the_source_and_its_state_follows(
    desk: DeskPlace, host: PaperHost, source: PaperSource, source_id: int
) -> None:
    text = "Ga niet alleen. 不要一个人去。"
    entry_id = desk.replies.reply(source_id, f"  {text}\r\n")
    assert _state(desk, entry_id) is ReplyState.QUEUED
    assert desk.replies.queued() == 1
    report = desk.exporting.export(host.stick)
    assert (report.made, report.replies) == ((2,), 1)
    assert _state(desk, entry_id) is ReplyState.DISPATCHED
    [manifest] = host.read_dispatches()
    [(reply_id, sealed)] = host.replies.items()
    reader = ObjectReader(source.identity, io.BytesIO(sealed), len(sealed))
    assert reader.read_all().decode() == text
    assert (reader.header.kind, reader.header.object_id) == (Kind.REPLY, reply_id)
    assert reader.header.mailbox_ref == source.mailbox_ref == manifest.objects[0].mailbox_ref
    assert desk.importing.import_bundle(host.collect()).replies_taken_in == 1
    assert _state(desk, entry_id) is ReplyState.TAKEN_IN
    assert not desk.inbox.source(source_id).awaits_answer


@pytest.mark.parametrize("suffix", ["", ".part"])
@pytest.mark.parametrize("trap", ["device", "pipe", "endless", "link"])
def test_what_a_stranger_put_on_the_stick_holds_nothing_up(
    desk: DeskPlace, host: PaperHost, source_id: int, state: Path, tmp_path: Path, trap: str, suffix: str
) -> None:
    desk.exporting.export(host.stick)
    path = host.stick / "luwte-dispatch-000002.age"
    bundle = path.read_bytes()
    path.unlink()
    place, other = path.with_name(path.name + suffix), tmp_path / "other"
    other.write_text("not ours")
    if trap == "pipe":
        os.mkfifo(place)
    elif trap == "endless":
        with place.open("wb") as file:
            file.truncate(1 << 42)
    else:
        place.symlink_to("/dev/zero" if trap == "device" else other)
    with time_out():
        assert desk.exporting.export(host.stick).written == (path.name,)
    assert path.read_bytes() == bundle
    assert not path.is_symlink()
    assert other.read_text() == "not ours"


def test_nothing_to_tell_makes_no_bundle_and_two_idle_places_come_to_rest(
    desk: DeskPlace, host: PaperHost, source_id: int, state: Path
) -> None:
    assert desk.exporting.export(host.stick).made == (2,)  # owes an acknowledgement
    assert desk.exporting.export(host.stick).made == ()
    host.read_dispatches()
    desk.importing.import_bundle(host.collect())  # an acknowledgement and nothing else
    assert desk.exporting.waiting() == 0
    assert desk.exporting.export(host.stick).made == ()
    assert list((state / "outbox").iterdir()) == []


def test_unacknowledged_bundles_are_written_again_unchanged(
    desk: DeskPlace, host: PaperHost, source_id: int, tmp_path: Path
) -> None:
    desk.replies.reply(source_id, "one")
    desk.exporting.export(host.stick)
    desk.replies.reply(source_id, "two")
    other_stick = tmp_path / "other"
    other_stick.mkdir()
    report = desk.exporting.export(other_stick)
    assert report.written == ("luwte-dispatch-000002.age", "luwte-dispatch-000003.age")
    first = "luwte-dispatch-000002.age"
    assert (other_stick / first).read_bytes() == (host.stick / first).read_bytes()
    (other_stick / first).write_bytes(b"damaged on the stick")
    desk.exporting.export(other_stick)
    assert (other_stick / first).read_bytes() == (host.stick / first).read_bytes()


def test_a_bundle_that_has_gone_from_the_outbox_is_named_and_the_rest_is_written(
    desk: DeskPlace, host: PaperHost, source_id: int, state: Path, tmp_path: Path
) -> None:
    desk.replies.reply(source_id, "one")
    desk.exporting.export(host.stick)
    (state / "outbox" / "luwte-dispatch-000002.age").write_bytes(b"changed")
    desk.replies.reply(source_id, "two")
    other_stick = tmp_path / "other"
    other_stick.mkdir()
    report = desk.exporting.export(other_stick)
    assert report.missing == (2,)
    assert [path.name for path in other_stick.iterdir()] == ["luwte-dispatch-000003.age"]
    assert [finding.where for finding in desk.verify()] == ["outbox"]


def test_more_replies_than_one_bundle_holds_make_several(
    desk: DeskPlace, host: PaperHost, source_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.desk.exporting.MOST_CHARACTERS", 250)
    for number in range(7):
        desk.replies.reply(source_id, f"{number}" * 100)
    assert desk.exporting.export(host.stick).made == (2, 3, 4, 5)
    host.read_dispatches()
    assert len(host.replies) == 7


def test_withdrawing_cancels_what_waits_and_tells_the_host_of_what_left(
    desk: DeskPlace, host: PaperHost, source_id: int
) -> None:
    waiting = desk.replies.reply(source_id, "never sent")
    desk.replies.withdraw(waiting)
    with pytest.raises(GoneError):
        desk.inbox.entry(waiting)
    sent = desk.replies.reply(source_id, "sent, then withdrawn")
    desk.exporting.export(host.stick)
    host.read_dispatches()
    desk.replies.withdraw(sent)
    desk.replies.withdraw(sent)
    desk.exporting.export(host.stick)
    [manifest] = host.read_dispatches()
    assert manifest.tombstones == (Tombstone(Erased.REPLY, next(iter(host.replies))),)
    assert len(host.replies) == 1


@pytest.mark.parametrize("text", ["", " \n ", "x" * 100_001, "\ud800"], ids=["empty", "blank", "too long", "surrogate"])
def test_texts_that_are_no_reply_are_refused(desk: DeskPlace, source_id: int, text: str) -> None:
    with pytest.raises(CannotReplyError):
        desk.replies.reply(source_id, text)
    assert desk.replies.queued() == 0


def test_nobody_can_be_answered_who_is_unknown_or_unreadable(desk: DeskPlace, host: PaperHost) -> None:
    with pytest.raises(GoneError):
        desk.replies.reply(99, "x")
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), b"\xff")]))
    with pytest.raises(CannotReplyError, match="no key"):
        desk.replies.reply(desk.inbox.sources()[0].source_id, "x")


def test_an_export_needs_a_host_and_a_folder(desk: DeskPlace, tmp_path: Path, clock: SetClock) -> None:
    with pytest.raises(NotPairedError):
        desk.exporting.export(tmp_path)
    desk.pair(PaperHost(desk.line_card_text, clock, tmp_path / "stick").card.text)
    with pytest.raises(DeskError, match="not a folder"):
        desk.exporting.export(tmp_path / "not mounted")


def test_a_kill_before_a_bundle_was_written_down_uses_its_number_again(
    desk: DeskPlace, host: PaperHost, source_id: int, state: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry_id = desk.replies.reply(source_id, "once")
    monkeypatch.setattr("store.desk.exporting._write_down", _killed)
    with pytest.raises(KeyboardInterrupt):
        desk.exporting.export(host.stick)
    monkeypatch.undo()
    assert (state / "outbox" / "luwte-dispatch-000002.age").exists()
    assert not (host.stick / "luwte-dispatch-000002.age").exists()
    desk.close()
    with reopen(state, clock) as again:
        assert _state(again, entry_id) is ReplyState.QUEUED
        assert again.exporting.export(host.stick).made == (2,)
        host.read_dispatches()
        assert len(host.replies) == 1


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def _state(desk: DeskPlace, entry_id: int) -> ReplyState:
    reply = desk.inbox.entry(entry_id).reply
    assert reply is not None
    return reply.state
