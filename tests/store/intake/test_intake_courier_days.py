"""What leaves by the couriers' onion, on both databases: what came before the day, and nothing of the day."""

import sqlite3
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import event, insert, text

from store.intake.place import IntakePlace
from store.intake.tables import SubmittedObject
from tests.store.intake.conftest import DAY, Line, mailbox, rows_of
from tests.support.road import RoadSource, submit

SOURCE, OTHER = RoadSource(1), RoadSource(2)


def test_what_came_before_the_day_leaves_and_what_came_on_it_stays(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "yesterday")
    line.clock.day += 1
    submit(host, OTHER, "today")
    assert host.collector.make_for_courier() == (1,)
    line.desk.take(host.collector.outgoing()[0].path)
    assert set(line.desk.texts()) == {"yesterday"}
    assert host.collector.make_for_courier() == ()
    assert host.status().waiting_objects == 1


def test_what_was_sealed_yesterday_and_arrives_today_came_today(host: IntakePlace, line: Line) -> None:
    host.collector.make_for_courier()
    submission = host.submissions.begin(SOURCE.lookup, SOURCE.identity.recipient, SOURCE.first_ref)
    submission.add_message("begun before midnight")
    line.clock.day += 1
    assert host.collector.make_for_courier() == (2,), "the day's first, an empty one"
    submission.commit()
    assert host.collector.make_for_courier() == ()


def test_a_collection_that_was_cut_off_keeps_the_day(host: IntakePlace, line: Line) -> None:
    """What a crash left claimed by the operator's collection is given back, and stays for tomorrow."""
    host.collector.make_for_courier()
    submit(host, SOURCE, "today")
    with host.database.writing() as session:
        session.execute(text("UPDATE submitted_object SET bundle = 2"))
        session.execute(text("INSERT INTO out_bundle (number, acknowledged) VALUES (2, false)"))
    assert host.collector.make_for_courier() == ()
    line.clock.day += 1
    assert host.collector.make_for_courier() == (2,)


def test_that_a_mailbox_was_erased_stays_until_its_day_is_over(host: IntakePlace, line: Line) -> None:
    submit(host, SOURCE, "one")
    host.collector.make()
    host.replies.erase_mailbox(mailbox(host, SOURCE))
    assert host.collector.make_for_courier() == ()
    line.clock.day += 1
    assert host.collector.make_for_courier() == (2,)


@pytest.mark.parametrize("waits", [False, True])
def test_how_long_a_courier_waits_does_not_grow_with_what_came_today(
    new_line: Callable[[str | None], Line], waits: bool
) -> None:
    """The database takes as many steps past two thousand objects of today as past two, for an empty bundle and a full one."""
    few, many = (steps_of_an_answer(new_line(None), today=today, waits=waits) for today in (2, 2_000))
    assert few == many


def steps_of_an_answer(line: Line, *, today: int, waits: bool) -> int:
    """Instructions of SQLite's machine for one answer, in which something of yesterday leaves when it `waits`."""
    line.clock.day = DAY
    host = line.open()
    host.collector.make_for_courier()
    if waits:
        submit(host, SOURCE, "yesterday")
    line.clock.day = DAY + 1
    submit(host, OTHER, "today")
    _, *columns = next(row for row in rows_of(host, "submitted_object") if row[-1] == DAY + 1)
    names = SubmittedObject.__table__.columns.keys()
    more = [dict(zip(names, (number.to_bytes(16, "big"), *columns), strict=True)) for number in range(1, today)]
    with host.database.writing() as session:
        session.execute(insert(SubmittedObject), more)
    steps = Counter[str]()

    def count(connection: sqlite3.Connection, *_: object) -> None:
        connection.set_progress_handler(lambda: steps.update(["one"]), 1)

    event.listen(host.database.engine.pool, "checkout", count)
    assert len(host.collector.make_for_courier()) == 1
    return steps.total()
