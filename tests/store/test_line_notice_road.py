"""The road of a notice from a real desk to a real intake host, and which day of collecting sources may be told."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from sqlalchemy import func, select

from crypto import line_notice
from crypto.line_notice import LineNotice, NoticeText
from crypto.manifest import Manifest
from crypto.signed import SigningKey
from store.desk.line_notices import NoticeDraft, NoticeStanding
from store.intake.errors import BundleRefusedError
from store.intake.line_notices import LineNotices
from store.intake.place import IntakePlace
from store.intake.tables import Collection, LineNoticeRow
from tests.support.clock import SetClock
from tests.support.paper_desk import PaperDesk
from tests.support.road import Road, RoadSource, collect_bundles, dispatch_bundles, submit, texts_at_desk
from tests.support.vectors import document
from tests.vectors.common import LINE_KEY


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> None:
    raise Crash


@pytest.fixture
def clock() -> SetClock:
    return SetClock(20_000)


@pytest.fixture
def road(tmp_path: Path, clock: SetClock) -> Road:
    return Road(tmp_path, clock)


def sign(road: Road, hours: str) -> LineNotice:
    with road.desk() as desk:
        return desk.line_notices.sign(NoticeDraft(reply_days=9, texts={"en": {"hours": hours}}))


def export(road: Road) -> bool:
    with road.desk() as desk:
        return desk.exporting.export(road.stick).notice


def collect(road: Road) -> None:
    host = road.host()
    host.collector.collect(road.stick)
    host.close()


def bring(road: Road) -> None:
    with road.desk() as desk:
        for path in collect_bundles(road.stick):
            desk.importing.import_bundle(path)


def deliver(road: Road) -> list[int]:
    """The numbers of the notices that came."""
    host = road.host()
    try:
        reports = [host.deliverer.deliver(path) for path in dispatch_bundles(road.stick)]
    finally:
        host.close()
    return [report.notice for report in reports if report.notice is not None]


def at_host(road: Road) -> LineNotice | None:
    host = road.host()
    try:
        return host.line_notices.current()
    finally:
        host.close()


def standing(road: Road) -> NoticeStanding:
    with road.desk() as desk:
        newest = desk.line_notices.newest()
    assert newest is not None
    return newest


def told(road: Road) -> int | None:
    host = road.host()
    try:
        return host.collected_day()
    finally:
        host.close()


def test_it_is_carried_once_shown_and_acknowledged(road: Road) -> None:
    signed = sign(road, "On Mondays.")
    assert (standing(road).bundle, standing(road).taken_in) == (None, False)
    assert export(road)
    assert not export(road)
    assert (standing(road).bundle, standing(road).taken_in) == (2, False)
    assert deliver(road) == [1]
    assert deliver(road) == [], "the same bundle again"
    assert at_host(road) == signed
    collect(road)
    bring(road)
    assert standing(road).taken_in
    for _ in range(3):
        collect(road)
        bring(road)
        export(road)
        deliver(road)
    host = road.host()
    assert host.collector.collect(road.stick).made == (), "two idle places come to rest"
    host.close()


def test_a_newer_one_replaces_it_whole(road: Road) -> None:
    sign(road, "On Mondays.")
    export(road)
    with road.desk() as desk:
        desk.line_notices.sign(NoticeDraft(keep_days=90))
    export(road)
    assert deliver(road) == [1, 2]
    kept = at_host(road)
    assert kept is not None
    assert (kept.number, kept.reply_days, kept.keep_days, kept.texts) == (2, None, 90, {})


@pytest.mark.parametrize("step", ["store.intake.deliver.LineNotices.keep", "store.intake.deliver._acknowledge"])
def test_a_delivery_cut_off_keeps_none_and_is_repeated(road: Road, step: str) -> None:
    sign(road, "On Mondays.")
    export(road)
    with mock.patch(step, crash), pytest.raises(Crash):
        deliver(road)
    assert at_host(road) is None
    assert deliver(road) == [1]


@pytest.mark.parametrize("step", ["store.desk.exporting.write_bundle", "store.desk.exporting._write_down"])
def test_an_export_cut_off_carries_it_the_next_time(road: Road, step: str) -> None:
    sign(road, "On Mondays.")
    with mock.patch(step, crash), pytest.raises(Crash):
        export(road)
    assert export(road)
    assert deliver(road) == [1]


def test_one_of_another_line_takes_the_whole_bundle_with_it(road: Road) -> None:
    foreign = line_notice.make(SigningKey(b"\x08" * 32), number=9, day=20_000).signed
    honest = Manifest.encode

    def bent(manifest: Manifest) -> bytes:
        object.__setattr__(manifest, "line_notice", foreign if manifest.line_notice else None)
        return honest(manifest)

    sign(road, "On Mondays.")
    with mock.patch.object(Manifest, "encode", bent):
        export(road)
    with pytest.raises(BundleRefusedError, match="signature"):
        deliver(road)
    assert at_host(road) is None


def test_the_vectors_come_to_one_host_in_their_order(tmp_path: Path, clock: SetClock) -> None:
    """Through bundles that the line key signs: what keeps an older notice from coming back is its number alone."""
    desk = PaperDesk(clock, tmp_path / "stick", signing=LINE_KEY)
    desk.pair(IntakePlace.create(tmp_path / "host", desk.card.text).text)
    place = IntakePlace.open(tmp_path / "host", runtime=tmp_path / "runtime", clock=clock)
    for vector in document("line-notice")["coming"]:
        place.deliverer.deliver(desk.dispatch(line_notice=bytes.fromhex(vector["signed"])))
        kept = place.line_notices.current()
        assert kept is not None
        assert kept.number == vector["expect"]["kept"], vector["name"]
    place.close()


def test_one_that_was_lost_with_its_bundle_is_sent_again(road: Road, clock: SetClock) -> None:
    """The operator gave the bundle up for lost: it counts as acknowledged, and the notice never came."""
    signed = sign(road, "On Mondays.")
    export(road)
    clock.day += 1
    assert not export(road)
    lost, later = dispatch_bundles(road.stick)[-2:]
    host = road.host()
    host.deliverer.deliver(later, accept_gap=range(2, 3))
    host.close()
    lost.unlink()
    collect(road)
    bring(road)
    assert (standing(road).bundle, standing(road).taken_in) == (None, False)
    assert export(road)
    assert deliver(road) == [1]
    assert at_host(road) == signed
    collect(road)
    bring(road)
    assert standing(road).taken_in
    assert not export(road)


@pytest.mark.parametrize("damage", [b"", b"x", b"x" * 200])
def test_a_damaged_one_is_not_shown_and_none_older_comes_back(road: Road, damage: bytes) -> None:
    sign(road, "First.")
    second = sign(road, "Second.")
    export(road)
    deliver(road)
    host = road.host()
    damage_at(host, damage)
    assert host.line_notices.current() is None
    assert host.line_notices.damaged()
    older = line_notice.make(line_key(road), number=1, day=20_000, texts={"en": NoticeText(hours="Old.")})
    newer = line_notice.make(line_key(road), number=3, day=20_000, texts={"en": NoticeText(hours="New.")})
    with host.database.writing() as session:
        assert host.line_notices.keep(session, older.signed) is None
    assert host.line_notices.current() is None
    assert host.line_notices.damaged()
    for healing in (second, newer):
        damage_at(host, damage)
        with host.database.writing() as session:
            assert host.line_notices.keep(session, healing.signed) == healing
        assert host.line_notices.current() == healing
        assert not host.line_notices.damaged()
    host.close()


def damage_at(host: IntakePlace, damage: bytes) -> None:
    with host.database.writing() as session:
        row = session.get(LineNoticeRow, 1)
        assert row is not None
        row.encoded = damage


def line_key(road: Road) -> SigningKey:
    with road.desk() as desk:
        return desk.line_keys().signing


def test_one_that_comes_while_pages_are_served_is_shown_at_once(road: Road) -> None:
    host = road.host()
    assert host.line_notices.current() is None
    for number, hours in enumerate(("First.", "Second."), 1):
        sign(road, hours)
        export(road)
        deliver(road)
        now: Callable[[], LineNotice | None] = LineNotices(host.database, host.line).current
        kept = host.line_notices.current()
        assert kept == now()
        assert kept is not None
        assert kept.number == number
    host.close()


# The day of collecting


def send(road: Road, number: int) -> None:
    host = road.host()
    submit(host, RoadSource(number), "a message")
    host.close()


def told_without_and_with(
    tmp_path: Path, carry: Callable[[Road, SetClock, bool], Iterator[int | None]]
) -> tuple[list[int | None], list[int | None]]:
    """The days that pages told at each step of `carry`, first where sources sent nothing, then where they did."""

    def days(busy: bool) -> list[int | None]:
        clock = SetClock(20_000)
        (folder := tmp_path / str(busy)).mkdir()
        return list(carry(Road(folder, clock), clock, busy))

    return days(False), days(True)


@pytest.mark.parametrize(
    ("carrying", "days"),
    [
        ("c.ie.dc.ie.dc.d.c.iedc.ie.d", [None, 0, 2, 6, 7]),  # a courier on some days, the desk on others
        ("cied.ci.ecd.cied", [None, 1, 2]),  # the desk exports before the courier comes, on the same day
        ("cied.cied.cied", [None, 0, 1]),  # all on one day
    ],
)
def test_the_day_told_is_the_same_whether_or_not_something_came(
    tmp_path: Path, carrying: str, days: list[int | None]
) -> None:
    """Who watches the page learns when the line works, and nothing of who wrote. A point ends a day."""

    def carry(road: Road, clock: SetClock, busy: bool) -> Iterator[int | None]:
        for number, step in enumerate(carrying):
            if step == ".":
                clock.day += 1
                if busy:
                    send(road, number)
            else:
                {"c": collect, "i": bring, "e": export, "d": deliver}[step](road)
            yield told(road)

    quiet, busy = told_without_and_with(tmp_path, carry)
    assert busy == quiet
    assert list(dict.fromkeys(busy)) == [day if day is None else 20_000 + day for day in days]


def test_a_collection_that_the_desk_does_not_have_yet_is_not_told(road: Road, clock: SetClock) -> None:
    host = road.host()
    submit(host, RoadSource(1), "a message")
    host.close()
    collect(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) is None, "the desk exported without having imported it"
    bring(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) == 20_000


def test_a_day_that_lies_ahead_is_not_told(road: Road, clock: SetClock) -> None:
    collect(road)
    bring(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) == 20_000
    clock.day = 19_000
    assert told(road) is None


def test_what_came_after_the_days_first_collection_does_not_hold_its_day_back(road: Road, clock: SetClock) -> None:
    """Otherwise an operator's second collection would show by its delay that something came in between."""
    collect(road)
    bring(road)
    host = road.host()
    submit(host, RoadSource(1), "a message")
    host.close()
    collect(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) == 20_000


def courier(road: Road, *stick: Path) -> None:
    """One who asks over Tor; with a stick, the bundles are fetched onto it."""
    host = road.host()
    host.collector.make_for_courier()
    for folder in stick:
        for one in host.collector.outgoing():
            shutil.copy(one.path, folder)
    host.close()


@pytest.mark.parametrize("second", [collect, courier])
def test_who_collects_besides_does_not_tell_whether_something_came(
    tmp_path: Path, second: Callable[[Road], None]
) -> None:
    """A second courier, a fetch that failed, a stolen key: what they made bundles of is not at the desk."""

    def carry(road: Road, clock: SetClock, busy: bool) -> Iterator[int | None]:
        for stick in range(3):
            collect(road)
            if busy:
                send(road, stick)
            clock.day += 1
            left = road.stick
            road.stick = left.with_name("left behind")
            road.stick.mkdir(exist_ok=True)
            second(road)
            road.stick = left
            clock.day += 1
            bring(road)
            export(road)
            deliver(road)
            yield told(road)

    quiet, busy = told_without_and_with(tmp_path, carry)
    assert busy == quiet == [20_000, 20_002, 20_004]


def test_a_day_that_was_noted_by_a_clock_that_was_ahead_is_forgotten(road: Road, clock: SetClock) -> None:
    clock.day = 20_002
    collect(road)
    bring(road)
    clock.day = 20_001
    collect(road)
    bring(road)
    clock.day = 20_002
    send(road, 1)
    collect(road)
    clock.day = 20_003
    export(road)
    deliver(road)
    assert told(road) == 20_001, "the desk does not have what was collected on 20,002"


@pytest.mark.parametrize("ahead", [1, 3])
@pytest.mark.parametrize("asked_at_once", [True, False])
def test_what_is_kept_back_after_a_clock_was_ahead_is_not_said_to_be_collected(
    road: Road, clock: SetClock, ahead: int, asked_at_once: bool
) -> None:
    """What came is in no courier's bundle before the day that the clock had shown is over: nor is any day before that told."""

    def carried() -> int | None:
        courier(road, road.stick)
        bring(road)
        clock.day += 1
        export(road)
        deliver(road)
        return told(road)

    assert carried() == 20_000
    clock.day += ahead
    courier(road)
    if not asked_at_once:
        send(road, 1)
    clock.day -= ahead
    send(road, 2)
    days = [carried() for _ in range(ahead + 1)]
    assert days == [20_000] * len(days)
    assert texts(road) == 0
    assert carried() == clock.day - 1
    assert texts(road) == 1 + (not asked_at_once)


def texts(road: Road) -> int:
    with road.desk() as desk:
        return texts_at_desk(desk).total()


def test_the_operators_collection_after_a_clock_was_ahead_counts_at_once(road: Road, clock: SetClock) -> None:
    clock.day += 30
    courier(road)
    clock.day -= 30
    send(road, 1)
    courier(road)
    collect(road)
    bring(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) == 20_000
    courier(road, road.stick)
    bring(road)
    clock.day += 1
    export(road)
    deliver(road)
    assert told(road) == 20_001


def test_midnight_in_the_middle_of_a_collection_does_not_make_it_the_next_days(road: Road, clock: SetClock) -> None:
    host = road.host()
    honest = host.collector._write

    def slow(*args: Any) -> None:
        honest(*args)
        submit(host, RoadSource(1), "just before midnight")
        clock.day += 1

    with mock.patch.object(host.collector, "_write", slow):
        host.collector.make_for_courier()
    host.close()
    with host.database.reading() as session:
        assert list(session.scalars(select(Collection.day))) == [20_000]


def test_days_that_were_told_are_not_kept_besides(road: Road, clock: SetClock) -> None:
    for _ in range(5):
        collect(road)
        bring(road)
        clock.day += 1
        export(road)
        deliver(road)
    host = road.host()
    with host.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Collection)) == 0
    host.close()
