"""What a source meets when something breaks, or stands, between the browser and the line."""

import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from deploy.trial.tor_process import TorClient
from source_interface.page import PAGE_BYTES
from tests.journeys.conftest import OpenBrowser
from tests.journeys.onion_line import OnionLine
from tests.journeys.person import Person
from tests.support.browser import NoPageError
from tests.support.firefox import Firefox, Level
from tests.support.processes import family
from tests.support.through_tor import ask, connection

MIB = 1 << 20
ENOUGH_SECONDS = 120


@pytest.mark.timeout(600)
def test_an_upload_that_a_crash_of_the_host_breaks_off_leaves_nothing_and_is_sent_again(
    line: OnionLine, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    mark = os.urandom(4).hex()
    message, file = f"broken off {mark}", tmp_path / f"video-{mark}.bin"
    file.write_bytes(os.urandom(50 * MIB))
    (tmp_path / "saved").mkdir()
    person = Person(open_browser("safest"), line.url)
    person.get_codename()
    mailbox = person.browser.url
    before = stored(line)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(person.send, message, [file])
        wait_until(lambda: sending.done() or stored(line) - before > MIB)
        for pid in reversed(family(line.host.source_server())):
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(NoPageError):
            sending.result(ENOUGH_SECONDS)
    line.host.await_said("source server ended by itself")
    person.browser.received()
    eventually(lambda: person.browser.open(mailbox))
    person.browser.received()

    assert stored(line) <= before
    person.send(message, [file])
    line.carry_in()
    saved = line.files_with(message, tmp_path / "saved")
    assert {name: path.read_bytes() == file.read_bytes() for name, path in saved.items()} == {file.name: True}


@pytest.mark.timeout(600)
def test_a_host_whose_tor_was_killed_is_reached_again_in_the_same_visit(
    line: OnionLine, open_browser: OpenBrowser
) -> None:
    message = f"before the fault {os.urandom(4).hex()}"
    person = Person(open_browser("safest"), line.url)
    person.get_codename()
    person.send(message)
    slot = person.browser.attributes("input[name=slot]", "value")[0]
    published = line.host.said.count("The source onion is reachable")
    os.kill(line.host.tor(), signal.SIGKILL)
    line.host.await_source(times=published + 1)

    eventually(lambda: person.browser.open(f"{line.url}/mailbox?slot={slot}"))
    person.browser.received()
    person.send("after it")


def test_a_site_that_stands_between_is_refused_with_a_page_of_the_same_size(
    line: OnionLine, tor_client: TorClient, tmp_path: Path
) -> None:
    class Gateway(BaseHTTPRequestHandler):
        """A "tor2web" site: it fetches the onion's pages for visitors without Tor, and says so in a header."""

        def do_GET(self) -> None:
            with connection(tor_client.socks_port, line.onion) as onion:
                self.wfile.write(ask(onion, line.onion, "X-Tor2web: 1", path=self.path))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = Firefox(tmp_path / "browser", Level.SAFEST)
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}/")
            (answer,) = [one for one in browser.received() if one.url.endswith("/")]
            text = browser.text
        finally:
            browser.end()
            server.shutdown()

    assert (answer.status, answer.body_bytes) == (400, PAGE_BYTES)
    assert text == "We could not read that\nNothing was taken. Please try again."


def stored(line: OnionLine) -> int:
    """Bytes of all that the host keeps for sources, what is still coming in too."""
    return sum(file.stat().st_size for file in (line.road.host_state / "blobs").rglob("*") if file.is_file())


def wait_until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + ENOUGH_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def eventually(open_page: Callable[[], None]) -> None:
    """As a person does whose browser cannot reach a page: try again."""
    end = time.monotonic() + ENOUGH_SECONDS
    while True:
        try:
            return open_page()
        except NoPageError:
            assert time.monotonic() < end
