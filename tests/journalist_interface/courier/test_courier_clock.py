"""Who holds a courier's key and asks without end learns on which day something came, and no more: a stolen laptop."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from werkzeug.test import Client

from crypto.bundle import open_bundle
from crypto.manifest import Direction
from journalist_interface.courier.endpoint import Endpoint
from journalist_interface.courier.protocol import Offer
from store.bundle_names import bundle_name
from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, copy_of
from tests.support.clock import SetClock
from tests.support.road import RoadSource, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)
Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass
class Asked:
    """An intake host on a day that tests set, and two couriers who can ask it over the onion."""

    line: Line
    place: IntakePlace = field(init=False)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        self.place = self.line.open(free_bytes_floor=1)
        self.couriers = [Client(Endpoint(self.place)) for _ in range(2)]

    def restart(self) -> None:
        self.place.close()
        self.start()

    def answer(self, path: str = "/collect", method: str = "POST", courier: int = 0) -> Answer:
        """All that a courier gets to see."""
        got = self.couriers[courier].open(f"/courier/v1{path}", method=method, buffered=True)
        return got.status_code, list(got.headers), got.data

    def content(self, number: int) -> tuple[int, int]:
        """How many objects and tombstones a bundle holds that was not acknowledged yet."""
        desk = self.line.desk
        with (self.line.state / "outbox" / bundle_name(Direction.COLLECT, number)).open("rb") as file:
            manifest = open_bundle(
                desk.identity, desk.host_card.verify_key, file, line=desk.card.line, direction=Direction.COLLECT
            ).manifest
        return len(manifest.objects), len(manifest.tombstones)

    def offer(self, courier: int = 0) -> Offer:
        status, _, body = self.answer(courier=courier)
        assert status == 200
        return Offer.decode(body)


@pytest.fixture
def host(paired_yesterday: Line, tmp_path: Path) -> Iterator[Asked]:
    """Asked before, so that the acknowledgement of the first intake keys is no news; it is a later day now."""
    line = copy_of(paired_yesterday, tmp_path, SetClock(paired_yesterday.clock.day))
    host = Asked(line)
    assert host.offer().made == (1,)
    line.clock.day += 5
    assert host.offer().made == (2,), "the day's first question makes a bundle, an empty one"
    yield host
    for place in line.opened:
        place.close()


def send(host: Asked) -> None:
    submit(host.place, SOURCE, "one", {"a.bin": bytes(200_000)})


def erase(host: Asked) -> None:
    ref = host.place.mailboxes.find(SOURCE.lookup)
    assert ref is not None
    host.place.replies.erase_mailbox(ref)


def send_and_erase(host: Asked) -> None:
    send(host)
    erase(host)


@pytest.mark.parametrize("act", [send, send_and_erase])
def test_no_answer_changes_by_what_sources_do_that_day(host: Asked, act: Callable[[Asked], None]) -> None:
    requests = [("/collect", "POST"), ("/bundles/1", "GET"), ("/bundles/2", "GET"), ("/collect", "GET"), ("/", "GET")]
    before = [host.answer(*request) for request in requests]
    act(host)
    assert [host.answer(*request) for request in requests] == before


@pytest.mark.parametrize("act", [send, send_and_erase])
def test_a_days_first_answer_does_not_change_by_what_sources_do_that_day(
    host: Asked, act: Callable[[Asked], None]
) -> None:
    """But for the bundle's bytes, which are others each time: it is made, and as large, either way."""
    seen = []
    for does in (lambda _: None, act):
        host.line.clock.day += 1
        does(host)
        status, headers, body = host.answer()
        offer = Offer.decode(body)
        newest = offer.bundles[-1]
        assert offer.made == (newest.number,)
        assert host.content(newest.number) == (0, 0)
        bundle = host.answer(f"/bundles/{newest.number}", "GET")
        seen.append((status, newest.size, bundle[:2], [name for name, _ in headers]))
    assert seen[0] == seen[1]


def test_a_day_on_which_little_came_looks_like_one_on_which_nothing_came(host: Asked) -> None:
    sizes = []
    for act in (lambda _: None, send, erase):
        act(host)
        host.line.clock.day += 1
        (made,) = host.offer().made
        sizes.append(host.offer().bundles[-1].size)
        assert host.offer().bundles[-1].number == made
    assert len(set(sizes)) == 1
    assert [host.content(number) for number in (3, 4, 5)] == [(0, 0), (2, 0), (0, 1)]


def test_what_came_leaves_once_its_day_is_over(host: Asked) -> None:
    send(host)
    assert host.offer().made == ()
    host.line.clock.day += 1
    assert host.offer().made == (3,)
    assert host.content(3) == (2, 0)
    assert host.offer().made == ()


def test_an_erased_mailbox_is_told_once_its_day_is_over(host: Asked) -> None:
    send(host)
    host.line.clock.day += 1
    assert host.offer().made == (3,)
    erase(host)
    assert host.offer().made == ()
    host.line.clock.day += 1
    assert host.offer().made == (4,)
    assert host.content(4) == (0, 1)


def test_around_midnight_it_is_the_day_that_counts_not_when_somebody_asks(host: Asked) -> None:
    """Asked just before midnight and just after it: what came between two questions is not told by the second."""
    host.line.clock.day += 1
    assert host.content(*host.offer().made) == (0, 0)
    send(host)
    assert host.offer().made == ()


def test_two_couriers_learn_no_more_than_one(host: Asked) -> None:
    send(host)
    host.line.clock.day += 1
    assert host.offer(courier=0).made == (3,)
    submit(host.place, OTHER, "two")
    first, second = host.answer(courier=0), host.answer(courier=1)
    assert first == second
    assert Offer.decode(second[2]).made == ()
    assert [one.number for one in Offer.decode(second[2]).bundles] == [1, 2, 3]


def test_a_restart_changes_nothing(host: Asked) -> None:
    before = host.answer()
    send(host)
    host.restart()
    assert host.answer() == before


def test_a_bundle_is_the_same_bytes_all_day(host: Asked) -> None:
    send(host)
    host.line.clock.day += 1
    host.answer()
    before = host.answer("/bundles/3", "GET")
    submit(host.place, OTHER, "two")
    host.restart()
    host.answer(courier=1)
    assert host.answer("/bundles/3", "GET", courier=1) == before
    assert before[0] == 200


@pytest.mark.parametrize("back", [1, 3])
def test_a_clock_that_is_set_back_and_forth_gives_no_second_look_at_a_day(host: Asked, back: int) -> None:
    before = host.answer()
    host.line.clock.day -= back
    send(host)
    assert host.answer() == before
    host.line.clock.day += back
    assert host.answer() == before, "it came after this day's answer, whatever the clock said"
    host.line.clock.day += 1
    assert host.offer().made == (3,)
    assert host.content(3) == (2, 0)


def test_after_a_clock_that_was_far_ahead_the_operator_is_told_and_sets_it_right(host: Asked) -> None:
    day = host.line.clock.day
    host.line.clock.day += 30
    host.answer()
    submit(host.place, OTHER, "came while it was ahead")
    host.line.clock.day = day
    send(host)
    host.line.clock.day = day + 1
    assert host.offer().made == ()
    assert host.place.status().couriers_from == day + 31
    assert host.place.collector.make().made == (4,)
    assert host.place.status().couriers_from is None
    submit(host.place, SOURCE, "now")
    assert host.offer().made == ()
    host.line.clock.day += 1
    assert host.offer().made == (5,)


def test_what_the_operator_collects_a_courier_gets_at_once(host: Asked) -> None:
    send(host)
    assert host.offer().made == ()
    assert host.place.collector.make().made == (3,)
    offer = host.offer()
    assert (offer.made, [one.number for one in offer.bundles]) == ((), [1, 2, 3])


def test_what_a_courier_brings_is_acknowledged_without_what_came_that_day(host: Asked) -> None:
    """An acknowledgement makes a bundle on the same day: the courier's doing. It is as long whether or not something waits."""
    host.line.desk.take(host.line.state / "outbox" / "luwte-collect-000001.age")
    lengths = []
    for days, act in ((60, lambda _: None), (61, send)):
        host.line.desk.take(host.line.state / "outbox" / f"luwte-collect-{host.line.desk.heard.number + 1:06}.age")
        host.place.deliverer.deliver(
            host.line.desk.dispatch(certificates=host.line.desk.certify(host.line.clock.day + days))
        )
        act(host)
        (made,) = host.offer().made
        lengths.append(host.offer().bundles[-1].size)
        assert made == host.offer().bundles[-1].number
    assert lengths[0] == lengths[1]
