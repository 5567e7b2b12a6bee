"""The source interface under gunicorn: no log of requests, loopback or a UNIX socket only, tor's circuits told apart."""

import ipaddress
import os
import signal
import socket
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter

from deploy.circuits import CircuitCloser
from deploy.host_check import only_for
from deploy.intake_config import load_configuration
from deploy.intake_worker import ENDING, Entry, IntakeWorker
from deploy.quiet import QuietInput, QuietLogger
from deploy.refusal import Refusal, refusal
from source_interface import create_app
from source_interface.budgets import CIRCUIT, Budgets, Policy
from store.files import exclusively
from store.intake.place import IntakePlace

_OPTIONS = {
    "workers": 2,
    "threads": 32,  # 20 for uploads (4 of them gave way), 9 for key derivations and who waits for one, the others for pages
    "keepalive": 0,  # one request a connection: nothing of one request can be mistaken for the next one's
    "worker_tmp_dir": "/dev/shm",  # noqa: S108 - the heartbeat's file must not wait for a disk
    "umask": 0o007,
    "control_socket_disable": True,
    "limit_request_line": 2_048,
    "limit_request_fields": 64,
    "proxy_protocol": "off",  # arrival.py takes tor's line off, and refuses what has none; gunicorn would let it pass
    "secure_scheme_headers": {},  # over a UNIX socket gunicorn believes whatever the client says of these
    "forwarder_headers": "",
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "warning",
}


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn ships no types
    def spawn_worker(self) -> Any:
        """A worker told to end before it has handlers of its own would put that aside in its copy of ours, and live on."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        try:
            return super().spawn_worker()  # the worker does not return from it: it takes the block off itself
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class IntakeServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves one intake host. Each worker opens the place for itself, after forking."""

    def __init__(
        self,
        bind: str,
        make_app: Callable[[], Any],
        ready: Callable[[], None] = lambda: None,
        *,
        entry: Entry | None = None,
    ) -> None:
        self._bind, self._make_app, self._ready = bind, make_app, ready
        self.entry = entry or Entry()
        super().__init__()

    def load_config(self) -> None:
        for name, value in _OPTIONS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", self._bind)
        self.cfg.set("logger_class", QuietLogger)
        self.cfg.set("worker_class", IntakeWorker)
        self.cfg.set("when_ready", lambda _server: self._ready())

    def run(self) -> None:
        _Arbiter(self).run()

    def load(self) -> Any:
        app = self._make_app()

        def quiet(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            environ["wsgi.input"] = QuietInput(environ["wsgi.input"])
            # No header can set this: those stand under HTTP_….
            environ[CIRCUIT] = environ["gunicorn.socket"].circuit
            return app(environ, start_response)

        return quiet


def check_bind(bind: str) -> str:
    """The address, unless it could be reached from elsewhere: ValueError. `unix:/path` or a loopback address and port."""
    if bind.startswith("unix:/"):
        return bind
    host, _, port = bind.rpartition(":")
    try:
        local = ipaddress.ip_address(host.strip("[]")).is_loopback and 0 < int(port) < 65_536
    except ValueError:
        local = False
    if not local:
        raise ValueError(f"{bind} is not an address of this machine alone: use 127.0.0.1:PORT or unix:/PATH")
    return bind


def check_free(bind: str) -> None:
    """OSError when another program listens at this address and port: gunicorn would try for long and say much."""
    host, _, port = bind.rpartition(":")
    if not bind.startswith("unix:"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host.strip("[]"), int(port)))


def serve(
    state: Path,
    bind: str,
    ready: Callable[[], None] = lambda: None,
    circuits: CircuitCloser | None = None,
    *,
    onion: str | None = None,
    entry: Entry | None = None,
    policy: Policy | None = None,
) -> None:
    """Serve until told to stop. SetupError, LockedError, ConfigurationError or OSError before anything is bound.

    With `circuits`, tor stands before this: every connection must begin with its PROXY line, budgets apply to each circuit, and
    hostile ones are told to it. With `onion`, its address, no other is answered. `entry` and `policy` are for tests: no
    configuration reaches them.
    """
    configuration = load_configuration(state)
    # Each worker counts in a copy of its own: this is before any is forked.
    budgets = None if circuits is None else Budgets(policy or Policy(), circuits)
    entry = replace(entry or Entry(), circuits=circuits, budgets=budgets)

    def open_place() -> IntakePlace:
        return IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url)

    def refuse(environ: dict[str, Any]) -> bytes:
        if budgets is not None:
            budgets.refused(environ[CIRCUIT])
        return refusal(Refusal.NOT_DIRECT)

    def make_app() -> Any:
        return only_for(onion, create_app(open_place(), budgets, languages=configuration.languages), refuse)

    first = open_place()
    try:
        # Held for as long as this process lives: nothing is being submitted while crash leftovers are swept.
        with exclusively(state / "serve.lock", "this host is being served already"):
            check_free(bind)
            first.sweep()
            first.close()
            os.umask(0o077)
            IntakeServer(check_bind(bind), make_app, ready, entry=entry).run()
    finally:
        first.close()
