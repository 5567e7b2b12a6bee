"""A dispatch bundle is lost for ever. The host goes on without it, and lacks no intake key."""

from pathlib import Path

import pytest

from crypto.bundle import open_bundle
from crypto.manifest import Direction
from store.desk.place import DeskPlace
from store.intake.errors import BundleRefusedError
from tests.support.clock import SetClock
from tests.support.road import Road, RoadSource, collect_bundles, submit, texts_at_desk


@pytest.fixture
def clock() -> SetClock:
    return SetClock(20_000)


@pytest.fixture
def road(tmp_path: Path, clock: SetClock) -> Road:
    return Road(tmp_path, clock)


def lose(road: Road, desk: DeskPlace, number: int) -> None:
    """From the stick and from the desk's own store."""
    for folder in (road.stick, road.desk_state / "outbox"):
        (folder / f"luwte-dispatch-{number:06d}.age").unlink()


def test_keys_in_a_lost_bundle_come_with_the_next(road: Road, clock: SetClock) -> None:
    host = road.host()
    with road.desk() as desk:
        for lost in (2, 3):
            clock.day += 1
            assert desk.exporting.export(road.stick).certificates == 1
            lose(road, desk, lost)
        clock.day += 1
        report = desk.exporting.export(road.stick)
        assert (report.certificates, report.made, report.missing) == (1, (4,), (2, 3))
        last = desk.epochs.certificates()[-1]
    bundle = road.stick / "luwte-dispatch-000004.age"
    with pytest.raises(BundleRefusedError):
        host.deliverer.deliver(bundle)
    assert host.deliverer.deliver(bundle, accept_gap=range(2, 4)).intake_keys == 3

    clock.day = last.day
    assert host.intake_keys.current().certificate == last
    submit(host, RoadSource(1), "sealed to a key that was lost once")
    host.collector.collect(road.stick)
    host.close()
    with road.desk() as desk:
        for path in collect_bundles(road.stick):
            desk.importing.import_bundle(path)
        assert set(texts_at_desk(desk)) == {"sealed to a key that was lost once"}
        assert desk.exporting.export(road.stick).missing == ()


def test_keys_that_the_host_has_acknowledged_are_not_sent_again(road: Road, clock: SetClock) -> None:
    host = road.host()
    host.collector.collect(road.stick)
    with road.desk() as desk:
        desk.importing.import_bundle(collect_bundles(road.stick)[0])
        clock.day += 1
        desk.exporting.export(road.stick)
    with (road.stick / "luwte-dispatch-000002.age").open("rb") as file:
        bundle = open_bundle(
            host.keys.identity, host.line.verify_key, file, line=host.line.line, direction=Direction.DISPATCH
        )
    host.close()
    assert len(bundle.manifest.certificates) == 1
