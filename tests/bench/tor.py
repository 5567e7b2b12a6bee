"""The line through a private Tor network on this machine: large files beside a raw POST, and pages in a flood.

    python -m tests.bench.tor SOCKS_PORT ONION one|many     # the flood by itself

All of it shares this machine's cores: the network's five tors, the clients', the host with its own, and who measures. The
figures tell what Luwte adds to Tor, not how fast Tor is elsewhere.
"""

import contextlib
import itertools
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from deploy.onion.control import connect
from deploy.onion.description import source_onion
from deploy.onion.places import OnionPlaces
from deploy.trial.browser import Form
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient
from store.clock import SystemClock
from tests.bench.servers import bench_folder, discarding_behind_tor, flooding
from tests.bench.table import MIB, Figure, seconds
from tests.bench.uploads import noise
from tests.support.road import Road
from tests.support.served_host import ServedHost
from tests.support.through_tor import GONE, OnionBrowser, OnionVisitor

_SIZE = 50 * MIB
_RUNS = 10
_RAW_PORT = 81
_VISITORS, _PAGES = 5, 12
_AT_ONCE = 6
_NEXT_SECONDS = 0.01


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder, _network() as network:
        road = Road(Path(folder), SystemClock())
        (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
        with ServedHost(road.host_state, torrc_lines=network.torrc_lines) as host:
            onion, visitor, crowd = host.await_source(), network.client("visitor"), network.client("crowd")
            yield from _uploads(host, visitor, onion)
            yield from _floods(visitor, crowd, onion)


@contextmanager
def _network() -> Iterator[TorNetwork]:
    with tempfile.TemporaryDirectory(prefix="luwte-") as folder, TorNetwork(Path(folder) / "net") as network:
        yield network


def _uploads(host: ServedHost, visitor: TorClient, onion: str) -> Iterator[Figure]:
    """Each visitor sends both ways by one circuit: circuits differ more than what is measured. The raw POST goes to another
    port of the same onion."""
    places = OnionPlaces.of(host.state)
    to = places.source_socket.with_name("raw.sock")
    with discarding_behind_tor(to), closing(connect(str(places.control_socket))) as controller:
        controller.set_options([*source_onion(places).options(), ("HiddenServicePort", f"{_RAW_PORT} unix:{to}")])
        pairs = [_pair(visitor, onion, f"sender {turn}", raw_first=turn % 2 == 0) for turn in range(_RUNS)]
    plain, sealed = (_SIZE / MIB / statistics.median(times) for times in zip(*pairs, strict=True))
    yield Figure(f"raw POST of 50 MiB through Tor, discarded, median of {_RUNS}", plain, "MiB/s")
    yield Figure("upload of 50 MiB through Tor, sealed, answered", sealed, "MiB/s")
    ratios = [raw / ours for raw, ours in pairs]
    yield Figure.at_least("  … × the raw POST by the same circuit, median", statistics.median(ratios), "", 0.9)
    quarters = statistics.quantiles(ratios)
    yield Figure("  … a quarter of the circuits are below", quarters[0], "")
    yield Figure("  … a quarter are above", quarters[-1], "")


def _pair(visitor: TorClient, onion: str, name: str, *, raw_first: bool) -> tuple[float, float]:
    """Seconds for the raw POST, and for ours."""
    send = _sender(visitor, onion, name)
    if raw_first:
        return _post(visitor, onion, name), send()
    ours = send()
    return _post(visitor, onion, name), ours


def _post(visitor: TorClient, onion: str, name: str) -> float:
    browser = OnionVisitor(visitor.socks_port, onion, name, _RAW_PORT)
    page = browser.get("/")
    form = Form("/", "post", "multipart/form-data", {"message": ""})
    return seconds(partial(browser.submit, page, form, {}, [("files", noise(_SIZE))]))


def _sender(visitor: TorClient, onion: str, name: str) -> Callable[[], float]:
    """Sends as a source who has written before, so that no key derivation is in the way; gives the seconds."""
    browser = OnionBrowser(visitor.socks_port, onion, name)
    page = browser.send(browser.go_on(browser.new_codename()), "first")

    def send() -> None:
        sent = browser.submit(page, page.form(having="files"), {}, [("files", noise(_SIZE))])
        assert "arrived whole" in sent.text, sent.text

    return partial(seconds, send)


def _floods(visitor: TorClient, crowd: TorClient, onion: str) -> Iterator[Figure]:
    calm = _page(visitor, onion, "calm")
    yield Figure("page through Tor for an honest source, no flood", 1000 * calm, "ms")
    for who, name in (("one", "one circuit floods"), ("many", "ever new circuits flood")):
        with flooding("tests.bench.tor", str(crowd.socks_port), onion, who):
            busy = _page(visitor, onion, who)
        yield Figure(f"  … while {name}", 1000 * busy, "ms")
        yield Figure("  … with it / without", busy / calm, "")


def _page(visitor: TorClient, onion: str, turn: str) -> float:
    """Seconds until the whole page is there: the median, of some visitors who have come before."""
    times = []
    for number in range(_VISITORS):
        browser = OnionBrowser(visitor.socks_port, onion, f"honest {turn} {number}")
        browser.get("/")
        times += [seconds(partial(browser.get, "/login")) for _ in range(_PAGES)]
    return statistics.median(times)


def _flooding(socks_port: int, onion: str, who: str) -> None:
    """Until this process is ended: as many pages as are answered. A circuit that was closed is asked for anew."""
    names = itertools.repeat("flood") if who == "one" else (f"flood {number}" for number in itertools.count())
    names_lock = threading.Lock()

    def ask() -> None:
        while True:
            with names_lock:
                name = next(names)
            with contextlib.suppress(*GONE):
                while True:
                    OnionBrowser(socks_port, onion, name).get("/login")
                    if who == "many":
                        break
            time.sleep(_NEXT_SECONDS)

    for _ in range(_AT_ONCE):
        threading.Thread(target=ask).start()


if __name__ == "__main__":
    _flooding(int(sys.argv[1]), sys.argv[2], sys.argv[3])
