"""`luwte-intake serve`, run as an operator runs it, with a tor of its own that is part of a private network."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Self

from tests.support.processes import family
from tests.support.torrc_options import torrc_options
from tests.support.waiting import runs, wait_until

BIN = Path(sys.executable).parent


class ServedHost:
    """Use as a context: leaving it ends the supervisor, which ends what it started. `before` stands before the command."""

    def __init__(
        self, state: Path, *program: str | Path, before: Iterable[str | Path] = (), torrc_lines: Iterable[str] = ()
    ) -> None:
        self.state = state
        self._output = state.parent / f"{state.name}-output"
        command = program or (BIN / "luwte-intake", "serve", "--state", state)
        self._command = [*map(str, (*before, *command)), *torrc_options(state.parent, state.name, torrc_lines)]

    def __enter__(self) -> Self:
        self.start()
        return self

    def start(self) -> None:
        """As often as it has ended; what it said before is forgotten."""
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
            )

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGTERM)

    def end(self, number: int, seconds: float = 60) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            started = family(self.process.pid)
            for pid in started:
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
            raise

    @property
    def said(self) -> str:
        return self._output.read_text("utf-8", "replace")

    def await_said(self, pattern: str, *, times: int = 1, seconds: float = 90) -> re.Match[str]:
        """Until it has said this so many times; the last of them."""
        return wait_until(
            lambda: list(re.finditer(pattern, self.said))[times - 1 :],
            seconds,
            check=runs(self.process, lambda: self.said),
            words=lambda: f"it did not say {pattern!r} {times} times:\n{self.said}",
        )[0]

    def await_source(self, *, times: int = 1) -> str:
        """The source onion's address, once it is reachable."""
        return self.await_said(r"The source onion is reachable: http://(\S+\.onion)\n", times=times)[1]

    def await_exit(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    def children(self) -> dict[int, str]:
        """What it has started and runs, each with its command line."""
        return {pid: command_line(pid) for pid in family(self.process.pid)[1:]}

    def tor(self) -> int:
        (pid,) = [pid for pid, line in self.children().items() if "/tor/torrc" in line]
        return pid

    def source_server(self) -> int:
        """gunicorn's master: it has workers, and holds the lock for serving sources."""
        lock = self.state / "serve.lock"
        (pid,) = [pid for pid in self.children() if len(family(pid)) > 1 and lock in open_files(pid)]
        return pid

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def open_files(pid: int) -> set[Path]:
    return {descriptor.resolve() for descriptor in Path(f"/proc/{pid}/fd").iterdir()}


def is_running(pid: int, line: str) -> bool:
    """Whether this process is still there, and still the same; one that only waits to be buried is not."""
    return line != "" and command_line(pid) == line


def await_gone(processes: dict[int, str], seconds: float = 30) -> None:
    """Until none of these runs."""

    def left() -> dict[int, str]:
        return {pid: line for pid, line in processes.items() if is_running(pid, line)}

    wait_until(lambda: not left(), seconds, words=lambda: f"these still run: {left()}")
