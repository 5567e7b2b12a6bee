"""A courier's laptop: `luwte-courier` in a process of its own, as a courier runs it."""

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from tests.support.processes import family
from tests.support.served_host import BIN, await_gone, command_line
from tests.support.torrc_options import torrc_options
from tests.support.waiting import runs, wait_until

ENOUGH_SECONDS = 400


class Running:
    """A command that is under way. What it shows goes into files, so that it never waits for who reads it."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        said = Path(tempfile.mkdtemp(dir=folder))
        self._stdout, self._stderr = said / "stdout", said / "stderr"
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                env=os.environ | environment,
                # Where the tests run in the background it is ignored, and would be by what they start.
                preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - takes no lock
            )

    @property
    def stdout(self) -> str:
        return self._stdout.read_text()

    @property
    def stderr(self) -> str:
        return self._stderr.read_text()

    def await_said(self, pattern: str) -> re.Match[str]:
        """Until it has said this to the courier."""
        found = wait_until(
            lambda: re.search(pattern, self.stderr),
            ENOUGH_SECONDS,
            check=runs(self.process, lambda: self.stdout + self.stderr),
            words=lambda: f"it did not say {pattern!r}:\n{self.stderr}",
        )
        assert found is not None
        return found

    def end(self, code: int = 0, number: int | None = None) -> "Running":
        """Send a signal, if one is given; wait for the end with this exit code, and that of all that it had started."""
        started = {pid: command_line(pid) for pid in family(self.process.pid)} if number is not None else {}
        if number is not None:
            self.process.send_signal(number)
        assert self.process.wait(ENOUGH_SECONDS) == code, (self.process.returncode, self.stdout, self.stderr)
        assert "Traceback" not in self.stderr
        await_gone(started)
        return self


class Laptop:
    """A folder with a key, one with a stick, and what Tor must be told to be of the private network."""

    def __init__(self, folder: Path, torrc_lines: Iterable[str], **environment: str) -> None:
        self.folder, self.state, self.stick = folder, folder / "laptop", folder / "stick"
        self._environment = environment
        self.stick.mkdir(parents=True)
        self._options = torrc_options(folder, "laptop", torrc_lines)

    def command(self, name: str, *arguments: str | Path) -> list[str]:
        options = [] if name == "pair" or "--socks" in arguments else self._options
        return list(map(str, [BIN / "luwte-courier", name, "--state", self.state, *options, *arguments]))

    @contextmanager
    def running(self, name: str, *arguments: str | Path) -> Iterator[Running]:
        """A command that is under way; whatever happens, it does not outlive the block."""
        running = Running(self.command(name, *arguments), self.folder, self._environment)
        try:
            yield running
        finally:
            if running.process.poll() is None:
                running.process.send_signal(signal.SIGINT)
                running.process.wait(60)

    def run(self, name: str, *arguments: str | Path, code: int = 0) -> Running:
        with self.running(name, *arguments) as running:
            return running.end(code)

    def pair(self, onion: str) -> str:
        """The line that the operator enrols."""
        return self.run("pair", "--onion", onion).stdout.strip()

    def collect(self, *more: str, code: int = 0) -> Running:
        return self.run("collect", *more, "--to", self.stick, code=code)

    def deliver(self, *files: Path, code: int = 0) -> Running:
        return self.run("deliver", *files, code=code)

    def on_terminal(self, name: str, *arguments: str | Path) -> str:
        """What the command shows on a terminal, to its end without an error."""
        ours, theirs = os.openpty()
        shown = b""
        with subprocess.Popen(self.command(name, *arguments), stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            with suppress(OSError):  # the terminal is gone when nobody writes to it any more
                while piece := os.read(ours, 65_536):
                    shown += piece
            os.close(ours)
            assert process.wait(ENOUGH_SECONDS) == 0, shown
        return shown.decode()
