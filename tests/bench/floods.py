"""How long an honest source waits for a page, with and without a flood from other circuits, on loopback.

    python -m tests.bench.floods SOCKET one|many     # the flood by itself

The flood runs in a process of its own, without tor and the work that tor makes of each connection: pages and logins as fast as
they are answered, and five hundred half requests a second. One circuit tries on when it gets no answer any more; or a new one
takes its place each time, which takes ten milliseconds: through tor and its proof of work it takes far longer.
"""

import contextlib
import http.client
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.bench.servers import bench_folder, flooding
from tests.bench.table import Figure, seconds
from tests.support.onion_server import Circuit, OnionServer, onion_server

_PAGES = 160
_HONEST, _HOSTILE = 7, 1_000
_NEXT_SECONDS = 0.01
_WORDS = "abacus abdomen abdominal abide abiding ability ablaze"
_GONE = (OSError, http.client.HTTPException)


def run() -> Iterator[Figure]:
    folders = tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder())
    with folders as folder, onion_server(Path(folder)) as server:
        numbers = itertools.count(_HONEST)
        calm = _page(server, numbers)
        yield Figure("page for an honest source, no flood", 1000 * calm, "ms")
        for who, name in (("one", "one circuit floods"), ("many", "ever new circuits flood")):
            with flooding("tests.bench.floods", str(server.socket), who):
                busy = _page(server, numbers)
            yield Figure(f"  … while {name}", 1000 * busy, "ms")
            yield Figure("  … with it / without", busy / calm, "")


def _page(server: OnionServer, numbers: Iterator[int]) -> float:
    """Seconds until the whole page is there: the median, each twenty by a circuit of their own."""
    times = []
    for _ in range(_PAGES // 20):
        browser = server.circuit(next(numbers)).browser()
        times += [seconds(partial(browser.get, "/login")) for _ in range(20)]
    return statistics.median(times)


def _flooding(path: Path, who: str) -> None:
    """Until this process is ended."""
    numbers = itertools.count(_HOSTILE)
    circuit = itertools.repeat(_HOSTILE) if who == "one" else numbers
    threads = [threading.Thread(target=act, args=(path, circuit)) for act in (_ask, _ask, _ask, _log_in, _begin)]
    for thread in threads:
        thread.start()


def _ask(path: Path, numbers: Iterator[int]) -> None:
    while True:
        circuit = Circuit(path, next(numbers))
        with contextlib.suppress(OSError):
            while circuit.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"):
                pass
        time.sleep(_NEXT_SECONDS)


def _log_in(path: Path, numbers: Iterator[int]) -> None:
    while True:
        browser = Circuit(path, next(numbers)).browser()
        with contextlib.suppress(*_GONE):
            page = browser.get("/login")
            while True:
                browser.submit(page, page.form(having="codename"), {"codename": _WORDS})
        time.sleep(_NEXT_SECONDS)


def _begin(path: Path, numbers: Iterator[int]) -> None:
    """Hold up to five hundred connections open, each with half a request."""
    with contextlib.ExitStack() as held:
        for count in itertools.count(1):
            if count % 500 == 0:
                held.close()
            with contextlib.suppress(OSError):
                held.enter_context(Circuit(path, next(numbers)).connect()).send(b"GET / HT")
            time.sleep(_NEXT_SECONDS / 5)


if __name__ == "__main__":
    _flooding(Path(sys.argv[1]), sys.argv[2])
