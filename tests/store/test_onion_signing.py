"""The road of an onion card between a real intake host and a real desk: asked for, compared, signed, brought back, once."""

from pathlib import Path
from unittest import mock

import pytest

from crypto.manifest import Manifest
from crypto.onion_card import OnionAddress
from crypto.signed import SigningKey
from store.desk.errors import OnionError
from tests.support.clock import SetClock
from tests.support.road import Road, collect_bundles, dispatch_bundles
from tests.vectors.make_onion import ADDRESS, address

OTHER = address(SigningKey(b"\x06" * 32).public.raw)


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def road(tmp_path: Path) -> Road:
    road = Road(tmp_path, SetClock(20_000))
    hostname(road, ADDRESS)
    return road


def hostname(road: Road, text: str) -> None:
    path = road.host_state / "onions" / "source.address"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{text}.onion\n")


def collect(road: Road) -> tuple[int, ...]:
    host = road.host()
    try:
        return host.collector.collect(road.stick).made
    finally:
        host.close()


def bring(road: Road) -> list[str]:
    """Import all that was collected; returns the alarms."""
    with road.desk() as desk:
        return [alarm for path in collect_bundles(road.stick) for alarm in desk.importing.import_bundle(path).alarms]


def sign(road: Road, typed: str, **how: int) -> None:
    with road.desk() as desk:
        desk.onion_cards.confirm(typed, **how)
        desk.exporting.export(road.stick)


def deliver(road: Road) -> list[OnionAddress]:
    host = road.host()
    try:
        reports = [host.deliverer.deliver(path) for path in dispatch_bundles(road.stick)]
    finally:
        host.close()
    return [one for report in reports for one in report.signed_onions]


def holds(road: Road, text: str) -> bool:
    host = road.host()
    try:
        return host.onion_cards.card(OnionAddress(text)) is not None
    finally:
        host.close()


def test_the_address_is_asked_for_once_signed_once_and_two_idle_places_come_to_rest(road: Road) -> None:
    assert collect(road) == (1,)
    assert collect(road) == ()
    assert bring(road) == []
    sign(road, " ".join(OnionAddress(ADDRESS).groups).upper())
    assert [one.text for one in deliver(road)] == [ADDRESS]
    assert holds(road, ADDRESS)
    assert deliver(road) == []
    for _ in range(3):
        collect(road)
        bring(road)
        with road.desk() as desk:
            desk.exporting.export(road.stick)
            assert desk.onion_cards.asked() is None
        deliver(road)
    assert collect(road) == ()


def test_what_was_not_typed_is_not_signed(road: Road) -> None:
    collect(road)
    bring(road)
    with road.desk() as desk:
        for typed in (OTHER, "", ADDRESS[:-1], ADDRESS[1] + ADDRESS[0] + ADDRESS[2:], "expyuzz4wqqyqhjn"):
            with pytest.raises(OnionError, match="nothing was signed"):
                desk.onion_cards.confirm(typed)
        assert desk.onion_cards.signed() == []
        desk.onion_cards.decline()
        with pytest.raises(OnionError, match="asks for no address"):
            desk.onion_cards.confirm(ADDRESS)
    assert collect(road) == (), "who was declined does not ask again by itself"


def test_a_host_that_asks_for_another_address_is_an_alarm_and_what_was_typed_before_is_not_signed(road: Road) -> None:
    collect(road)
    bring(road)
    hostname(road, OTHER)
    collect(road)
    [alarm] = bring(road)
    assert OTHER in alarm
    with road.desk() as desk:
        with pytest.raises(OnionError, match="taken over"):
            desk.onion_cards.confirm(ADDRESS)
        asked = desk.onion_cards.asked()
        assert asked is not None
        assert asked.address.text == OTHER


def test_a_flood_of_requests_leaves_one_and_signs_none(road: Road) -> None:
    for number in range(5):
        hostname(road, address(SigningKey(bytes([9 + number]) * 32).public.raw))
        collect(road)
    assert len(bring(road)) == 4
    with road.desk() as desk:
        assert desk.onion_cards.signed() == []
        asked = desk.onion_cards.asked()
        assert asked is not None
        assert asked.batch == 5


def test_a_card_whose_time_is_over_is_asked_for_again(road: Road) -> None:
    collect(road)
    bring(road)
    sign(road, ADDRESS, days=30)
    deliver(road)
    assert isinstance(road.clock, SetClock)
    road.clock.day += 30
    assert holds(road, ADDRESS)
    road.clock.day += 1
    assert not holds(road, ADDRESS)
    collect(road)
    bring(road)
    with road.desk() as desk:
        assert desk.onion_cards.asked() is not None


def test_a_host_whose_address_cannot_be_read_collects_all_the_same(road: Road) -> None:
    hostname(road, "nonsense")
    assert collect(road) == (1,)
    bring(road)
    with road.desk() as desk:
        assert desk.onion_cards.asked() is None


@pytest.mark.parametrize(
    "step", ["store.intake.collect.write_whole", "store.intake.collect.Collector._manifest", "store.files.os.rename"]
)
def test_a_collect_cut_off_asks_once(road: Road, step: str) -> None:
    with mock.patch(step, crash), pytest.raises(Crash):
        collect(road)
    assert collect(road) == (1,)
    bring(road)
    with road.desk() as desk:
        assert desk.onion_cards.asked() is not None


@pytest.mark.parametrize("step", ["store.desk.manifests.take_request", "store.desk.importing.settle"])
def test_an_import_cut_off_is_repeated_whole(road: Road, step: str) -> None:
    collect(road)
    with mock.patch(step, crash), pytest.raises(Crash):
        bring(road)
    with road.desk() as desk:
        assert desk.onion_cards.asked() is None
    bring(road)
    sign(road, ADDRESS)
    assert deliver(road) != []


@pytest.mark.parametrize("step", ["store.intake.deliver.OnionCards.keep", "store.intake.deliver._acknowledge"])
def test_a_delivery_cut_off_keeps_no_card_and_is_repeated(road: Road, step: str) -> None:
    collect(road)
    bring(road)
    sign(road, ADDRESS)
    with mock.patch(step, crash), pytest.raises(Crash):
        deliver(road)
    assert not holds(road, ADDRESS)
    deliver(road)
    assert holds(road, ADDRESS)


def test_a_card_of_another_line_takes_the_whole_bundle_with_it(road: Road) -> None:
    from crypto import onion_card
    from store.intake.errors import BundleRefusedError

    foreign = onion_card.make(SigningKey(b"\x08" * 32), OnionAddress(ADDRESS), 20_000).signed
    collect(road)
    bring(road)
    honest = Manifest.encode

    def bent(manifest: Manifest) -> bytes:
        object.__setattr__(manifest, "onion_cards", (foreign,) if manifest.onion_cards else ())
        return honest(manifest)

    with mock.patch.object(Manifest, "encode", bent):
        sign(road, ADDRESS)
    with pytest.raises(BundleRefusedError, match="signature"):
        deliver(road)
    assert not holds(road, ADDRESS)
