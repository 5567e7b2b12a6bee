"""Ten thousand connections that do nothing, and how much the server keeps for them."""

import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.entrance import Room
from tests.support.onion_server import ENOUGH_SECONDS, OnionServer, answered, bare, onion_server
from tests.support.waiting import wait_until

WANTED, LEAST = 10_000, 2_000
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OTHER_FILES = 500  # that this process has open
SLACK = 200  # file descriptors of a worker that are no connections


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    """It would wait for an hour: a connection that ends was pushed out."""
    with onion_server(tmp_path_factory.mktemp("idle"), deadlines={"early_seconds": 3_600}) as server:
        yield server
        assert server.errors.read_text() == ""


@pytest.fixture
def connections() -> Iterator[int]:
    """How many connections this process can hold open, after asking for more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED + OTHER_FILES
    soft, hard = before
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    number = WANTED if soft == resource.RLIM_INFINITY else min(WANTED, soft - OTHER_FILES)
    assert number >= LEAST
    yield number
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def files(worker: int) -> int:
    return len(list(Path(f"/proc/{worker}/fd").iterdir()))


SAID = {
    "nothing, not even tor's line": b"",
    "tor's line only": b"",
    "half a header": b"GET / HTTP/1.1\r\nHost: ",
    "half a short body": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ntoken=",
}


@pytest.mark.parametrize("said", SAID)
def test_ten_thousand_idle_connections_keep_nobody_out(server: OnionServer, connections: int, said: str) -> None:
    """A page is asked for, by somebody else, after every five hundred; the last when all are there."""
    with contextlib.ExitStack() as stack:
        idle: list[socket.socket] = []
        for number in range(connections):
            circuit = server.circuit(10_000 + number // 8)
            connection = stack.enter_context(bare(server.socket) if "not even" in said else circuit.connect())
            idle.append(connection)
            with contextlib.suppress(BrokenPipeError):
                connection.send(SAID[said])
            if number % 500 == 499:
                assert server.circuit(1 + number // 500).raw(GET).startswith(b"HTTP/1.1 200 Page\r\n")
                assert answered(idle[-500:]) == [], "nobody waited for those who do nothing"
        browser = server.circuit(100).browser()
        assert "Your message arrived" in browser.send(browser.open_new_mailbox(), "hello").text
        for worker in server.workers():
            assert files(worker) < Room().waiting + SLACK, "those that waited longest were closed"
    assert server.closed() == []


def test_one_circuit_with_too_many_connections_is_put_off_and_then_closed(server: OnionServer) -> None:
    hostile = server.circuit(50_000)
    answers = []
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(hostile.connect()) for _ in range(400)]
        for connection in held:
            connection.settimeout(0.05)
            with contextlib.suppress(OSError):
                answers.append(connection.recv(100))
        server.await_closed(hostile.number)
        assert server.circuit(101).raw(GET).startswith(b"HTTP/1.1 200 Page\r\n")
    assert any(heard.startswith(b"HTTP/1.1 503 Page\r\n") for heard in answers), "friendly at first"
    assert b"" in answers, "and then not at all"


def test_connections_that_end_leave_nothing_behind(server: OnionServer) -> None:
    def settled() -> list[int]:
        wait_until(lambda: all(files(worker) <= SLACK for worker in server.workers()), ENOUGH_SECONDS)
        return [files(worker) for worker in server.workers()]

    settled()
    for number in range(2_000):
        with server.circuit(60_000 + number).connect() as connection:
            connection.send(b"GET / HT" if number % 2 else GET)
    assert all(after < SLACK for after in settled())
    for worker in server.workers():
        os.kill(worker, 0)
