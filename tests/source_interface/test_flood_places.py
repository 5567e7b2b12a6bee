"""The places for uploads, at the real server: who sends nothing cannot hold them all, on few circuits or on many."""

import contextlib
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from deploy.entrance import Room
from deploy.trial.browser import Page, Upload, multipart
from tests.support.onion_server import (
    ENOUGH_SECONDS,
    Circuit,
    OnionServer,
    RefusedBrowser,
    answered,
    ask,
    onion_server,
)
from tests.support.waiting import wait_until

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
KIB = 1024
SILENT = (
    b"POST /mailbox HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
)
WORKERS = 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    """With the usual room and deadlines: only senders that give way make a place free within a test."""
    with onion_server(tmp_path_factory.mktemp("places"), deadlines={"early_seconds": 600}) as server:
        yield server
        assert server.errors.read_text() == ""


def uploads(server: OnionServer, number: int, size: int = 1_000 * KIB) -> None:
    """An honest source sends a file, at a pace at which it needs its place for a while, and tries again when asked to."""

    def pieces() -> Iterator[bytes]:
        for _ in range(size // (50 * KIB)):
            time.sleep(0.1)
            yield bytes(50 * KIB)

    browser = RefusedBrowser(server.circuit(number))
    mailbox = browser.open_new_mailbox()

    def answer() -> Page | None:
        file = Upload("file", size, pieces)
        page = browser.submit(mailbox, mailbox.form(having="files"), {"message": "hi"}, [("files", file)])
        return page if page.status != 503 else None

    assert "arrived whole: file" in wait_until(answer, ENOUGH_SECONDS, every=0.2).text


def held(stack: contextlib.ExitStack, circuit: Circuit) -> socket.socket:
    """An upload of which nothing comes."""
    connection = stack.enter_context(circuit.connect())
    connection.sendall(SILENT)
    return connection


def fill(stack: contextlib.ExitStack, server: OnionServer, places: int) -> None:
    """Have silent uploads hold all these places of both workers, each on a circuit of its own.

    Of so many that come after the first, each is refused or pushes one out: whatever worker they came to has no place left.
    On a busy machine one worker may take in nearly all of them at first: then more are sent.
    """
    waiting: list[socket.socket] = []

    def fits() -> bool:
        nonlocal waiting
        gone = answered(waiting)
        waiting = [connection for connection in waiting if connection not in gone]
        return len(waiting) <= places

    for number in range(160 * places):
        if number >= 16 * places and len(waiting) == places:
            return
        waiting.append(held(stack, server.circuit(10_000 + number)))
        wait_until(fits, ENOUGH_SECONDS, every=0.01)
    raise AssertionError(f"{len(waiting)} of {places} places are held")


def test_three_silent_circuits_keep_no_upload_out(server: OnionServer) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(3):
            for _ in range(14):
                held(stack, server.circuit(100 + number))
        uploads(server, 1)


def test_one_circuit_gets_the_friendly_page_for_an_upload_too_many(server: OnionServer) -> None:
    circuit = server.circuit(200)
    with contextlib.ExitStack() as stack:
        waiting = [held(stack, circuit) for _ in range(WORKERS * Room().circuit_uploads + 1)]
        heard = one_that_is_answered(waiting)
    assert heard.startswith(b"HTTP/1.1 503 Page\r\n")
    assert b"try again in a minute" in heard
    assert len(heard) == len(server.circuit(2).raw(GET))


def one_that_is_answered(waiting: list[socket.socket]) -> bytes:
    first, *_ = wait_until(lambda: answered(waiting), ENOUGH_SECONDS)
    return ask(first, b"", end=False)


def test_many_silent_circuits_give_way_even_when_they_come_again_and_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """All places are theirs, and what gives way is soon there anew. A few places are soon filled for certain."""
    places = 4
    over = threading.Event()

    def storm() -> None:
        number = 1_000
        with contextlib.ExitStack() as stack:
            while not over.wait(0.1):
                held(stack, server.circuit(number))
                number += 1

    with contextlib.ExitStack() as stack:
        few = {"deadlines": {"early_seconds": 600}, "room": {"uploads": places}}
        server = stack.enter_context(onion_server(tmp_path_factory.mktemp("storm"), **few))
        fill(stack, server, WORKERS * places)
        thread = threading.Thread(target=storm, daemon=True)
        thread.start()
        try:
            uploads(server, 3)
        finally:
            over.set()
            thread.join(ENOUGH_SECONDS)
    assert not thread.is_alive()


def test_who_gives_way_is_answered_and_what_arrived_whole_is_kept(server: OnionServer) -> None:
    browser = server.circuit(4).browser()
    form = browser.open_new_mailbox().form(having="files")
    files = [
        ("files", Upload.of("whole.jpg", os.urandom(20 * KIB))),
        ("files", Upload.of("half.jpg", bytes(900 * KIB))),
    ]
    boundary, length, pieces = multipart({**form.fields, "message": "gave way"}, files)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = f"POST /mailbox HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\nContent-Length: {length}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n"
    with contextlib.ExitStack() as stack:
        slow = stack.enter_context(server.circuit(4).connect())
        slow.sendall(head.encode() + b"".join(pieces)[: 40 * KIB])
        numbers = itertools.count(5_000)

        def crowd() -> bool:
            held(stack, server.circuit(next(numbers)))
            return bool(answered([slow]))

        wait_until(crowd, ENOUGH_SECONDS, every=0.2)
        heard = ask(slow, b"", end=False)
    assert len(heard) == len(server.circuit(2).raw(GET))
    page = browser.get("/mailbox")
    assert "whole.jpg" in page.text
    assert "Not whole, and not kept: half.jpg" in page.text
    assert "Your message arrived" in page.text


ELSEWHERE = {
    "a form": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ntoken=",
    "a multipart form": b"POST /leave HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n",
    "chunks": b"POST /erase HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\n5\r\na",
    "another method": b"PUT /mailbox HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nx",
    "no such page": b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nx",
    "another spelling": b"POST /mailbox/ HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nx",
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_a_long_body_for_anything_else_is_answered_without_waiting_for_it(server: OnionServer, what: str) -> None:
    """Its patience would last ten minutes here."""
    heard = server.circuit(5).raw(ELSEWHERE[what], end=False)
    assert heard.startswith((b"HTTP/1.1 4", b"HTTP/1.1 200")), "a form that was cut off may also be asked for again"
    assert len(heard) == len(server.circuit(2).raw(GET))
