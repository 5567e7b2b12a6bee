"""What a source meets when something breaks, or stands, between the browser and the line."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from stem.control import Controller

from deploy.trial.tor_process import TorClient
from source_interface.page import PAGE_BYTES
from tests.journeys.conftest import OpenBrowser
from tests.journeys.onion_line import OnionLine
from tests.journeys.person import Person
from tests.support.browser import PAGE_SECONDS, WIDTHS, NoPageError, Received
from tests.support.firefox import Firefox, Level
from tests.support.processes import family
from tests.support.served_host import await_gone, command_line
from tests.support.through_tor import ask, connection
from tests.support.waiting import tried_until, wait_until

MIB = 1 << 20
ENOUGH_SECONDS = 120


# What a site between may ask for: the Host header, and what it says of itself.
BETWEEN = {
    "/says-so": ("{onion}", "X-Tor2web: 1"),
    "/names-the-visitor": ("{onion}", "X-Forwarded-For: 192.0.2.1"),
    "/in-another-name": ("line.example",),
}


def crash_of_the_server(line: OnionLine) -> None:
    times = line.host.said.count("source server ended by itself")
    for pid in reversed(family(line.host.source_server())):
        os.kill(pid, signal.SIGKILL)
    line.host.await_said("source server ended by itself", times=times + 1)


def crash_of_the_host(line: OnionLine) -> None:
    """All at once, as when the power fails; then somebody starts it again."""
    processes = {pid: command_line(pid) for pid in family(line.host.process.pid)}
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    line.host.await_exit()
    await_gone(processes)
    line.host.start()
    line.host.await_source()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("crash", [crash_of_the_server, crash_of_the_host])
def test_an_upload_that_a_crash_breaks_off_leaves_nothing_and_is_sent_again(
    crash: Callable[[OnionLine], None], line: OnionLine, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    mark = os.urandom(4).hex()
    message, file = f"broken off {mark}", tmp_path / f"video-{mark}.bin"
    file.write_bytes(os.urandom(32 * MIB))
    (tmp_path / "saved").mkdir()
    person = Person(open_browser("safest"), line.url)
    person.get_codename()
    mailbox = person.mailbox
    before = stored(line)
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(person.send, message, [file])
        wait_until(lambda: sending.done() or stored(line) - before > MIB)
        crash(line)
        with pytest.raises(NoPageError):
            sending.result(2 * PAGE_SECONDS)  # it tries again by itself, and its tor gives a host up late
    person.browser.received()
    eventually(lambda: person.browser.open(mailbox))
    person.browser.received()

    assert stored(line) <= before
    person.send(message, [file])
    line.carry_in()
    saved = line.files_with(message, tmp_path / "saved")
    assert {name: path.read_bytes() == file.read_bytes() for name, path in saved.items()} == {file.name: True}


@pytest.mark.timeout(600)
def test_a_host_without_its_tor_fails_plainly_and_the_same_visit_goes_on_with_the_next(
    line: OnionLine, open_browser: OpenBrowser, tor_client: TorClient
) -> None:
    person = Person(open_browser("safest"), line.url)
    person.get_codename()
    person.send(f"before the fault {os.urandom(4).hex()}")
    mailbox = person.mailbox
    published = line.host.said.count("The source onion is reachable")
    os.kill(line.host.process.pid, signal.SIGSTOP)  # so that tor stays away for as long as the browser tries
    try:
        os.kill(line.host.tor(), signal.SIGKILL)
        with impatient(tor_client), pytest.raises(NoPageError):
            person.browser.open(mailbox)
    finally:
        os.kill(line.host.process.pid, signal.SIGCONT)
    line.host.await_source(times=published + 1)
    person.browser.received()

    eventually(lambda: person.browser.open(mailbox))
    person.browser.received()
    person.send("after it")
    person.leave()
    person.log_in()
    assert person.browser.attributes("textarea[name=message]", "name")


def test_a_site_that_stands_between_is_refused_with_a_page_of_the_same_size(
    line: OnionLine, tor_client: TorClient, screenshots: Path, tmp_path: Path
) -> None:
    class Gateway(BaseHTTPRequestHandler):
        """A "tor2web" site: it fetches the onion's pages for visitors without Tor."""

        def do_GET(self) -> None:
            host, *headers = BETWEEN[self.path]
            with connection(tor_client.socks_port, line.onion) as onion:
                self.wfile.write(ask(onion, host.format(onion=line.onion), *headers))

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = Firefox(tmp_path / "browser", Level.SAFEST)
        try:
            met = {path: met_at(browser, f"http://127.0.0.1:{server.server_port}{path}") for path in BETWEEN}
            for width in WIDTHS:
                browser.screenshot(screenshots / f"refused-{width}.png", width)
        finally:
            browser.end()
            server.shutdown()

    for answer, text in met.values():
        assert (answer.status, answer.body_bytes) == (400, PAGE_BYTES)
        assert text.startswith("Please use Tor Browser\nYou came here through another site")


@contextmanager
def impatient(tor: TorClient) -> Iterator[None]:
    """It gives up after seconds, not after two minutes."""
    with Controller.from_socket_file(str(tor.control)) as controller:
        controller.authenticate()
        controller.set_conf("SocksTimeout", "15")
        try:
            yield
        finally:
            controller.reset_conf("SocksTimeout")


def met_at(browser: Firefox, url: str) -> tuple[Received, str]:
    browser.open(url)
    (answer,) = browser.received()
    return answer, browser.text


def stored(line: OnionLine) -> int:
    """Bytes of all that the host keeps for sources, what is still coming in too."""
    return sum(file.stat().st_size for file in (line.road.host_state / "blobs").rglob("*") if file.is_file())


def eventually(open_page: Callable[[], None]) -> None:
    """As a person does whose browser cannot reach a page: try again. One try takes up to two minutes of a tor's patience."""
    tried_until(open_page, NoPageError, 3 * ENOUGH_SECONDS, every=0)
