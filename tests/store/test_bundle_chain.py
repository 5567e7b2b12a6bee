"""The bundle chain between a real intake host and a real desk, under everything that a courier or a crash can do.

A state machine submits, answers, collects, exports, and carries bundles in any order: twice, too early, cut, changed, from a
cloned host, and with a crash in the middle. Whatever it does, what was sent is at the desk exactly once in the end.
"""

import shutil
import tempfile
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from crypto.chain import ForkError, GapError
from crypto.errors import CryptoError
from store.intake.errors import BundleRefusedError
from tests.support.clock import SetClock
from tests.support.road import (
    Road,
    RoadSource,
    collect_bundles,
    dispatch_bundles,
    replies_at_host,
    submit,
    texts_at_desk,
)

SOURCES = st.integers(1, 3)


class Crash(BaseException):
    """The process ends here."""


def crash(*_: object, **__: object) -> Any:
    raise Crash


# Where an import, an export, a collection or a delivery is cut off.
IMPORT_CRASHES = (
    "store.desk.taking.Taker._stage",
    "store.desk.taking.os.fsync",
    "store.desk.importing.BundleReader.finish",
    "store.desk.booking.Book._pin",
    "store.desk.importing.settle",
    "store.desk.epochs.EpochKeys.destroy_due",
)
EXPORT_CRASHES = (
    "store.desk.epochs.EpochKeys._sync",
    "store.desk.exporting._write_down",
    "store.desk.outbox.Outbox.copy",
    "store.files.os.rename",
)


class Chain(RuleBasedStateMachine):
    """`wanted` is what sources sent; `told` what each was answered. Bundles on the stick stay for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.clock = SetClock(20_000)
        self.road = Road(self.folder, self.clock)
        self.desk, self.host = self.road.desk(), self.road.host()
        self.wanted: Counter[str] = Counter()
        self.told: dict[int, Counter[str]] = {number: Counter() for number in (1, 2, 3)}
        self.taken = 0  # number of the last collect bundle at the desk
        self.delivered = 1
        self.clones: list[Path] = []
        self.alarms = 0

    @initialize()
    def begin(self) -> None:
        self.send(1, files=1)
        self.collect()

    @rule(number=SOURCES, files=st.integers(0, 2))
    def send(self, number: int, files: int) -> None:
        text = f"{number} {self.wanted.total()}"
        names = {f"{text} file {at}": b"x" * 70_000 * at for at in range(files)}
        submit(self.host, RoadSource(number), text, names)
        self.wanted.update([text, *names])

    @rule(number=SOURCES)
    def answer(self, number: int) -> None:
        for summary in self.desk.inbox.sources():
            first = next(entry for entry in self.desk.inbox.conversation(summary.source_id) if entry.text)
            if (first.text or "").startswith(f"{number} "):
                text = f"answer {sum(map(Counter.total, self.told.values()))}"
                self.desk.replies.reply(summary.source_id, text)
                self.told[number][text] += 1

    @rule(days=st.integers(0, 6))
    def time_passes(self, days: int) -> None:
        self.clock.day += days

    @rule()
    def collect(self) -> None:
        self.host.collector.collect(self.road.stick)

    @rule(where=st.sampled_from([None, *EXPORT_CRASHES]))
    def export(self, where: str | None) -> None:
        if where is None:
            self.desk.exporting.export(self.road.stick)
            return
        try:
            with mock.patch(where, crash):
                self.desk.exporting.export(self.road.stick)
        except Crash:
            self._reopen_desk()

    @rule(data=st.data(), where=st.sampled_from([None, None, *IMPORT_CRASHES]))
    def carry_to_desk(self, data: st.DataObject, where: str | None) -> None:
        """Any bundle that was ever collected: again, in its turn, or too early; perhaps with a crash."""
        bundles = collect_bundles(self.road.stick)
        if not bundles:
            return
        path = data.draw(st.sampled_from(bundles), "bundle")
        number = _number(path)
        try:
            with mock.patch(where, crash) if where else nullcontext():
                report = self.desk.importing.import_bundle(path)
        except GapError as error:
            assert number > self.taken + 1
            assert error.expected == self.taken + 1
        except Crash:
            self._reopen_desk()
            self._find_out_what_was_taken(path, number)
        else:
            assert report.already_had == (number <= self.taken)
            assert report.already_had or number == self.taken + 1
            assert report.damaged == report.doubles == 0
            self.taken = max(self.taken, number)

    @rule(data=st.data())
    def carry_to_host(self, data: st.DataObject) -> None:
        bundles = dispatch_bundles(self.road.stick)
        path = data.draw(st.sampled_from(bundles), "bundle")
        number = _number(path)
        if number > self.delivered + 1:
            with pytest.raises(BundleRefusedError):
                self.host.deliverer.deliver(path)
            return
        assert self.host.deliverer.deliver(path).already_had == (number <= self.delivered)
        self.delivered = max(self.delivered, number)

    @rule(data=st.data(), cut=st.floats(0, 1, exclude_max=True), flip=st.integers(0, 8))
    def carry_damaged(self, data: st.DataObject, cut: float, flip: int) -> None:
        """`flip` 8 cuts the bundle, any other turns one bit of it."""
        path = data.draw(st.sampled_from(collect_bundles(self.road.stick) or [None]), "bundle")
        if path is None:
            return
        whole = path.read_bytes()
        at = int(len(whole) * cut)
        damaged = self.folder / "damaged.age"
        changed = whole[:at] if flip == 8 else whole[:at] + bytes([whole[at] ^ 1 << flip]) + whole[at + 1 :]
        damaged.write_bytes(changed)
        before = texts_at_desk(self.desk)
        with pytest.raises(CryptoError) as caught:
            self.desk.importing.import_bundle(damaged)
        self.alarms += isinstance(caught.value, ForkError)
        assert texts_at_desk(self.desk) == before

    @rule()
    @precondition(lambda self: len(self.clones) < 2)
    def clone_host(self) -> None:
        """Somebody copies the host's disk."""
        clone = Path(tempfile.mkdtemp(dir=self.folder)) / "host"
        self.host.close()
        shutil.copytree(self.road.host_state, clone)
        self.host = self.road.host()
        self.clones.append(clone)

    @rule()
    @precondition(lambda self: self.clones)
    def carry_from_clone(self) -> None:
        """A number that the desk has, from a host that told another story since."""
        clone = self.road.host(self.clones.pop())
        stick = self.folder / "clone stick"
        submit(clone, RoadSource(1), "words that nobody sent")
        files = clone.collector.collect(stick).files
        clone.close()
        if _number(files[-1]) <= self.taken:
            with pytest.raises(ForkError):
                self.desk.importing.import_bundle(files[-1])
            self.alarms += 1
        shutil.rmtree(stick)

    def teardown(self) -> None:
        try:
            self._carry_everything()
            assert texts_at_desk(self.desk) == self.wanted
            assert self.desk.verify() == []
            assert bool(self.desk.journal.alarms()) == bool(self.alarms)
            for number, answers in self.told.items():
                assert replies_at_host(self.host, RoadSource(number)) == answers
            assert self.host.status().waiting_objects == 0
        finally:
            self.desk.close()
            self.host.close()
            shutil.rmtree(self.folder)

    def _carry_everything(self) -> None:
        for _ in range(2):
            self.collect()
            for path in collect_bundles(self.road.stick):
                self.desk.importing.import_bundle(path)
            self.export(None)
            for path in dispatch_bundles(self.road.stick):
                self.host.deliverer.deliver(path)

    def _reopen_desk(self) -> None:
        self.desk.close()
        self.desk = self.road.desk()

    def _find_out_what_was_taken(self, path: Path, number: int) -> None:
        """A crash may come before or after the commit: then the bundle is in whole, or not at all."""
        report = self.desk.importing.import_bundle(path)
        assert report.number == number
        assert report.doubles == 0
        self.taken = max(self.taken, number)


def _number(path: Path) -> int:
    return int(path.stem.rsplit("-", 1)[1])


TestBundleChain = pytest.mark.timeout(600)(Chain.TestCase)
TestBundleChain.settings = settings(
    max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
