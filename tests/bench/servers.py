"""Servers to measure, each on a loopback port of its own, each ended by its process id."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from deploy.trial import line
from deploy.trial.browser import Browser, Form, Page
from deploy.trial.folder import TrialFolder
from deploy.trial.new_source import ask_for_codename, type_back
from deploy.trial.processes import free_ports
from deploy.trial.transport import Loopback
from tests.bench.table import MIB
from tests.support.waiting import runs, wait_until

ROOT = Path(__file__).parents[2]
ONIONSHARE = ROOT / ".venv-onionshare" / "bin" / "onionshare-cli"
_FLOOD_SECONDS = 5


@dataclass(frozen=True)
class Server:
    """Where it listens and which process the workers belong to."""

    url: str
    pid: int

    def workers(self) -> list[int]:
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [int(child) for child in text.split()]


@contextmanager
def luwte() -> Iterator[tuple[Server, TrialFolder]]:
    """A whole line, as `deploy/try` starts it, that takes files of 1 GiB. Its desk is there but does nothing meanwhile."""
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        place = TrialFolder(Path(folder))
        line.set_up(place)
        (place.intake / "intake.toml").write_text(f"[limits]\nfile_bytes = {1100 * MIB}\n")
        source, desk = free_ports(2)
        with line.RunningLine(place, Loopback(place, source), desk) as running:
            yield Server(running.source_facts["source_url"], running.pids["intake"]), place


@contextmanager
def discarding(how: str) -> Iterator[Server]:
    """The same gunicorn with the same options, which reads a body and keeps nothing; `how` as in discard.py."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "tests.bench.discard", how, str(port)]
    with _started(command) as process:
        _await(f"http://127.0.0.1:{port}", process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def one_worker(*state: Path) -> Iterator[Server]:
    """One worker that serves the pages of this intake host; without one, a bare Flask page of their size."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "tests.bench.one_worker", str(port), *map(str, state)]
    with _started(command) as process:
        _await(f"http://127.0.0.1:{port}", process)
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def discarding_behind_tor(socket: Path) -> Iterator[None]:
    """The same with the line's receiver, at a UNIX socket to which tor brings its connections."""
    with _started([sys.executable, "-m", "tests.bench.discard", "luwte", str(socket)]) as process:
        wait_until(socket.exists, check=runs(process, lambda: process.args))
        yield


@contextmanager
def onionshare() -> Iterator[Server]:
    """OnionShare receiving files into a folder, in the clear, without Tor."""
    with tempfile.TemporaryDirectory(prefix="luwte-bench-", dir=bench_folder()) as folder:
        command = [str(ONIONSHARE), "--receive", "--local-only", "--public", "--data-dir", folder]
        said = Path(folder) / "said.log"
        with said.open("wb") as log, _started(command, stdout=log, env=os.environ | {"HOME": folder}) as process:
            (url,) = wait_until(
                lambda: re.findall(r"http://127\.0\.0\.1:\d+", said.read_text("utf-8"))[:1],
                check=runs(process, lambda: said.read_text("utf-8")),
            )
            _await(url, process)
            yield Server(url, process.pid)


def writing_form(browser: Browser) -> tuple[Page, Form]:
    """A new source's page for writing, and its form."""
    page = type_back(browser, ask_for_codename(browser))
    return page, page.form(having="files")


def bench_folder() -> Path:
    """Where sealed files are written: a real disk, not memory. LUWTE_BENCH_DIR, or the user's cache."""
    folder = Path(os.environ.get("LUWTE_BENCH_DIR") or Path.home() / ".cache" / "luwte-bench")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def flooding(module: str, *arguments: str) -> Iterator[None]:
    """A flood that this module makes, as a program of its own; it has begun when the block does."""
    process = subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT)
    try:
        time.sleep(_FLOOD_SECONDS)
        if process.poll() is not None:
            raise RuntimeError("the flood has ended by itself")
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _started(command: list[str], **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(url: str, process: "subprocess.Popen[bytes]") -> None:
    def answers() -> bool:
        with suppress(OSError):
            return Browser(url).get("/").status > 0
        return False

    wait_until(answers, check=runs(process, lambda: process.args))
