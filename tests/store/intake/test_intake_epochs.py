"""Which intake key seals: the day's, never an older one again, and none when they have run out."""

import threading

import pytest
from sqlalchemy import select

from crypto.epoch import Standing
from store.intake.errors import BundleRefusedError, IntakeClosedError, KeyRetiredError
from store.intake.place import IntakePlace
from store.intake.submissions import Submission
from store.intake.tables import SubmittedObject
from tests.store.intake.conftest import DAY, Line, blob_ids, rows_of
from tests.support.road import RoadSource, submit

SOURCE = RoadSource(1)


def sealed_to(host: IntakePlace) -> list[int]:
    """The epochs of what was sent and is not collected yet."""
    with host.database.reading() as session:
        return sorted(session.scalars(select(SubmittedObject.epoch).filter_by(bundle=None)))


def test_each_day_has_its_key(line: Line) -> None:
    host = line.open()
    for day in range(DAY, DAY + 4):
        line.clock.day = day
        submit(host, SOURCE, f"{day}")
    assert sealed_to(host) == [1, 2, 3, 4]
    manifest = line.desk.take(host.collector.collect(line.desk.stick).files[0])
    assert {one.header.epoch: one.content for one in line.desk.opened} == {
        epoch: str(DAY + epoch - 1).encode() for epoch in (1, 2, 3, 4)
    }
    assert (manifest.epoch, manifest.floor, manifest.day) == (4, 3, DAY + 3)  # something of yesterday may still come


def test_a_submission_keeps_the_key_with_which_it_began(line: Line) -> None:
    host = line.open()
    submission = host.submissions.begin(SOURCE.lookup, SOURCE.identity.recipient, SOURCE.first_ref)
    submission.add_message("before midnight")
    line.clock.day += 1
    submission.add_message("after midnight")
    submit(host, RoadSource(2), "with the next key")
    submission.commit()
    line.desk.take(host.collector.collect(line.desk.stick).files[0])
    assert {one.content.decode(): one.header.epoch for one in line.desk.opened} == {
        "before midnight": 1,
        "after midnight": 1,
        "with the next key": 2,
    }


def test_the_floor_stays_at_what_no_bundle_has_yet(line: Line) -> None:
    """The desk destroys keys below it: what still waits for a later bundle must hold it down."""
    host = line.open(file_bytes=1, bundle_bytes=40_000)
    for day in range(DAY, DAY + 5):
        line.clock.day = day
        submit(host, SOURCE, f"{day}")
    manifests = [line.desk.take(path) for path in host.collector.collect(line.desk.stick).files]
    assert len(manifests) == 3
    waiting = list(range(1, 6))
    for manifest in manifests:
        for entry in manifest.objects:
            waiting.remove(next(o.header.epoch for o in line.desk.opened if o.header.object_id == entry.object_id))
        assert manifest.epoch == 5
        assert manifest.floor == min([*waiting, 4])


def late_keys(line: Line, host: IntakePlace) -> None:
    """The last key has served far beyond its day; the one that follows comes long after its own."""
    following = line.desk.certify(DAY + 45)
    line.clock.day = DAY + 50
    begin_one(host).abort()
    host.deliverer.deliver(line.desk.dispatch(certificates=following))


def begin_one(host: IntakePlace) -> Submission:
    submission = host.submissions.begin(SOURCE.lookup, SOURCE.identity.recipient, SOURCE.first_ref)
    submission.add_message("on its way")
    return submission


def test_an_upload_on_its_way_while_late_keys_come_and_a_bundle_leaves_is_not_lost(line: Line) -> None:
    host = line.open()
    line.clock.day = DAY + 50
    on_its_way = begin_one(host)
    late_keys(line, host)
    submit(host, RoadSource(2), "with the new key")
    manifest = line.desk.take(host.collector.collect(line.desk.stick).files[0])
    assert (manifest.epoch, manifest.floor) == (42, 41)
    line.clock.day += 1
    on_its_way.commit()
    assert line.desk.take(host.collector.collect(line.desk.stick).files[1]).floor == 41
    assert "on its way" in line.desk.texts()


def test_the_floor_passes_a_key_two_days_after_its_last_use(line: Line) -> None:
    host = line.open()
    late_keys(line, host)
    floors = []
    for _ in range(4):
        submit(host, RoadSource(2), "x")
        floors.append(line.desk.take(host.collector.collect(line.desk.stick).files[-1]).floor)
        line.clock.day += 1
    assert floors == [41, 41, 42, 42]


def test_a_key_that_was_long_not_used_holds_nothing_down(line: Line) -> None:
    """Nobody came for a week: the desk need not wait for the next bundle."""
    host = line.open()
    submit(host, SOURCE, "x")
    line.clock.day += 7
    manifest = line.desk.take(host.collector.collect(line.desk.stick).files[0])
    assert (manifest.epoch, manifest.floor) == (8, 8)


def test_what_is_sealed_below_a_floor_that_was_told_is_refused_and_leaves_nothing(line: Line) -> None:
    """A clock that went ahead and came back: the source is told, the desk gets nothing that it cannot open."""
    host = line.open()
    submit(host, RoadSource(2), "before")
    on_its_way = begin_one(host)
    line.clock.day += 10
    assert line.desk.take(host.collector.collect(line.desk.stick).files[0]).floor == 11
    line.clock.day -= 10
    kept = blob_ids(host)
    with pytest.raises(KeyRetiredError):
        on_its_way.commit()
    assert sealed_to(host) == []
    assert len(blob_ids(host)) == len(kept) - 1
    submit(host, SOURCE, "sent again")
    assert sealed_to(host) == [11]


def test_a_clock_that_is_turned_back_brings_no_old_key_back(line: Line) -> None:
    host = line.open()
    line.clock.day += 10
    submit(host, SOURCE, "x")
    host.close()
    line.clock.day -= 10
    again = line.open()
    submit(again, SOURCE, "y")
    assert sealed_to(again) == [11, 11]


def test_the_mark_outlives_the_deletion_of_old_certificates(line: Line) -> None:
    host = line.open()
    line.clock.day += 10
    host.intake_keys.current()
    host.deliverer.deliver(line.desk.dispatch(certificates=line.desk.certify(DAY + 41)))
    assert [row[0] for row in rows_of(host, "intake_key")] == list(range(11, 43))
    line.clock.day = DAY - 100
    assert host.intake_keys.current().certificate == line.certificate(11)


def test_without_a_key_for_today_intake_is_closed(line: Line) -> None:
    line.clock.day = DAY - 1
    host = line.open()
    assert host.intake_keys.current().standing is Standing.CLOSED
    assert not host.submissions.is_open()
    with pytest.raises(IntakeClosedError):
        submit(host, SOURCE, "x")
    line.clock.day = DAY
    submit(host, SOURCE, "x")


@pytest.mark.parametrize(
    ("days_on", "standing", "days_left"),
    [
        (0, Standing.OK, 70),
        (10, Standing.LOW_30, 60),
        (26, Standing.LOW_14, 44),
        (40, Standing.LOW_14, 30),
        (41, Standing.LAST, 29),
        (70, Standing.LAST, 0),
    ],
)
def test_keys_that_run_out_are_warned_about(
    sqlite_line: Line, days_on: int, standing: Standing, days_left: int
) -> None:
    host = sqlite_line.open()
    sqlite_line.clock.day += days_on
    keys = host.status().keys
    assert (keys.standing, keys.days_left) == (standing, days_left)
    submit(host, SOURCE, "x")
    assert sealed_to(host) == [min(days_on, 40) + 1]


def test_thirty_days_after_the_last_key_intake_closes_until_new_ones_come(line: Line) -> None:
    host = line.open()
    line.clock.day += 71
    assert host.status().keys.standing is Standing.CLOSED
    with pytest.raises(IntakeClosedError):
        submit(host, SOURCE, "x")
    host.deliverer.deliver(line.desk.dispatch(certificates=line.desk.certify(DAY + 71)))
    submit(host, SOURCE, "x")
    assert sealed_to(host) == [42]


def test_certificates_that_do_not_follow_change_nothing(line: Line) -> None:
    host = line.open()
    held = [certificate.encoded for certificate, _ in line.desk.keys]
    skipped = line.desk.certify(DAY + 50, DAY + 51)[1:]
    del line.desk.keys[-3:]
    other_than_the_last = line.desk.certify(DAY + 40)
    line.desk.keys.clear()
    other_than_the_first = line.desk.certify(DAY)
    for certificates in (
        other_than_the_first,
        other_than_the_last,
        [*held[:-1], *other_than_the_last],
        skipped,
        [*held, *skipped],
        [b"nonsense"],
    ):
        bundle = line.desk.dispatch(certificates=certificates, keep_tip=True)
        with pytest.raises(BundleRefusedError):
            host.deliverer.deliver(bundle)
        assert len(rows_of(host, "intake_key")) == 41
        assert len(rows_of(host, "in_bundle")) == 1


def test_certificates_that_come_again_are_passed_over(line: Line) -> None:
    host = line.open()
    held = [certificate.encoded for certificate, _ in line.desk.keys]
    line.clock.day += 10
    host.intake_keys.current()
    new = line.desk.certify(DAY + 41)
    assert host.deliverer.deliver(line.desk.dispatch(certificates=[*held, *new])).intake_keys == 1
    assert [row[0] for row in rows_of(host, "intake_key")] == list(range(11, 43))
    # Now also the ones that the host has deleted since.
    assert host.deliverer.deliver(line.desk.dispatch(certificates=[*held, *new])).intake_keys == 0
    assert host.deliverer.deliver(line.desk.dispatch(certificates=held[:3])).intake_keys == 0
    assert [row[0] for row in rows_of(host, "intake_key")] == list(range(11, 43))


def test_many_threads_may_meet_the_first_key_at_once(line: Line) -> None:
    hosts = [line.open() for _ in range(4)]
    barrier = threading.Barrier(4)
    failures: list[BaseException] = []

    def look(host: IntakePlace) -> None:
        try:
            barrier.wait()
            host.intake_keys.current()
        except BaseException as error:  # noqa: BLE001 - shown by the test's own thread
            failures.append(error)

    for days in range(1, 6):
        line.clock.day += 1
        threads = [threading.Thread(target=look, args=(host,)) for host in hosts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert rows_of(hosts[0], "mark") == [("epoch_high_water", days + 1)]
