"""Killed at any moment of a submission, the host has it whole or not at all, and says kept only when it is."""

import hashlib
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from crypto.sealed_object import Kind
from store.intake.place import IntakePlace
from store.intake.tables import OutBundle, SubmittedObject
from tests.store.intake.conftest import Line, blob_ids, mailbox, rows_of
from tests.support.kill import run_and_kill
from tests.support.postgresql import PostgreSQL
from tests.support.road import RoadSource, replies_at_host, submit


def send(host: IntakePlace, number: int) -> None:
    """A message and two files that name the message's number and their own content."""
    contents = [random.Random(number * 10 + at).randbytes(size) for at, size in enumerate((70_000, 1_500_000))]
    names = {f"{number} {hashlib.sha256(content).hexdigest()}": content for content in contents}
    submit(host, RoadSource(number), f"{number} hello", names)


def submissions_are_whole(line: Line, host: IntakePlace) -> set[int]:
    """The numbers of the submissions that are there; every one is whole and once."""
    for path in host.collector.collect(line.desk.stick).files:
        line.desk.take(path)
    host.deliverer.deliver(line.desk.dispatch())
    parts: Counter[int] = Counter()
    for one in line.desk.opened:
        if one.header.kind is Kind.FILE:
            number, digest = (one.header.name or "").split(" ")
            assert hashlib.sha256(one.content).hexdigest() == digest
        else:
            number = one.content.decode().split(" ")[0]
        parts[int(number)] += 1
    assert set(parts.values()) <= {3}
    return set(parts)


@pytest.mark.parametrize(("kind", "kills"), [("sqlite_line", 40), ("postgresql_line", 10)])
def test_a_killed_submission_is_there_whole_or_not_at_all(
    request: pytest.FixtureRequest, kind: str, kills: int
) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # shown when the test fails
    chance = random.Random(seed)
    line: Line = request.getfixturevalue(kind)
    usual, killed, number = _usual_time(line), 0, 1
    promised = {1}
    while killed < kills:
        number += 1
        saw, say = os.pipe()

        def work(ready: Callable[[], None], number: int = number, say: int = say) -> None:
            host = line.open()
            ready()
            send(host, number)
            os.write(say, b"kept")

        killed += run_and_kill(work, chance.uniform(0, usual * 1.1))
        os.close(say)
        if os.read(saw, 4) == b"kept":
            promised.add(number)
        os.close(saw)
        if line.database_url:
            request.getfixturevalue("postgresql").wait_until_unused(line.database_url)
        line.clock.day += 2 if line.database_url else 0  # rows are left alone for that long
        host = line.open()
        host.sweep()
        with host.database.reading() as session:
            assert blob_ids(host) == set(session.scalars(select(SubmittedObject.object_id)))
        assert len(rows_of(host, "submitted_object")) % 3 == 0
        assert len(rows_of(host, "submitted_object")) == 3 * len(rows_of(host, "mailbox"))
        host.close()
    host = line.open()
    assert submissions_are_whole(line, host) >= promised
    assert blob_ids(host) == set()
    assert host.status().notes == ()


def test_carrying_killed_on_postgresql_loses_and_doubles_nothing(postgresql_line: Line, postgresql: PostgreSQL) -> None:
    """The journey with SQLite is in tests/journeys; here are the rows and chunks of PostgreSQL."""
    chance = random.Random(secrets.randbits(32))
    line, source = postgresql_line, RoadSource(1)
    line.open().close()
    answers: Counter[str] = Counter()
    kills = 0
    for round_ in range(8):
        host = line.open()
        submit(host, source, f"{round_}", {f"{round_} f": b"x" * 300_000})
        host.close()
        kills += run_and_kill(lambda ready: _collect(line, ready), chance.uniform(0, 0.08))
        postgresql.wait_until_unused(line.database_url or "")
        host = line.open()
        for path in host.collector.collect(line.desk.stick).files:
            if int(path.stem[-6:]) > line.desk.heard.number:
                line.desk.take(path)
        reply = line.desk.reply(source.identity.recipient, mailbox(host, source), f"answer {round_}")
        answers[f"answer {round_}"] += 1
        host.close()
        bundle = line.desk.dispatch([reply])
        kills += run_and_kill(lambda ready, bundle=bundle: _deliver(line, bundle, ready), chance.uniform(0, 0.05))
        postgresql.wait_until_unused(line.database_url or "")
        host = line.open()
        host.deliverer.deliver(bundle)
        host.sweep()
        host.close()
    assert kills
    line.clock.day += 2  # rows are left alone for that long
    host = line.open()
    host.sweep()
    assert line.desk.texts() == Counter(text for number in range(8) for text in (f"{number}", f"{number} f"))
    assert replies_at_host(host, source) == answers
    assert len(blob_ids(host)) == 8
    assert host.status().waiting_objects == 0


def test_a_claim_that_never_became_a_bundle_is_given_back(line: Line) -> None:
    """What a kill between claim and file leaves, made by hand."""
    host = line.open()
    submit(host, RoadSource(1), "x")
    with host.database.writing() as session:
        session.execute(update(SubmittedObject).values(bundle=1))
        session.add(OutBundle(number=1, sha256=None, acknowledged=False))
    (line.state / "outbox" / "luwte-collect-000001.age").write_bytes(b"a file that no row stands for")
    host.sweep()
    assert list((line.state / "outbox").iterdir()) == []
    report = host.collector.collect(line.desk.stick)
    assert (report.made, report.objects) == ((1,), 1)
    line.desk.take(report.files[0])
    assert set(line.desk.texts()) == {"x"}


def _collect(line: Line, ready: Callable[[], None]) -> None:
    host = line.open()
    ready()
    host.collector.collect(line.desk.stick)


def _deliver(line: Line, bundle, ready: Callable[[], None]) -> None:
    host = line.open()
    ready()
    host.deliverer.deliver(bundle)


def _usual_time(line: Line) -> float:
    host = line.open()
    began = time.monotonic()
    send(host, 1)
    usual = time.monotonic() - began
    host.close()
    return usual
