"""A complete line on this machine: made by the same commands that an operator types, started and ended by process id."""

import errno
import shlex
import socket
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from deploy.trial import courier, processes
from deploy.trial.browser import Browser
from deploy.trial.command import command, line_of
from deploy.trial.errors import PartError, RefusedError
from deploy.trial.folder import TrialFolder
from deploy.trial.transport import Transport, await_port
from store.desk import passphrases
from store.files import write_whole

HANDLER: Final = "Anna"
LINE_NAME: Final = "Luwte (trial)"


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
    if failed := courier.carry(folder, courier.AtTheHost(folder)).failed:
        raise PartError(failed[0])
    write_whole(folder.ready, [b"\n"])


class RunningLine:
    """The two servers, and what leads sources to the first. Use as a context: leaving it ends them, and only them."""

    def __init__(self, folder: TrialFolder, transport: Transport, desk_port: int) -> None:
        self.desk_url = f"http://127.0.0.1:{desk_port}"
        self._folder, self._transport, self._desk_port = folder, transport, desk_port
        self._servers: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> "RunningLine":
        transport, folder = self._transport, self._folder
        folder.link.unlink(missing_ok=True)
        folder.stick.mkdir(exist_ok=True)
        with ExitStack() as stack:
            stack.callback(folder.facts.unlink, missing_ok=True)
            stack.enter_context(transport)
            stack.callback(self._end_servers)
            self._start("intake", "luwte-intake", "serve", "--state", folder.intake, *transport.serve_options)
            places = ("--stick", folder.stick, "--save-to", folder.saved, "--link-file", folder.link)
            hint = ("--carry-hint", f"In this trial, {shlex.join(folder.carry_command)} carries both ways by itself.")
            self._start(
                "desk", "luwte-desk", "serve", "--state", folder.desk, "--port", str(self._desk_port), *places, *hint
            )
            await_port(self._desk_port, "desk", self._check_start)
            transport.await_source(self._check_start)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def pids(self) -> dict[str, int]:
        return {**{name: server.pid for name, server in self._servers.items()}, **self._transport.pids}

    @property
    def source_facts(self) -> Mapping[str, Any]:
        """What `try.json` says of how sources come."""
        return self._transport.facts

    @property
    def courier(self) -> courier.Courier:
        return self._transport.courier

    @property
    def desk_link(self) -> str:
        return self._folder.link.read_text("utf-8").strip()

    def source_browser(self) -> Browser:
        """A source's, with no cookies yet."""
        return self._transport.browser()

    def wait(self) -> None:
        """Until something that was started ends by itself: PartError or TorError."""
        while True:
            self._check("has ended by itself")
            time.sleep(0.5)

    def _start(self, name: str, program: str, *arguments: str | Path) -> None:
        self._servers[name] = processes.start(line_of(program, arguments), self._log(name))

    def _check_start(self) -> None:
        self._check("did not start")

    def _check(self, what: str) -> None:
        for name, server in self._servers.items():
            if server.poll() is not None:
                raise PartError(f"the {name} server {what}; its messages are in {self._log(name)}")
        self._transport.check()

    def _end_servers(self) -> None:
        processes.end(self._servers.values())

    def _log(self, name: str) -> Path:
        return self._folder.root / f"{name}.log"


def check_ports(transport: Transport, desk_port: int) -> None:
    """RefusedError when a line could not listen at these ports."""
    if transport.port == desk_port:
        raise RefusedError(f"{transport.port_option} and --desk-port must differ")
    for port, option in ((transport.port, transport.port_option), (desk_port, "--desk-port")):
        check_free(port, option)


def check_free(port: int, option: str) -> None:
    """RefusedError when another program listens at this port of loopback, or this user may not. `option` chooses another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            why = "is in use by another program" if error.errno == errno.EADDRINUSE else "may not be used by this user"
            raise RefusedError(f"port {port} {why}: choose another one with {option}, above 1023") from error
