"""Collecting: all that waits leaves once, in bundles that the desk takes; a broken off collection loses and forks nothing."""

import errno
import os
import secrets
from pathlib import Path
from unittest import mock

import pytest

from crypto.manifest import Direction, Manifest
from store.intake.errors import NoSpaceError
from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, blob_ids, contents, mailbox, rows_of
from tests.support.disk import room_for
from tests.support.road import Road, RoadSource, collect_bundles, submit, texts_at_desk

SOURCE, OTHER = RoadSource(1), RoadSource(2)


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


# Where a collection is cut off, in the order of its steps.
STEPS = (
    "store.intake.collect.Collector._claim",
    "store.intake.collect.Collector._entry",
    "store.intake.collect.Collector._manifest",
    "store.intake.collect.write_bundle",
    "store.files.write_all",
    "store.files.os.fsync",
    "store.files.os.rename",
    "store.files.sync_folder",
    "store.intake.collect.update",
    "store.intake.collect.Collector._copy_out",
)


def take_all(line: Line, files: tuple[Path, ...]) -> list[Manifest]:
    return [line.desk.take(path) for path in files if int(path.stem[-6:]) > line.desk.heard.number]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_real_desk_takes_in_what_was_collected(tmp_path: Path, clock, kind: str, request) -> None:
    url = request.getfixturevalue("postgresql").new_database() if kind == "postgresql" else None
    road = Road(tmp_path, clock, database_url=url)
    host = road.host()
    submit(host, SOURCE, "one", {"a.bin": secrets.token_bytes(200_000)})
    submit(host, OTHER, "two")
    report = host.collector.collect(road.stick)
    host.close()
    assert (report.made, report.objects) == ((1,), 3)
    assert report.files == tuple(collect_bundles(road.stick))
    with road.desk() as desk:
        taken = desk.importing.import_bundle(report.files[0])
        assert (taken.messages, taken.files, taken.damaged) == (2, 1, 0)
        assert set(texts_at_desk(desk)) == {"one", "two", "a.bin"}
        assert desk.verify() == []
        assert desk.journal.alarms() == []


def test_the_manifest_says_where_the_bundle_stands(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "x")
    (manifest,) = take_all(line, host.collector.collect(line.desk.stick).files)
    assert (manifest.line, manifest.direction) == (line.desk.card.line, Direction.COLLECT)
    assert (manifest.number, manifest.previous) == (1, bytes(32))
    assert manifest.acknowledged == line.desk.tip
    assert (manifest.day, manifest.epoch, manifest.floor) == (line.clock.day, 1, 1)
    assert manifest.certificates == ()
    (entry,) = manifest.objects
    assert entry.mailbox_ref == mailbox(host, SOURCE)


def test_nothing_new_makes_no_bundle_and_says_so(host: IntakePlace, line: Line) -> None:
    host.collector.collect(line.desk.stick)  # acknowledges the keys
    before = contents(host)
    report = host.collector.collect(line.desk.stick)
    assert (report.made, report.objects) == ((), 0)
    assert contents(host) == before


def test_an_acknowledgement_alone_is_not_answered_for_ever(host: IntakePlace, line: Line) -> None:
    for _ in range(3):
        take_all(line, host.collector.collect(line.desk.stick).files)
        host.deliverer.deliver(line.desk.dispatch())
    assert host.collector.collect(line.desk.stick).made == ()
    assert len(line.desk.manifests) == 1


def test_what_is_not_acknowledged_is_put_there_again_byte_for_byte(
    host: IntakePlace, line: Line, tmp_path: Path
) -> None:
    submit(host, SOURCE, "one")
    first = host.collector.collect(line.desk.stick)
    submit(host, SOURCE, "two")
    second = host.collector.collect(tmp_path / "other stick")
    assert (first.made, second.made) == ((1,), (2,))
    assert [path.name for path in second.files] == ["luwte-collect-000001.age", "luwte-collect-000002.age"]
    assert second.files[0].read_bytes() == first.files[0].read_bytes()
    take_all(line, second.files)
    assert sorted(line.desk.texts()) == ["one", "two"]
    host.deliverer.deliver(line.desk.dispatch())
    assert host.collector.collect(tmp_path / "third stick").files == ()


@pytest.mark.parametrize("name", ["luwte-collect-000001.age", "luwte-collect-000001.age.part"])
def test_a_pipe_or_a_link_on_the_stick_holds_nobody_up(
    host: IntakePlace, line: Line, name: str, tmp_path: Path
) -> None:
    submit(host, SOURCE, "one")
    secret = tmp_path / "not for the stick"
    secret.write_bytes(b"kept")
    for make in (os.mkfifo, lambda path: path.symlink_to(secret)):
        line.desk.stick.joinpath(name).unlink(missing_ok=True)
        make(line.desk.stick / name)
        (path,) = host.collector.collect(line.desk.stick).files
        assert not path.is_symlink()
        assert path.is_file()
        path.unlink()
    assert secret.read_bytes() == b"kept"


def test_a_bundle_that_the_disk_lost_or_changed_is_named_and_the_others_leave(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "one")
    (first,) = host.collector.collect(line.desk.stick).files
    first.unlink()
    submit(host, SOURCE, "two")
    kept = line.state / "outbox" / first.name
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + b"x")
    report = host.collector.collect(line.desk.stick)
    assert (report.made, report.missing) == ((2,), (1,))
    assert [path.name for path in report.files] == ["luwte-collect-000002.age"]
    assert not first.exists()
    kept.unlink()
    assert host.collector.collect(line.desk.stick).missing == (1,)
    kept.write_bytes(whole)
    assert host.collector.collect(line.desk.stick).missing == ()
    assert first.read_bytes() == whole


def test_a_bundle_that_the_courier_damaged_is_written_anew(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "one")
    (path,) = host.collector.collect(line.desk.stick).files
    whole = path.read_bytes()
    for damaged in (b"", whole[:-1], whole[:100] + b"x" + whole[101:], whole + b"\0"):
        path.write_bytes(damaged)
        assert host.collector.collect(line.desk.stick).made == ()
        assert path.read_bytes() == whole


def test_more_than_one_bundle_holds_goes_into_several(line: Line) -> None:
    host = line.open(file_bytes=100_000, bundle_bytes=300_000)
    submit(host, SOURCE, "message", {f"{number}": secrets.token_bytes(90_000) for number in range(5)})
    report = host.collector.collect(line.desk.stick)
    assert (len(report.made), report.objects) == (3, 6)
    manifests = take_all(line, report.files)
    assert all(sum(entry.size for entry in manifest.objects) <= 300_000 for manifest in manifests)
    assert line.desk.texts().total() == 6 == len(line.desk.texts())


def test_what_is_larger_than_a_lowered_limit_is_collected_all_the_same(line: Line) -> None:
    host = line.open()
    submit(host, SOURCE, "message", {"large": secrets.token_bytes(1_000_000)})
    host.close()
    lowered = line.open(file_bytes=1_000, bundle_bytes=100_000)
    take_all(line, lowered.collector.collect(line.desk.stick).files)
    assert set(line.desk.texts()) == {"message", "large"}


@pytest.mark.parametrize("step", STEPS)
def test_a_collection_cut_off_anywhere_is_repeated_with_the_same_number(line: Line, step: str) -> None:
    host = line.open(file_bytes=50_000, bundle_bytes=100_000)
    submit(host, SOURCE, "one", {"f": b"x" * 40_000, "g": b"x" * 40_000})
    with mock.patch(step, crash), pytest.raises(Crash):
        host.collector.collect(line.desk.stick)
    host.close()
    again = line.open(file_bytes=50_000, bundle_bytes=100_000)
    again.sweep()
    submit(again, OTHER, "two")
    files = again.collector.collect(line.desk.stick).files
    assert [int(path.stem[-6:]) for path in files] == list(range(1, len(files) + 1))
    take_all(line, files)
    assert dict(line.desk.texts()) == {"one": 1, "two": 1, "f": 1, "g": 1}
    assert again.status().waiting_objects == 0
    assert {path.name for path in (line.state / "outbox").iterdir()} == {path.name for path in files}


def test_a_bundle_that_left_is_never_made_differently(line: Line) -> None:
    """Cut off after the copy reached the stick: the courier may have taken it to the desk."""
    host = line.open()
    submit(host, SOURCE, "one")
    genuine = os.rename

    def rename_and_crash(source: Path, target: Path) -> None:
        genuine(source, target)
        if Path(target).parent == line.desk.stick:
            raise Crash

    with mock.patch("store.files.os.rename", rename_and_crash), pytest.raises(Crash):
        host.collector.collect(line.desk.stick)
    taken = collect_bundles(line.desk.stick)[0]
    line.desk.take(taken)
    submit(host, SOURCE, "two")
    take_all(line, host.collector.collect(line.desk.stick).files)
    assert dict(line.desk.texts()) == {"one": 1, "two": 1}


def test_a_host_without_room_for_a_bundle_keeps_all_that_waits(line: Line) -> None:
    host = line.open()
    submit(host, SOURCE, "one", {"f": secrets.token_bytes(900_000)})
    before = blob_ids(host)
    with room_for(500_000), pytest.raises(NoSpaceError, match="disk of the intake host is full"):
        host.collector.collect(line.desk.stick)
    assert list((line.state / "outbox").iterdir()) == []
    assert list(line.desk.stick.glob("luwte-collect*")) == []
    assert blob_ids(host) == before
    report = host.collector.collect(line.desk.stick)
    assert report.made == (1,)
    take_all(line, report.files)
    assert set(line.desk.texts()) == {"one", "f"}


def test_a_full_stick_gets_no_half_bundle_and_the_next_one_gets_it_all(
    host: IntakePlace, line: Line, tmp_path: Path
) -> None:
    submit(host, SOURCE, "one")
    genuine = os.open

    def no_room_on_the_stick(path: Path, *given: int, **keywords: int) -> int:
        if Path(path).parent == tmp_path / "full":
            raise OSError(errno.ENOSPC, "No space left on device")
        return genuine(path, *given, **keywords)

    with (
        mock.patch("store.files.os.open", no_room_on_the_stick),
        pytest.raises(NoSpaceError, match="folder for bundles is full"),
    ):
        host.collector.collect(tmp_path / "full")
    assert list((tmp_path / "full").iterdir()) == []
    report = host.collector.collect(line.desk.stick)
    assert report.made == ()
    take_all(line, report.files)
    assert set(line.desk.texts()) == {"one"}


def test_a_folder_that_cannot_be_written_to_is_said(host: IntakePlace, tmp_path: Path) -> None:
    submit(host, SOURCE, "one")
    (tmp_path / "a file").write_bytes(b"")
    with pytest.raises(NoSpaceError, match="cannot be written to"):
        host.collector.collect(tmp_path / "a file" / "stick")


def test_a_missing_or_cut_object_is_noted_and_the_others_leave(sqlite_line: Line) -> None:
    line, host = sqlite_line, sqlite_line.open()
    for number in range(1, 5):
        submit(host, RoadSource(number), f"{number}")
    files = line.blob_files()
    files[0].unlink()
    files[1].write_bytes(files[1].read_bytes()[:-1])
    take_all(line, host.collector.collect(line.desk.stick).files)
    assert line.desk.texts().total() == 2
    status = host.status()
    assert [day for day, _ in status.notes] == [line.clock.day] * 2
    assert status.waiting_objects == 0
    assert rows_of(host, "submitted_object") != []
    host.sweep()
    assert len(line.blob_files()) == 2


def test_an_object_with_turned_bits_goes_to_the_desk_which_sees_it(tmp_path: Path, clock) -> None:
    road = Road(tmp_path, clock)
    host = road.host()
    submit(host, SOURCE, "turned")
    submit(host, OTHER, "healthy")
    path = next(path for path in (road.host_state / "blobs").rglob("*.age"))
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    report = host.collector.collect(road.stick)
    host.close()
    with road.desk() as desk:
        taken = desk.importing.import_bundle(report.files[0])
        assert (taken.damaged, taken.messages) == (1, 1)


def test_what_was_collected_stays_until_it_is_acknowledged(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "one", {"f": b"x"})
    kept = blob_ids(host)
    take_all(line, host.collector.collect(line.desk.stick).files)
    assert blob_ids(host) == kept
    submit(host, SOURCE, "after it")
    report = host.deliverer.deliver(line.desk.dispatch())
    assert (report.acknowledged, report.deleted) == (1, 2)
    assert len(blob_ids(host)) == 1
    assert list((line.state / "outbox").iterdir()) == []
