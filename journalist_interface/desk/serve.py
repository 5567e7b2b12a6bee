"""Serving the desk to this machine only."""

import resource
import threading
from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import create_server

from journalist_interface.desk.offline import refuse_connections
from journalist_interface.desk.parsing import parser_for
from journalist_interface.desk.state import KEY, DeskState

ADDRESS: Final = "127.0.0.1"
THREADS: Final = 6
MOST_CONNECTIONS: Final = 10_000
IDLE_CONNECTION: Final = 5  # seconds until one that nothing comes on is closed
LARGEST_FORM: Final = 1024 * 1024  # bytes
_LARGEST_PAGE: Final = 1 << 30
_OWN_FILES: Final = 200
_LOOK_EVERY: Final = 5.0  # seconds


def serve(app: Flask, port: int, ready: Callable[[], object] = lambda: None) -> None:
    """Serve until interrupted, on 127.0.0.1 only; lock when idle, and at the end. Afterwards no connection goes out.

    OSError when the port is taken; `ready` is called once it is ours.
    """
    state: DeskState = app.extensions[KEY]
    server = create_server(app, **settings(port, raise_file_limit() - _OWN_FILES))
    server.channel_class = _channel(state)
    refuse_connections()
    ready()
    ended = threading.Event()
    threading.Thread(target=_watch, args=(state, ended), name="idle", daemon=True).start()
    try:
        server.run()
    finally:
        ended.set()
        state.holder.lock()
        server.close()


def _channel(state: DeskState) -> type[HTTPChannel]:
    class Channel(HTTPChannel):  # type: ignore[misc]  # waitress ships no types
        parser_class = parser_for(state.gatekeeper)

    return Channel


def settings(port: int, connections: int) -> dict[str, Any]:
    """Waitress's settings. Forms and pages stay in memory: beyond its own limits it would put them into files."""
    return {
        "host": ADDRESS,
        "port": port,
        "threads": THREADS,
        # Any local user can open connections and leave them idle: many fit, and none stays.
        "connection_limit": connections,
        "channel_timeout": IDLE_CONNECTION,
        "cleanup_interval": 1,
        "asyncore_use_poll": True,  # select knows no more than 1,024 files
        "ident": None,
        "max_request_body_size": LARGEST_FORM,
        "inbuf_overflow": 2 * LARGEST_FORM,
        "outbuf_overflow": _LARGEST_PAGE,
        "expose_tracebacks": False,
    }


def raise_file_limit() -> int:
    """Let this process open enough files for all connections, as far as it may. How many it may open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_CONNECTIONS + _OWN_FILES
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(wanted, _OWN_FILES + 100)


def _watch(state: DeskState, ended: threading.Event) -> None:
    """Lock an idle desk though no request comes."""
    while not ended.wait(_LOOK_EVERY):
        state.holder.lock_if_idle()
