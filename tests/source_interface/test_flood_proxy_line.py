"""Who names a circuit: tor alone, by the first line of a connection. The real server, behind tor's socket and without tor."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.trial.processes import free_ports
from store.clock import SystemClock
from tests.support.onion_server import ENOUGH_SECONDS, OnionServer, ask, bare, onion_server, proxy_line
from tests.support.road import Road

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HONEST, HOSTILE = 7, 666
POLICY = {"requests": [4, 12, 600]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    with onion_server(tmp_path_factory.mktemp("proxy"), policy=POLICY) as server:
        yield server
        assert server.errors.read_text() == ""


FORGED = {
    "no line": GET,
    "a line for another address": b"PROXY TCP6 2001:db8::1 ::1 1 80\r\n" + GET,
    "a line of another family": b"PROXY TCP4 10.0.0.1 10.0.0.2 1 80\r\n" + GET,
    "a line that knows nobody": b"PROXY UNKNOWN\r\n" + GET,
    "no circuit": b"PROXY TCP6 fc00:dead:beef:4dad::0:0 ::1 1 80\r\n" + GET,
    "the second version": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\0\1\0\x50" + GET,
    "an empty line before": b"\r\n" + proxy_line(HONEST) + GET,
    "a blank before": b" " + proxy_line(HONEST) + GET,
    "a line without an end": proxy_line(HONEST)[:-2],
    "a line with a bare end": proxy_line(HONEST).replace(b"\r\n", b"\n") + GET,
}


@pytest.mark.parametrize("what", FORGED)
def test_a_connection_without_tors_own_line_is_refused(server: OnionServer, what: str) -> None:
    with bare(server.socket) as connection:
        heard = ask(connection, FORGED[what])
    assert heard.startswith(b"HTTP/1.1 400 Page\r\n"), heard[:100]
    assert len(heard) == len(server.circuit(1_000 + list(FORGED).index(what)).raw(GET))


CLAIMS = {
    "a second line": proxy_line(HONEST) + GET,
    "a header": b"GET / HTTP/1.1\r\nHost: x\r\nluwte.circuit: 7\r\nLuwte-Circuit: 7\r\nREMOTE_ADDR: fc00:dead:beef:4dad::7\r\n"
    b"X-Forwarded-For: fc00:dead:beef:4dad::0:7\r\nX-Real-IP: fc00:dead:beef:4dad::0:7\r\n\r\n",
    "a keep-alive connection": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n" + proxy_line(HONEST) + GET,
}  # fmt: skip


@pytest.mark.parametrize("what", CLAIMS)
def test_a_client_cannot_spend_in_another_circuits_name(server: OnionServer, what: str) -> None:
    hostile = HOSTILE + list(CLAIMS).index(what)
    requests_at_once = CLAIMS[what]
    for _ in range(200):
        assert server.circuit(hostile).raw(requests_at_once).count(b"HTTP/1.1 ") <= 1
        if hostile in server.closed():
            break
    assert hostile in server.closed()
    assert HONEST not in server.closed()
    assert b"try again in a minute" not in server.circuit(HONEST + 100 + hostile).raw(GET)


def test_what_a_refusal_costs_is_counted_for_nobody_else(server: OnionServer) -> None:
    for _ in range(50):
        server.circuit(HOSTILE + 50).raw(CLAIMS["a second line"])
    assert b"try again in a minute" not in server.circuit(HONEST).raw(GET)


def test_a_kept_connection_gets_one_answer_and_is_closed(server: OnionServer) -> None:
    """The next request on it would come without tor's line."""
    with server.circuit(HONEST + 1).connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
        heard = ask(connection, b"", end=False)
        assert b"\r\nConnection: close\r\n" in heard
        with contextlib.suppress(OSError):
            connection.sendall(GET)
        assert ask(connection, GET) == b""


def test_an_answer_does_not_tell_its_circuit(server: OnionServer) -> None:
    assert b"4dad" not in server.circuit(0xDEAD).raw(b"GET /4dad HTTP/1.1\r\nHost: x\r\n\r\n").lower().replace(
        b"/4dad", b""
    )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The same server without tor, on a loopback port, as the trial has it."""
    folder = tmp_path_factory.mktemp("plain")
    road = Road(folder, SystemClock())
    (port,) = free_ports(1)
    program = [
        Path(sys.executable).parent / "luwte-intake",
        "serve",
        "--state",
        road.host_state,
        "--bind",
        f"127.0.0.1:{port}",
    ]
    with (folder / "errors").open("w") as log:
        process = subprocess.Popen(
            program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            env={"RUNTIME_DIRECTORY": str(folder), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
    assert process.stdout is not None
    try:
        assert "answers at" in process.stdout.readline(), (folder / "errors").read_text()
        yield port
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.wait(ENOUGH_SECONDS)
        process.stdout.close()


def say(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), ENOUGH_SECONDS) as connection:
        return ask(connection, request)


def test_without_tor_a_line_of_tors_is_refused_as_no_request(port: int) -> None:
    heard = say(port, proxy_line(HONEST) + GET)
    assert heard.startswith(b"HTTP/1.1 400 Page\r\n")
    assert len(heard) == len(say(port, GET))


def test_without_tor_nobody_has_a_budget_however_much_they_claim(port: int) -> None:
    for _ in range(300):
        heard = say(port, b"GET / HTTP/1.1\r\nHost: x\r\nLuwte.Circuit: 7\r\n\r\n")
        assert heard.startswith(b"HTTP/1.1 200 Page\r\n")
        assert b"try again in a minute" not in heard
