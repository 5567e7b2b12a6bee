"""The source interface behind a stand-in for tor: circuits that begin each connection with the line that tor writes."""

import contextlib
import http.client
import json
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.trial.browser import Browser, Page
from store.clock import SystemClock
from tests.source_interface.source_browser import SourceBrowser
from tests.support.processes import family
from tests.support.road import Road
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
ENOUGH_SECONDS = 60


def proxy_line(circuit: int) -> bytes:
    """As tor 0.4.9 writes it with HiddenServiceExportCircuitID haproxy."""
    high, low = divmod(circuit, 1 << 16)
    return f"PROXY TCP6 fc00:dead:beef:4dad::{high:x}:{low:x} ::1 {low or 1} 80\r\n".encode()


@dataclass(frozen=True)
class Circuit:
    """One client's circuit to the server."""

    socket: Path
    number: int

    def connect(self, timeout: float = ENOUGH_SECONDS) -> socket.socket:
        """A connection on which tor has said its line."""
        connection = bare(self.socket, timeout)
        connection.sendall(proxy_line(self.number))
        return connection

    def raw(self, request: bytes, *, end: bool = True) -> bytes:
        """Say this, and all that is answered."""
        with self.connect() as connection:
            return ask(connection, request, end=end)

    def browser(self) -> "CircuitBrowser":
        return CircuitBrowser(self)


class CircuitBrowser(SourceBrowser):
    """A browser whose connections go through one circuit; it checks every page."""

    def __init__(self, circuit: Circuit) -> None:
        super().__init__("http://127.0.0.1:80")
        self._circuit = circuit

    def _connection(self) -> http.client.HTTPConnection:
        connection = super()._connection()
        connection.sock = self._circuit.connect()
        return connection


class RefusedBrowser(CircuitBrowser):
    """One that the server itself may refuse: such a page has no cookie of the visit, and is not checked."""

    def _understand(self, *arguments) -> Page:
        return Browser._understand(self, *arguments)


@dataclass
class OnionServer:
    """A running server."""

    road: Road
    socket: Path
    told: Path
    errors: Path
    process: "subprocess.Popen[str]"

    def circuit(self, number: int) -> Circuit:
        return Circuit(self.socket, number)

    def closed(self) -> list[int]:
        """Circuits that tor would have been asked to close, in order."""
        return [int(line) for line in self.told.read_text("ascii").split()]

    def await_closed(self, number: int) -> None:
        wait_until(lambda: number in self.closed(), words=lambda: f"circuit {number} was not reported")

    def workers(self) -> list[int]:
        """Process ids of the two workers."""
        return family(self.process.pid)[2:]


def bare(path: Path, timeout: float = ENOUGH_SECONDS) -> socket.socket:
    """A connection on which nothing has been said."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(path))  # without a timeout of Python's, which would not wait for room among the unaccepted
    connection.settimeout(timeout)
    return connection


def ask(connection: socket.socket, request: bytes, *, end: bool = True) -> bytes:
    """Say this (and that it is all), and hear everything until the other side ends."""
    with contextlib.suppress(OSError):
        connection.sendall(request)
        if end:
            connection.shutdown(socket.SHUT_WR)
    heard = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 16):
            heard += piece
    return heard


def answered(connections: Iterable[socket.socket]) -> list[socket.socket]:
    """Those of them on which something was said, or which were ended, by now."""
    known = {connection.fileno(): connection for connection in connections}
    poll = select.poll()
    for descriptor in known:
        poll.register(descriptor, select.POLLIN)
    return [known[descriptor] for descriptor, _ in poll.poll(0)]


@contextmanager
def onion_server(folder: Path, **limits: Mapping[str, Any]) -> Iterator[OnionServer]:
    """A server with these `policy`, `deadlines` and `room`; what is not named has its usual value."""
    road = Road(folder, SystemClock())
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\nlogin_step_milliseconds = 1\n")
    runtime = Path(tempfile.mkdtemp(prefix="luwte-test-", dir="/dev/shm"))
    path, told, errors = runtime / "source.sock", folder / "told", folder / "errors"
    told.touch()
    program = [sys.executable, "-m", "tests.support.onion_program", road.host_state, path, told, json.dumps(limits)]
    with errors.open("w") as log:
        process = subprocess.Popen(
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT,
            env={"RUNTIME_DIRECTORY": str(runtime), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", errors.read_text()
        server = OnionServer(road, path, told, errors, process)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(ENOUGH_SECONDS)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            shutil.rmtree(runtime)
