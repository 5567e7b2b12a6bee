"""A real intake host, its courier's endpoint under gunicorn in a process of its own, and a desk made of paper."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from journalist_interface.courier.client import Client, Patience
from store.clock import SystemClock, today
from store.intake.place import IntakePlace
from tests.store.intake.conftest import Line, copy_of, pair
from tests.support.clock import SetClock
from tests.support.relay import CuttingRelay
from tests.support.road import RoadSource, submit

ROOT = Path(__file__).parents[3]
QUICK = Patience(silence=30, pauses=(0.0, 0.05, 0.1, 0.2))
_SERVE = """
import resource, sys
from pathlib import Path
from deploy.courier_server import serve
if int(sys.argv[3]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
serve(Path(sys.argv[1]), sys.argv[2], ready=lambda: print("ready", flush=True))
"""


@dataclass
class Host:
    """An intake host whose courier's endpoint answers at a UNIX socket."""

    line: Line
    folder: Path
    socket_path: Path
    process: subprocess.Popen[str] | None = None
    said: str = ""
    place: IntakePlace = field(init=False)

    def __post_init__(self) -> None:
        self.place = self.line.open(free_bytes_floor=1)

    def start(self, *, largest_file: int = 0) -> None:
        """`largest_file` bytes is all that its disk takes in one file; 0 for no such limit."""
        with (self.folder / "errors").open("a") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", _SERVE, self.line.state, f"unix:{self.socket_path}", str(largest_file)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "RUNTIME_DIRECTORY": str(self.line.runtime)},
                cwd=ROOT,
                start_new_session=True,
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n", self.errors()

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGKILL goes to all of its processes at once, as a power cut does."""
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            if how is signal.SIGKILL:
                os.killpg(self.process.pid, how)
            else:
                self.process.send_signal(how)
        self.process.wait(60)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process = None

    def errors(self) -> str:
        return (self.folder / "errors").read_text()

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        try:
            connection.connect(str(self.socket_path))
        except OSError:
            connection.close()
            raise
        return connection

    def client(self, relay: CuttingRelay | None = None, patience: Patience = QUICK) -> Client:
        return Client("courier.onion", relay.connect if relay else self.connect, patience)

    def raw(self, request: bytes) -> bytes:
        """Say this, and hear all that is answered."""
        with self.connect() as connection:
            with contextlib.suppress(OSError):
                connection.sendall(request)
            heard = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := connection.recv(1 << 16):
                    heard += piece
            return heard

    def ask(self, method: str, path: str, *lines: str, body: bytes = b"") -> bytes:
        head = [f"{method} {path} HTTP/1.1", "Host: x", *lines]
        if method == "POST" and not any(line.lower().startswith(("content-length", "transfer-")) for line in lines):
            head.append(f"Content-Length: {len(body)}")
        return self.raw("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    def inbox(self) -> dict[str, int]:
        folder = self.line.state / "inbox"
        return {path.name: path.stat().st_size for path in folder.iterdir()} if folder.exists() else {}


@pytest.fixture(scope="session")
def paired_yesterday(tmp_path_factory: pytest.TempPathFactory) -> Line:
    """A paired host, closed: copied for each test. Its clock is a day behind the endpoint's, which gives what came before today."""
    line = pair(tmp_path_factory.mktemp("paired"), SetClock(today(SystemClock()) - 1), None)
    for place in line.opened:
        place.close()
    return line


@contextlib.contextmanager
def hosts_in(paired: Line, folder: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts that answer, and ends them."""
    hosts: list[Host] = []
    with tempfile.TemporaryDirectory(prefix="luwte-test-") as sockets:

        def make(**how: int) -> Host:
            inside = folder / f"host{len(hosts)}"
            inside.mkdir()
            line = copy_of(paired, inside, SetClock(paired.clock.day))
            host = Host(line, inside, Path(sockets) / f"{len(hosts)}.sock")
            hosts.append(host)
            host.start(**how)
            return host

        try:
            yield make
        finally:
            for host in hosts:
                if host.process is not None:
                    host.end()
                host.place.close()


@pytest.fixture
def new_host(paired_yesterday: Line, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts for one test."""
    with hosts_in(paired_yesterday, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def standing(paired_yesterday: Line, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One host, where bundle 1 waits, for tests that leave it as it was."""
    with hosts_in(paired_yesterday, tmp_path_factory.mktemp("standing")) as make:
        host = make()
        submit(host.place, RoadSource(1), "one")
        host.place.collector.make()
        yield host


@pytest.fixture
def host(new_host: Callable[..., Host]) -> Host:
    return new_host()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "courier's stick"
    folder.mkdir()
    return folder
