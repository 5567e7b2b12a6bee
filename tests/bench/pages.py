"""Pages at a steady rate from one worker: how long until a page begins to come, whoever else asks meanwhile.

Requests begin when they are due, not when the one before has ended, and are timed from when they were due: a server that falls
behind cannot hide it.
"""

import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.trial.browser import Browser, Page
from source_interface.page import PAGE_BYTES
from store.clock import SystemClock
from tests.bench.servers import Server, bench_folder, one_worker, writing_form
from tests.bench.table import Figure
from tests.support.road import Road, collect_bundles, dispatch_bundles

_A_SECOND = 50
_SECONDS = 20
_WARMING = 1
_REPLIES = 20
_AIM_MS = 20


def run() -> Iterator[Figure]:
    with one_worker() as server:
        yield from _figures("bare Flask, 64 KiB", _Asker(server, "/"), None)
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        road = Road(Path(folder), SystemClock())
        with one_worker(road.host_state) as server:
            yield from _figures("first page", _Asker(server, "/"))
            yield from _figures("an advice topic", _Asker(server, _topic(server)))
            browser = Browser(server.url)
            first = browser.get("/")
            browser.submit(first, first.form(action="/language/"), button=("language", "ru"))
            page, form = writing_form(browser)
            yield from _figures("message page with questions, Russian", _Asker(server, "/mailbox", browser))
            browser.submit(page, form, {"message": "hello"})
            _reply(road)
            mailbox = browser.get("/mailbox")
            assert f"answer {_REPLIES}." in mailbox.text, "they are on the page"
            yield from _figures(f"mailbox with {_REPLIES} answers, Russian", _Asker(server, "/mailbox", browser))


def _topic(server: Server) -> str:
    topics: Page = Browser(server.url).get("/advice")
    return next(link for link in topics.links if link.startswith("/advice/"))


def _reply(road: Road) -> None:
    """To the one source that there is."""
    host = road.host()
    host.collector.collect(road.stick)
    with road.desk() as desk:
        desk.importing.import_bundle(collect_bundles(road.stick)[-1])
        (source,) = desk.inbox.sources()
        for number in range(1, _REPLIES + 1):
            desk.replies.reply(source.source_id, f"This is answer {number}. " + "It has some words. " * 20)
        desk.exporting.export(road.stick)
    host.deliverer.deliver(dispatch_bundles(road.stick)[-1])
    host.close()


def _figures(what: str, asker: "_Asker", aim: float | None = _AIM_MS) -> Iterator[Figure]:
    cpu = asker.worker_seconds()
    median, late = asker.percentiles()
    yield Figure(f"{what}, the worker's own time", 1000 * (asker.worker_seconds() - cpu) / asker.asked, "ms")
    for name, value in (("p50", median), ("p99", late)):
        words = f"{what}, first byte, {name} at {_A_SECOND}/s"
        yield Figure(words, value, "ms") if aim is None else Figure.at_most(words, value, "ms", aim)


@dataclass
class _Asker:
    """Asks for one page, again and again."""

    server: Server
    path: str
    browser: Browser | None = None
    times: list[float] = field(default_factory=list)

    @property
    def asked(self) -> int:
        return _A_SECOND * (_WARMING + _SECONDS)

    def worker_seconds(self) -> float:
        """Of a processor, so far: however busy the machine is with other things."""
        (worker,) = self.server.workers()
        times = psutil.Process(worker).cpu_times()
        return times.user + times.system

    def percentiles(self) -> tuple[float, float]:
        """Milliseconds, of the median and of the ninety-ninth of a hundred."""
        for _ in range(_WARMING * _A_SECOND):
            self._ask(time.perf_counter())
        self.times.clear()
        count = _A_SECOND * _SECONDS
        asking, begin = [], time.perf_counter() + 0.1
        for number in range(count):
            due = begin + number / _A_SECOND
            time.sleep(max(0, due - time.perf_counter()))
            asking.append(threading.Thread(target=self._ask, args=(due,)))
            asking[-1].start()
        for thread in asking:
            thread.join()
        assert len(self.times) == count, "each was answered"
        self.times.sort()
        return 1000 * self.times[count // 2], 1000 * self.times[count * 99 // 100]

    def _ask(self, due: float) -> None:
        cookies = self.browser.cookies if self.browser else {}
        cookie = "".join(f"Cookie: {name}={value}\r\n" for name, value in cookies.items())
        host, _, port = self.server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), 60) as connection:
            connection.sendall(f"GET {self.path} HTTP/1.1\r\nHost: {host}\r\n{cookie}\r\n".encode())
            heard = connection.recv(1 << 16)
            took = time.perf_counter() - due
            while piece := connection.recv(1 << 16):
                heard += piece
        assert heard.startswith(b"HTTP/1.1 200 "), heard[:100]
        assert len(heard.partition(b"\r\n\r\n")[2]) == PAGE_BYTES
        self.times.append(took)
