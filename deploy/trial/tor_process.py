"""One tor of a trial, of a private network or of the public one: its folder, its torrc, its life."""

import re
import subprocess
import time
from pathlib import Path
from typing import Final

from deploy.socket_paths import fits
from deploy.tor_program import find_program
from deploy.trial import processes
from deploy.trial.errors import TorError, TorMissingError

_COMMON: Final = """\
DataDirectory {folder}/data
PidFile {folder}/pid
Log notice file {folder}/notice.log
ControlSocket {control}
ShutdownWaitLength 0
DisableDebuggerAttachment 0
"""
_CONTROL: Final = "control"
# Any program of this machine can use the port: it leads to onions, and nowhere else in the network.
_ONIONS_ONLY: Final = "127.0.0.1:{port} ExtendedErrors OnionTrafficOnly"
_LAST_LINES: Final = 10


class TorProcess:
    """A tor with a folder of its own: `torrc`, `data/`, `notice.log`, and the control socket `control`.

    Everybody who can enter the folder (mode 0700) may use the control socket; there is no password.
    """

    def __init__(self, folder: Path, torrc: str) -> None:
        self.folder, self.name = folder, folder.name
        self.control = folder / _CONTROL
        if not fits(self.control):
            raise TorError(f"{self.control} is too long for a socket: choose a folder with a shorter path")
        if not _is_plain(folder):
            raise TorError(f"{folder}: tor's configuration cannot name this folder: choose one without blanks")
        for private in (folder, folder / "data"):
            private.mkdir(mode=0o700)
        self.torrc = folder / "torrc"
        self.torrc.write_text(_COMMON.format(folder=folder, control=self.control) + torrc, "utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def started(self) -> bool:
        return self._process is not None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise TorError(f"the tor named {self.name} was not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def command(self) -> list[str]:
        """The tor of this machine with this torrc alone; TorMissingError when there is none."""
        return [tool("tor"), "-f", str(self.torrc), "--defaults-torrc", "/dev/null", "--hush"]

    def start(self) -> None:
        self._process = processes.start(self.command(), self._output)

    def check(self) -> None:
        """TorError with its last messages when it has ended by itself."""
        if (code := self.process.poll()) is not None:
            raise TorError(f"the tor named {self.name} ended by itself with code {code}; it said:\n{self.last_words()}")

    def await_bootstrap(self, end: float) -> None:
        """Until it says that it can build circuits; TorError when that has not happened at `end` (time.monotonic)."""
        while (reached := self._bootstrapped()) < 100:
            self.check()
            if time.monotonic() > end:
                raise TorError(f"the tor named {self.name} came to {reached} % only; it said:\n{self.last_words()}")
            time.sleep(0.1)

    def last_words(self) -> str:
        """The last lines of what it printed and logged."""
        lines = [*_lines(self._output)[-_LAST_LINES:], *_lines(self.folder / "notice.log")[-_LAST_LINES:]]
        return "\n".join(lines) or "(nothing)"

    def end(self) -> None:
        """End it and wait; does nothing when it was not started or has ended."""
        if self._process is not None:
            processes.end([self._process])

    def _bootstrapped(self) -> int:
        steps = [re.search(r"Bootstrapped (\d+)%", line) for line in _lines(self.folder / "notice.log")]
        return max((int(step[1]) for step in steps if step), default=0)

    @property
    def _output(self) -> Path:
        return self.folder / "output.log"


class TorClient(TorProcess):
    """A tor with a SOCKS port on 127.0.0.1, which names what went wrong with an onion (ExtendedErrors)."""

    def __init__(self, folder: Path, socks_port: int, torrc: str) -> None:
        self.socks_port = socks_port
        super().__init__(folder, f"ClientOnly 1\nSocksPort {_ONIONS_ONLY.format(port=socks_port)}\n{torrc}")


def socket_fits(folder: Path) -> bool:
    """Whether a tor can have this folder."""
    return fits(folder / _CONTROL) and _is_plain(folder)


def tool(name: str) -> str:
    """The path of a program of Debian's package `tor`; TorMissingError when it is not there."""
    if (found := find_program(name)) is None:
        raise TorMissingError(f"{name} is not installed: install Debian's package 'tor' (sudo apt-get install tor)")
    return found


def _is_plain(path: Path) -> bool:
    """Its torrc names it without quoting."""
    return not any(character.isspace() or character in '"\\#' for character in str(path))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
