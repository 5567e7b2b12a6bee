"""Large files: from the socket to sealed at rest and answered, beside servers that keep nothing or keep it in the clear."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.trial.browser import Browser, Form, Page, Upload
from tests.bench.servers import ONIONSHARE, Server, bench_folder, discarding, luwte, onionshare, writing_form
from tests.bench.table import MIB, Figure, median_rate, seconds

_LARGE = 256 * MIB
_RUNS = 5
_AT_ONCE = 16
_NOISE = os.urandom(16 * MIB)


def noise(size: int) -> Upload:
    """A file that no compression makes smaller."""

    def pieces() -> Iterator[bytes]:
        for at in range(0, size, MIB):
            piece = at % len(_NOISE)
            yield _NOISE[piece : piece + min(MIB, size - at)]

    return Upload("noise.bin", size, pieces)


def run() -> Iterator[Figure]:
    yield Figure("disk: write 256 MiB and fsync", _disk(), "MiB/s")
    plain, parsed, at_once_discarded = _discarded()
    yield Figure("discard 256 MiB, Flask's own form parsing", plain, "MiB/s")
    yield Figure("discard 256 MiB, the line's receiver", parsed, "MiB/s")
    rival = _onionshare() if ONIONSHARE.exists() else None
    if rival is not None:
        yield Figure("OnionShare keeps 256 MiB in the clear", rival, "MiB/s")
    with luwte() as (server, _):
        rate = median_rate(_LARGE, _RUNS, _sender(server, noise(_LARGE)))
        yield Figure.at_least("upload 256 MiB, sealed, fsynced, answered", rate, "MiB/s", 0.8 * plain)
        if rival is not None:
            yield Figure.at_least("  … × OnionShare", rate / rival, "", 1)
        yield Figure.at_most("worker's memory, 1 GiB over 1 MiB", _growth(server), "MiB", 16)
        total, slowest = _at_once(lambda: _sender(server, noise(16 * MIB)))
        yield Figure("discard 16 × 16 MiB at once, Flask's own", at_once_discarded, "MiB/s")
        yield Figure.at_least("upload 16 × 16 MiB at once", total, "MiB/s", 0.8 * at_once_discarded)
        yield Figure.at_most("  … slowest / median", slowest, "", 2)


def _disk() -> float:
    def write() -> None:
        with tempfile.TemporaryFile(dir=bench_folder()) as file:
            for _ in range(_LARGE // len(_NOISE)):
                file.write(_NOISE)
            file.flush()
            os.fsync(file.fileno())

    return median_rate(_LARGE, _RUNS, write)


def _discarded() -> tuple[float, float, float]:
    with discarding("werkzeug") as server:
        plain = median_rate(_LARGE, _RUNS, _poster(server, noise(_LARGE)))
        at_once = _at_once(lambda: _poster(server, noise(16 * MIB)))[0]
    with discarding("luwte") as server:
        return plain, median_rate(_LARGE, _RUNS, _poster(server, noise(_LARGE))), at_once


def _onionshare() -> float:
    with onionshare() as server:
        browser = Browser(server.url)
        page = browser.get("/")
        form = Form("/upload", "post", "multipart/form-data", {"text": ""})

        def send() -> None:
            assert browser.submit(page, form, {}, [("file[]", noise(_LARGE))]).status < 400

        return median_rate(_LARGE, _RUNS, send)


def _poster(server: Server, upload: Upload) -> Callable[[], None]:
    browser = Browser(server.url)
    page = browser.get("/")
    form = Form("/", "post", "multipart/form-data", {"message": ""})

    def send() -> None:
        assert browser.submit(page, form, {}, [("files", upload)]).text == "taken"

    return send


def _sender(server: Server, upload: Upload) -> Callable[[], None]:
    """Sends `upload` as a source who has written before, so that no key derivation is in the way."""
    browser = Browser(server.url)
    form: tuple[Page, Form] | None = writing_form(browser)
    page = browser.submit(*form, {"message": "first"})

    def send() -> None:
        nonlocal page
        page = browser.submit(page, page.form(having="files"), {}, [("files", upload)])
        assert "arrived whole" in page.text, page.text

    return send


def _at_once(make: Callable[[], Callable[[], None]]) -> tuple[float, float]:
    """MiB/s of sixteen senders together, and the slowest one's time over the median's: medians of several rounds."""
    senders = [make() for _ in range(_AT_ONCE)]
    rates, unevenness = [], []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for _ in range(_RUNS):
            began = time.perf_counter()
            times = list(pool.map(seconds, senders))
            rates.append(_AT_ONCE * 16 / (time.perf_counter() - began))
            unevenness.append(max(times) / statistics.median(times))
    return statistics.median(rates), statistics.median(unevenness)


def _growth(server: Server) -> float:
    """MiB that the greatest worker's peak grows by from uploads of 1 MiB to uploads of 1 GiB."""
    small, large = _sender(server, noise(MIB)), _sender(server, noise(1024 * MIB))
    _forget_peaks(server)
    for _ in range(12):  # so that each worker had some
        small()
    before = _peaks(server)
    _forget_peaks(server)
    large()
    return max(after - before[pid] for pid, after in _peaks(server).items())


def _forget_peaks(server: Server) -> None:
    for pid in server.workers():
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peaks(server: Server) -> dict[int, float]:
    """The most MiB that each worker held since its peak was forgotten."""
    peaks = {}
    for pid in server.workers():
        status = Path(f"/proc/{pid}/status").read_text()
        peaks[pid] = int(status.split("VmHWM:")[1].split()[0]) / 1024
    return peaks
