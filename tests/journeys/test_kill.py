"""Killed at any instruction of collect, import, export and deliver, two hundred times: nothing is lost or doubled."""

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from store.clock import SystemClock
from tests.support.kill import run_and_kill
from tests.support.road import (
    Road,
    RoadSource,
    collect_bundles,
    dispatch_bundles,
    replies_at_host,
    submit,
    texts_at_desk,
)

KILLS_A_STEP = 50
SOURCES = 5


class Carrier:
    """Does the four steps, whole or in a child that is killed."""

    def __init__(self, road: Road, chance: random.Random) -> None:
        self._road = road
        self._chance = chance
        self.steps: tuple[Callable[[Callable[[], None]], None], ...] = (
            self._collect,
            self._import,
            self._export,
            self._deliver,
        )
        self._usual: dict[str, float] = {}
        self.kills: Counter[str] = Counter()

    def whole(self) -> None:
        for step in self.steps:
            began = 0.0

            def ready() -> None:
                nonlocal began
                began = time.monotonic()

            step(ready)
            self._usual[step.__name__] = time.monotonic() - began

    def killed(self, step: Callable[[Callable[[], None]], None]) -> None:
        """Run a step in a child and kill it at a random moment within the step's usual time."""
        delay = self._chance.uniform(0, self._usual[step.__name__])
        if run_and_kill(step, delay):
            self.kills[step.__name__] += 1

    def _collect(self, ready: Callable[[], None]) -> None:
        host = self._road.host()
        ready()
        host.collector.collect(self._road.stick)
        host.close()

    def _import(self, ready: Callable[[], None]) -> None:
        with self._road.desk() as desk:
            ready()
            for path in collect_bundles(self._road.stick):
                desk.importing.import_bundle(path)

    def _export(self, ready: Callable[[], None]) -> None:
        with self._road.desk() as desk:
            ready()
            desk.exporting.export(self._road.stick)

    def _deliver(self, ready: Callable[[], None]) -> None:
        host = self._road.host()
        ready()
        for path in dispatch_bundles(self._road.stick):
            host.deliverer.deliver(path)
        host.close()


@pytest.mark.timeout(600)
def test_two_hundred_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")  # shown when the test fails
    chance = random.Random(seed)
    road = Road(tmp_path, SystemClock())
    carrier = Carrier(road, chance)
    sent: Counter[str] = Counter()
    told: dict[int, Counter[str]] = {number: Counter() for number in range(1, SOURCES + 1)}
    while min(carrier.kills[step.__name__] for step in carrier.steps) < KILLS_A_STEP:
        _talk(road, chance, sent, told)
        if not carrier.kills or chance.random() < 0.1:
            carrier.whole()
        _wipe(road.stick)
        for step in carrier.steps:
            for _ in range(chance.randrange(1, 4)):
                carrier.killed(step)
    for _ in range(3):  # the last words, and both acknowledgements
        carrier.whole()
    _nothing_is_lost_or_doubled(road, sent, told)


def _talk(road: Road, chance: random.Random, sent: Counter[str], told: dict[int, Counter[str]]) -> None:
    """A source writes, a handler answers somebody."""
    number = chance.randrange(1, SOURCES + 1)
    text, name = f"{number} {secrets.token_hex(8)}", secrets.token_hex(8)
    host = road.host()
    submit(host, RoadSource(number), text, {name: chance.randbytes(chance.randrange(200_000))})
    host.close()
    sent.update([text, name])
    with road.desk() as desk:
        summaries = [summary for summary in desk.inbox.sources() if summary.messages]
        if summaries:
            source_id = chance.choice(summaries).source_id
            said = next(entry.text for entry in desk.inbox.conversation(source_id) if entry.text)
            answer = secrets.token_hex(8)
            desk.replies.reply(source_id, answer)
            told[int(said.split(" ")[0])][answer] += 1


def _wipe(stick: Path) -> None:
    """The courier empties the stick; each place writes what is not acknowledged again."""
    for path in stick.iterdir():
        path.unlink()


def _nothing_is_lost_or_doubled(road: Road, sent: Counter[str], told: dict[int, Counter[str]]) -> None:
    with road.desk() as desk:
        assert texts_at_desk(desk) == sent
        assert desk.verify() == []
        assert desk.journal.alarms() == []
        assert list((road.desk_state / "outbox").iterdir()) == []
    host = road.host()
    host.sweep()
    for number, answers in told.items():
        assert replies_at_host(host, RoadSource(number)) == answers
    status = host.status()
    assert (status.waiting_objects, status.notes) == (0, ())
    assert len(status.unacknowledged_bundles) <= 1  # the last acknowledgement, which asks for none itself
    blobs = [path for path in (road.host_state / "blobs").rglob("*") if path.is_file()]
    assert len(blobs) == status.replies == sum(map(Counter.total, told.values()))
    host.close()
