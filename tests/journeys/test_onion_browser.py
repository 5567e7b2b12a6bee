"""The browser that stands for Tor Browser goes to tor's SOCKS port and nowhere else."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from deploy.trial.tor_process import TorClient
from tests.journeys.onion_line import OnionLine
from tests.journeys.person import Person
from tests.support.connections import asked_addresses, traced
from tests.support.firefox import Firefox, Level


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_firefox_asks_for_nothing_but_its_socks_port(line: OnionLine, tor_client: TorClient, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    browser = Firefox(tmp_path / "browser", Level.STANDARD, tor_client.socks_port, traced(trace))
    try:
        person = Person(browser, line.url)
        person.get_codename()
        person.leave()
    finally:
        browser.end()

    assert asked_addresses(trace) == {("127.0.0.1", tor_client.socks_port)}


def test_a_firefox_that_goes_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        browser = Firefox(tmp_path / "browser", Level.STANDARD, before=traced(trace))
        try:
            browser.open(f"http://127.0.0.1:{server.server_port}/")
        finally:
            browser.end()
            server.shutdown()

    assert ("127.0.0.1", server.server_port) in asked_addresses(trace)
