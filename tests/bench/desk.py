"""The desk: taking in what the courier brought, and opening it."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from store.clock import SystemClock
from store.intake.place import IntakePlace
from tests.bench import peers
from tests.bench.servers import bench_folder
from tests.bench.table import MIB, Figure, seconds
from tests.support.road import Road, RoadSource, collect_bundles

_LARGE = 256 * MIB
_MESSAGES = 10_000
_SOURCES = 1_000
_RUNS = 3


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        road = Road(Path(folder), SystemClock())
        rates = sorted(_file(road, number) for number in range(1, _RUNS + 1))
        imported, opened = rates[_RUNS // 2]
        yield Figure("import a bundle with a file of 256 MiB, fsynced", imported, "MiB/s")
        yield Figure("open that file, to a folder in memory", opened, "MiB/s")
        yield Figure("  … age --decrypt of the same size", peers.age(_LARGE), "MiB/s")
        yield Figure("  … gpg --decrypt | gunzip of the same size", peers.gpg(_LARGE), "MiB/s")
        yield Figure.at_least("  … import and open together", 1 / (1 / imported + 1 / opened), "MiB/s", 500)
        yield Figure.at_least("import 10,000 messages of 1 kB", _messages(road), "/s", 2_000)


def _file(road: Road, number: int) -> tuple[float, float]:
    """MiB/s of importing one large file and of opening it."""
    host = road.host()
    source = RoadSource(number)
    submission = host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)
    file = submission.open_file("noise.bin")
    piece = os.urandom(16 * MIB)
    for _ in range(_LARGE // len(piece)):
        file.write(piece)
    file.finish()
    submission.commit()
    _carry(road, host)
    with road.desk() as desk:
        newest_bundle = collect_bundles(road.stick)[-1]  # the ones before wait for their acknowledgement
        importing = seconds(lambda: desk.importing.import_bundle(newest_bundle))
        newest = max(summary.source_id for summary in desk.inbox.sources())
        entry = desk.inbox.conversation(newest)[0]
        with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
            opening = seconds(lambda: desk.inbox.save_file(entry.entry_id, Path(memory)))
            assert sum(path.stat().st_size for path in Path(memory).iterdir()) == _LARGE
        return _LARGE / MIB / importing, _LARGE / MIB / opening


def _messages(road: Road) -> float:
    host = road.host()
    for number in range(_MESSAGES):
        source = RoadSource(1_000 + number % _SOURCES)
        submission = host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)
        submission.add_message("x" * 1_000)
        submission.commit()
    _carry(road, host)
    with road.desk() as desk:
        took = seconds(lambda: desk.importing.import_bundle(collect_bundles(road.stick)[-1]))
        assert sum(summary.messages for summary in desk.inbox.sources()) == _MESSAGES
    return _MESSAGES / took


def _carry(road: Road, host: IntakePlace) -> None:
    host.collector.collect(road.stick)
    host.close()
