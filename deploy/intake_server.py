"""The source interface under gunicorn: threads for slow senders, no log of requests, loopback or a UNIX socket only."""

import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from logging import Logger as StandardLogger
from pathlib import Path
from typing import Any

import flask
from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.errors import ParseException
from gunicorn.workers.gthread import ThreadWorker

from deploy.intake_config import load_configuration
from source_interface import create_app, headers
from source_interface.page import fill
from store.files import exclusively
from store.intake.place import IntakePlace

_OPTIONS = {
    "workers": 2,
    "threads": 24,
    "keepalive": 0,  # one request a connection: nothing of one request can be mistaken for the next one's
    "worker_tmp_dir": "/dev/shm",  # noqa: S108 - the heartbeat's file must not wait for a disk
    "umask": 0o007,
    "control_socket_disable": True,
    "limit_request_line": 2_048,
    "limit_request_fields": 64,
    "accesslog": None,
    "errorlog": "-",
    "loglevel": "warning",
}


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's messages about its workers, never about a request: not its address, path, headers, errors or time."""

    error_fmt = "%(levelname)s: %(message)s"

    def access(self, *_: object, **__: object) -> None:
        """Requests are not logged."""

    def exception(self, _message: str, *_: object, **__: object) -> None:
        kind = sys.exc_info()[0]
        self.error_log.error("fault while serving: %s", kind.__name__ if kind else "none")

    def warning(self, message: str, *arguments: object, **keywords: Any) -> None:
        if "request" in message.lower():
            return  # "Invalid request from ip=…"
        StandardLogger.warning(self.error_log, message, *arguments, **keywords)

    def debug(self, *_: object, **__: object) -> None:
        """Debug messages name requests."""


class QuietResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn ships no types
    """Says neither what serves here nor what this computer's clock shows: both help to tell computers apart."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith(("Server:", "Date:"))]


class QuietWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn ships no types
    """Threads, whose answers are the application's or a fixed refusal."""

    def init_process(self) -> None:
        wsgi.Response = QuietResponse  # gunicorn has no setting for it
        super().init_process()

    def handle_error(self, _request: object, client: socket.socket, _address: object, error: BaseException) -> None:
        """gunicorn's own answer would repeat what was asked, in a size of its own."""
        if not isinstance(error, ParseException):
            self.log.exception("")
        with suppress(OSError):
            client.sendall(refusal())


@cache
def refusal() -> bytes:
    """The whole answer to what is no proper request, of the size of every page."""
    style = "body{font-family:sans-serif}"
    text = "<h1>We could not read that</h1><p>Nothing was taken. Please try again.</p>"
    response = flask.Response(fill(f"<!doctype html><title>-</title><style>{style}</style>{text}"))
    headers.secure(response, headers.content_security_policy(style))
    lines = ["HTTP/1.1 400 Bad Request", "Connection: close", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + response.get_data()


class IntakeServer(BaseApplication):  # type: ignore[misc]  # gunicorn ships no types
    """Serves one intake host. Each worker opens the place for itself, after forking."""

    def __init__(self, bind: str, make_app: Callable[[], Any], ready: Callable[[], None] = lambda: None) -> None:
        self._bind, self._make_app, self._ready = bind, make_app, ready
        super().__init__()

    def load_config(self) -> None:
        for name, value in _OPTIONS.items():
            self.cfg.set(name, value)
        self.cfg.set("bind", self._bind)
        self.cfg.set("logger_class", QuietLogger)
        self.cfg.set("worker_class", QuietWorker)
        self.cfg.set("when_ready", lambda _server: self._ready())

    def load(self) -> Any:
        app = self._make_app()

        def quiet(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            environ["wsgi.input"] = QuietInput(environ["wsgi.input"])
            return app(environ, start_response)

        return quiet


class QuietInput:
    """A request's body. What is wrong with how it was sent is the sender's fault, not one of ours to log."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        return self._ask(self._body.read, size)

    def readline(self, size: int | None = None) -> bytes:
        return self._ask(self._body.readline, size)

    def _ask(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        try:
            return read(size)
        except ParseException as error:
            raise OSError("the body is malformed") from error


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


def serve(state: Path, bind: str, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until told to stop. SetupError, LockedError, ConfigurationError or OSError before anything is bound."""
    configuration = load_configuration(state)

    def open_place() -> IntakePlace:
        return IntakePlace.open(state, settings=configuration.settings, database_url=configuration.database_url)

    first = open_place()
    try:
        # Held for as long as this process lives: nothing is being submitted while crash leftovers are swept.
        with exclusively(state / "serve.lock", "this host is being served already"):
            check_free(bind)
            first.sweep()
            first.close()
            os.umask(0o077)
            IntakeServer(check_bind(bind), lambda: create_app(open_place()), ready).run()
    finally:
        first.close()
