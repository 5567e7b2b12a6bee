"""A full disk or stick: a clear error, nothing lost, nothing left behind."""

import secrets
from pathlib import Path

import pytest

from store.desk.errors import NoSpaceError
from store.desk.place import DeskPlace
from tests.store.desk.conftest import reopen
from tests.support.clock import SetClock
from tests.support.disk import room_for
from tests.support.paper_host import PaperHost, PaperSource


def test_an_import_that_finds_no_room_for_a_file_changes_nothing(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    source = PaperSource()
    path = host.collect([host.message(source, "x"), host.file(source, "large", secrets.token_bytes(3_000_000))])
    with room_for(1_000_000), pytest.raises(NoSpaceError):
        desk.importing.import_bundle(path)
    assert desk.inbox.sources() == []
    assert list((state / "files").iterdir()) == []
    assert desk.importing.import_bundle(path).files == 1
    assert desk.verify() == []


def test_an_import_that_finds_no_room_in_the_database_changes_nothing(
    desk: DeskPlace, host: PaperHost, state: Path, clock: SetClock
) -> None:
    source = PaperSource()
    path = host.collect([host.file(source, "f", b"x"), *(host.message(source, "y" * 90_000) for _ in range(20))])
    with room_for(1_000_000), pytest.raises(NoSpaceError):
        desk.importing.import_bundle(path)
    assert list((state / "files").iterdir()) == []
    desk.close()
    with reopen(state, clock) as again:
        assert again.inbox.sources() == []
        assert again.importing.import_bundle(path).messages == 20
        assert again.verify() == []


def test_an_export_that_finds_no_room_keeps_its_replies_queued(desk: DeskPlace, host: PaperHost, state: Path) -> None:
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), "x")]))
    desk.replies.reply(1, "y" * 90_000)
    with room_for(500_000), pytest.raises(NoSpaceError):
        desk.exporting.export(host.stick)
    assert desk.replies.queued() == 1
    assert not [path for path in host.stick.iterdir() if "dispatch-000002" in path.name]
    assert desk.exporting.export(host.stick).made == (2,)
    host.read_dispatches()
    assert len(host.replies) == 1
    assert len(list((state / "outbox").iterdir())) == 1


def test_a_full_stick_gets_no_half_bundle_and_a_second_one_gets_it_all(
    desk: DeskPlace, host: PaperHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.importing.import_bundle(host.collect([host.message(PaperSource(), "x")]))
    desk.replies.reply(1, "hello")
    stick = tmp_path / "full"
    stick.mkdir()
    copy = desk.exporting._outbox.copy
    monkeypatch.setattr(desk.exporting._outbox, "copy", lambda *given: _with_little_room(copy, *given))
    with pytest.raises(NoSpaceError):
        desk.exporting.export(stick)
    monkeypatch.undo()
    assert list(stick.iterdir()) == []
    assert desk.exporting.export(host.stick).written == ("luwte-dispatch-000002.age",)


def test_saving_where_no_room_is_leaves_nothing(desk: DeskPlace, host: PaperHost, tmp_path: Path) -> None:
    desk.importing.import_bundle(host.collect([host.file(PaperSource(), "f", secrets.token_bytes(300_000))]))
    folder = tmp_path / "out"
    folder.mkdir()
    with room_for(100_000), pytest.raises(NoSpaceError):
        desk.inbox.save_file(desk.inbox.conversation(1)[0].entry_id, folder)
    assert list(folder.iterdir()) == []


def _with_little_room(copy: object, *given: object) -> object:
    with room_for(100_000):
        return copy(*given)  # type: ignore[operator]  # a bound method
