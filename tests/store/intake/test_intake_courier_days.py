"""What leaves by the couriers' onion, on both databases: what came before the day, and nothing of the day."""

from sqlalchemy import text

from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, mailbox
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


def test_how_long_a_courier_waits_does_not_grow_with_what_came_today(sqlite_line: Line) -> None:
    """By the database's own plan: the index leads past what came today."""
    host = sqlite_line.open()
    query = "EXPLAIN QUERY PLAN SELECT * FROM submitted_object WHERE bundle IS NULL AND came < 20000 LIMIT 100"
    with host.database.reading() as session:
        plan = [row[3] for row in session.execute(text(query))]
    assert plan == ["SEARCH submitted_object USING INDEX ix_submitted_object_waiting (bundle=? AND came<?)"]
