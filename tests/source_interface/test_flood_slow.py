"""Senders that take for ever, at the real server with short deadlines: they are cut off, and hold no place meanwhile."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator

import pytest

from deploy.trial.browser import Upload, multipart
from tests.source_interface.source_browser import SourceBrowser
from tests.support.onion_server import ENOUGH_SECONDS, OnionServer, answered, ask, onion_server

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
KIB = 1024
DEADLINES = {
    "early_seconds": 3,
    "body_grace_seconds": 3,
    "body_bytes_per_second": 40_000,
    "answer_seconds": 3,
    "linger_seconds": 1,
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    room = {"uploads": 8, "circuit_connections": 64}
    with onion_server(tmp_path_factory.mktemp("slow"), deadlines=DEADLINES, room=room) as server:
        yield server
        assert server.closed() == []
        assert server.errors.read_text() == "", "their fault is not logged"


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    """It gives everybody an hour: a page that had to wait for one of them would not come within this test."""
    with onion_server(
        tmp_path_factory.mktemp("patient"), deadlines=dict.fromkeys(DEADLINES, 3_600), room={"uploads": 8}
    ) as server:
        yield server
        assert server.closed() == []
        assert server.errors.read_text() == ""


def trickle(connection: socket.socket, data: bytes) -> tuple[float, bytes]:
    """Send a byte ten times a second for as long as it is taken: how long that was, and what was answered."""
    began, heard = time.monotonic(), b""
    connection.settimeout(0.1)
    for at in range(len(data)):
        try:
            connection.send(data[at : at + 1])
            piece = connection.recv(1 << 16)
        except TimeoutError:
            continue
        except OSError:
            break
        heard += piece
        if not piece:
            break
        assert time.monotonic() < began + ENOUGH_SECONDS
    else:
        raise AssertionError("it was let go on to the end")
    return time.monotonic() - began, heard


def test_a_header_that_comes_byte_by_byte_is_cut_off(server: OnionServer) -> None:
    with server.circuit(1).connect() as connection:
        passed, heard = trickle(connection, b"GET / HTTP/1.1\r\nX: " + b"x" * 1_000)
    assert passed > 2
    assert len(heard) == len(server.circuit(2).raw(GET))
    assert heard.startswith(b"HTTP/1.1 400 Page\r\n")


def test_a_short_body_that_comes_byte_by_byte_is_cut_off(server: OnionServer) -> None:
    head = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
    with server.circuit(1).connect() as connection:
        connection.sendall(head)
        passed, heard = trickle(connection, b"x" * 1_000)
    assert passed > 2
    assert heard.startswith(b"HTTP/1.1 400 Page\r\n")


def test_not_even_the_line_of_tor_may_take_for_ever(server: OnionServer) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(server.socket))
        passed, _ = trickle(connection, b"PROXY TCP6 " + b"0" * 90)
    assert passed > 2


@pytest.mark.parametrize("how", ["length", "chunks"])
def test_a_trickling_upload_is_cut_off_and_what_arrived_whole_is_kept(server: OnionServer, how: str) -> None:
    browser = server.circuit(3).browser()
    page = browser.open_new_mailbox()
    form = page.form(having="files")
    files = [
        ("files", Upload.of("whole.jpg", os.urandom(200 * KIB))),
        ("files", Upload.of("half.jpg", bytes(200 * KIB))),
    ]
    boundary, length, pieces = multipart({**form.fields, "message": f"by {how}"}, files)
    body = b"".join(pieces)
    begun, rest = body[: 250 * KIB], body[250 * KIB :]
    framing = f"Content-Length: {length}" if how == "length" else "Transfer-Encoding: chunked"
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    head = f"POST /mailbox HTTP/1.1\r\nHost: x\r\nCookie: {cookie}\r\n{framing}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={boundary}\r\n\r\n"
    if how == "chunks":
        begun = b"%x\r\n%s\r\n%x\r\n" % (len(begun), begun, len(rest))
    with server.circuit(3).connect() as connection:
        connection.sendall(head.encode() + begun)
        passed, heard = trickle(connection, rest)
    assert passed > 2
    assert len(heard) == len(server.circuit(2).raw(GET))
    page = browser.get("/mailbox")
    assert "whole.jpg" in page.text
    assert "Not whole, and not kept: half.jpg" in page.text
    assert "Your message arrived" in page.text


def test_an_upload_that_is_slow_but_honest_takes_its_time(server: OnionServer) -> None:
    """Longer than twice the grace, at little more than the least rate: only its pace counts."""
    size, rate = 600 * KIB, 80_000

    def pieces() -> Iterator[bytes]:
        for _ in range(size // (8 * KIB)):
            time.sleep(8 * KIB / rate)
            yield bytes(8 * KIB)

    browser = server.circuit(4).browser()
    page = browser.open_new_mailbox()
    began = time.monotonic()
    page = browser.submit(
        page, page.form(having="files"), {"message": "slow"}, [("files", Upload("slow", size, pieces))]
    )
    assert time.monotonic() - began > 2 * DEADLINES["body_grace_seconds"]
    assert "arrived whole: slow · 600 KiB" in page.text


def looks_in(server: OnionServer, number: int) -> None:
    """An honest source comes by and sends a message."""
    browser: SourceBrowser = server.circuit(number).browser()
    assert "Your message arrived" in browser.send(browser.open_new_mailbox(), "hello").text


SLOW = {
    "headers": b"GET / HTTP/1.1\r\nX: ",
    "short bodies": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\ntoken=",
    "long bodies": b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\ntoken=",
    "bodies in chunks": b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\na",
    "a chunk's length": b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5",
    "uploads": b"POST /mailbox HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n"
    b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n",
}


WAITED_FOR = {"headers": 100, "short bodies": 100, "uploads": 8}  # at least; the others are answered at once


@pytest.mark.parametrize("what", SLOW)
def test_slow_senders_on_many_circuits_keep_no_page_from_others(patient: OnionServer, what: str) -> None:
    """More of them than there are threads in both workers together, and they are still there when the page has come."""
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(patient.circuit(1_000 + number).connect()) for number in range(100)]
        for connection in senders:
            connection.sendall(SLOW[what])
        looks_in(patient, 5)
        assert len(senders) - len(answered(senders)) >= WAITED_FOR.get(what, 0)


def test_clients_that_do_not_read_their_answers_or_never_hang_up_hold_nobody_up(patient: OnionServer) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(100):
            stack.enter_context(patient.circuit(3_000 + number).connect()).sendall(GET)
        looks_in(patient, 8)


def test_an_answer_is_there_for_who_reads_it_after_the_connection_was_let_go(server: OnionServer) -> None:
    with contextlib.ExitStack() as stack:
        silent = [stack.enter_context(server.circuit(3_000 + number).connect()) for number in range(5)]
        for connection in silent:
            connection.sendall(GET)
        time.sleep(2 * DEADLINES["linger_seconds"])
        whole = len(server.circuit(2).raw(GET))
        for connection in silent:
            assert len(ask(connection, b"", end=False)) == whole


def test_a_client_that_goes_on_sending_after_its_answer_still_gets_it(server: OnionServer) -> None:
    heard = server.circuit(9).raw(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n" + bytes(2_000_000))
    assert len(heard) == len(server.circuit(2).raw(GET))
