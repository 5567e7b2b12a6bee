"""A complete line on this machine: made by the same commands that an operator types, started and ended by process id."""

import contextlib
import errno
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from deploy.trial import processes
from deploy.trial.folder import TrialFolder
from store.desk import passphrases
from store.files import write_whole

HANDLER: Final = "Anna"
LINE_NAME: Final = "Luwte (trial)"
_START_SECONDS: Final = 60


class TrialError(Exception):
    """The trial cannot go on; one sentence says why."""


@dataclass(frozen=True)
class Carried:
    """What the commands of one way there and back said, and a sentence for each thing that was refused or failed."""

    said: tuple[str, ...]
    failed: tuple[str, ...]


def command(name: str, *arguments: str | Path) -> str:
    """Run luwte-intake or luwte-desk to its end and return what it printed. TrialError when it fails."""
    # It ends with this process: a start right after a killed one finds no child that is still at work in the folder.
    end = partial(processes.end_with_parent, os.getpid())
    done = subprocess.run(  # noqa: S603 - our own command
        _line(name, arguments), capture_output=True, text=True, check=False, timeout=600, preexec_fn=end
    )
    if done.returncode != 0:
        said = done.stderr.strip().removeprefix("Error: ") or done.stdout.strip()
        raise TrialError(f"{name} {arguments[0]} failed: {said}")
    return done.stdout


def set_up(folder: TrialFolder) -> None:
    """Make desk, intake host and pairing, and carry the first intake keys. Does nothing when that was done before."""
    if folder.ready.exists():
        return
    folder.clear()
    secret = folder.passphrase
    write_whole(secret, [passphrases.propose().encode() + b"\n"])
    desk = ("--state", folder.desk, "--passphrase-file", secret)
    command("luwte-desk", "init", *desk, "--line-name", LINE_NAME, "--handler", HANDLER)
    command("luwte-intake", "init", "--state", folder.intake, "--line-card", folder.desk / "line.card")
    command("luwte-desk", "pair", *desk, folder.intake / "host.card")
    if failed := carry(folder).failed:
        raise TrialError(failed[0])
    write_whole(folder.ready, [b"\n"])


def carry(folder: TrialFolder) -> Carried:
    """Both ways, as a courier does: collect, import, export, deliver. What was refused stays on the stick."""
    folder.stick.mkdir(exist_ok=True)
    desk = ("--state", folder.desk, "--passphrase-file", folder.passphrase)
    said: list[str] = []
    failed: list[str] = []

    def carried(program: str, what: str, *arguments: str | Path) -> bool:
        try:
            said.append(command(program, what, *arguments).strip())
        except TrialError as error:
            failed.append(str(error))
            return False
        return True

    def each(pattern: str) -> Iterable[Path]:
        return sorted(folder.stick.glob(pattern))

    carried("luwte-intake", "collect", "--state", folder.intake, "--to", folder.stick)
    done = [path for path in each("luwte-collect-*.age") if carried("luwte-desk", "import", *desk, path)]
    carried("luwte-desk", "export", *desk, "--to", folder.stick)
    intake = ("--state", folder.intake)
    done += [path for path in each("luwte-dispatch-*.age") if carried("luwte-intake", "deliver", *intake, path)]
    for path in done:
        path.unlink(missing_ok=True)
    return Carried(tuple(said), tuple(failed))


class RunningLine:
    """The two servers. Use as a context: leaving it ends them, and only them."""

    def __init__(self, folder: TrialFolder, source_port: int, desk_port: int) -> None:
        self.source_url = f"http://127.0.0.1:{source_port}"
        self.desk_url = f"http://127.0.0.1:{desk_port}"
        self._folder, self._source_port, self._desk_port = folder, source_port, desk_port
        self._servers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "RunningLine":
        if self._source_port == self._desk_port:
            raise TrialError("--source-port and --desk-port must differ")
        for port in (self._source_port, self._desk_port):
            check_free(port)
        folder = self._folder
        folder.link.unlink(missing_ok=True)
        folder.stick.mkdir(exist_ok=True)
        try:
            bind = f"127.0.0.1:{self._source_port}"
            self._start("intake", "luwte-intake", "serve", "--state", folder.intake, "--bind", bind)
            places = ("--stick", folder.stick, "--save-to", folder.saved, "--link-file", folder.link)
            hint = ("--carry-hint", f"In this trial, {shlex.join(folder.carry_command)} carries both ways by itself.")
            self._start(
                "desk", "luwte-desk", "serve", "--state", folder.desk, "--port", str(self._desk_port), *places, *hint
            )
            self._await(self._source_port, "intake")
            self._await(self._desk_port, "desk")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    @property
    def pids(self) -> dict[str, int]:
        return {name: server.pid for name, server in self._servers.items()}

    @property
    def desk_link(self) -> str:
        return self._folder.link.read_text("utf-8").strip()

    def wait(self) -> None:
        """Until one of the servers ends by itself: TrialError."""
        while True:
            for name, server in self._servers.items():
                if server.poll() is not None:
                    raise TrialError(f"the {name} server has ended by itself; its messages are in {self._log(name)}")
            time.sleep(0.5)

    def _start(self, name: str, program: str, *arguments: str | Path) -> None:
        self._servers[name] = processes.start(_line(program, arguments), self._log(name))

    def _await(self, port: int, name: str) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._servers[name].poll() is not None:
                raise TrialError(f"the {name} server did not start; its messages are in {self._log(name)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return
            time.sleep(0.05)
        raise TrialError(f"the {name} server did not answer within {_START_SECONDS} seconds")

    def _end(self) -> None:
        processes.end(self._servers.values())
        self._folder.facts.unlink(missing_ok=True)

    def _log(self, name: str) -> Path:
        return self._folder.root / f"{name}.log"


def _line(program: str, arguments: Sequence[str | Path]) -> list[str]:
    return [str(Path(sys.executable).parent / program), *map(str, arguments)]


def check_free(port: int) -> None:
    """TrialError when another program listens at this port of loopback, or this user may not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = "is in use by another program" if error.errno == errno.EADDRINUSE else "may not be used by this user"
            raise TrialError(
                f"port {port} {why}: choose another one with --source-port or --desk-port, above 1023"
            ) from error
