"""A visitor who comes through a tor's SOCKS port: a few lines of SOCKS5, and what tor says when an onion cannot be reached."""

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator

from deploy.trial.browser import Browser
from tests.source_interface.source_browser import SourceBrowser
from tests.support.waiting import tried_until

# tor(1), ExtendedErrors
NOT_FOUND = 0xF0
NEEDS_KEY = 0xF4
WRONG_KEY = 0xF5


class UnreachableError(Exception):
    """`code` is SOCKS's, or None when the connection broke in another way."""

    def __init__(self, code: int | None, words: str = "") -> None:
        super().__init__(f"SOCKS code {code:#x}" if code is not None else words)
        self.code = code


GONE = (OSError, UnreachableError, http.client.HTTPException)


@contextlib.contextmanager
def connection(socks_port: int, onion: str, seconds: float = 60) -> Iterator[socket.socket]:
    """A connection to port 80 of the onion, by a circuit of its own."""
    try:
        with connect(socks_port, onion, str(time.monotonic_ns()), seconds=seconds) as sock:
            yield sock
    except OSError as error:
        raise UnreachableError(None, str(error)) from error


def connect(socks_port: int, onion: str, visitor: str, port: int = 80, seconds: float = 60) -> socket.socket:
    """A connection to a port of the onion. tor gives each visitor, a user's name for it, circuits of their own."""
    sock = socket.create_connection(("127.0.0.1", socks_port), seconds)
    try:
        _ask_for(sock, onion, port, visitor.encode("ascii"))
    except BaseException:
        sock.close()
        raise
    return sock


def _ask_for(sock: socket.socket, onion: str, port: int, name: bytes) -> None:
    sock.sendall(b"\x05\x01\x02")
    exactly(sock, 2)
    sock.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01x")
    exactly(sock, 2)
    host = onion.encode("ascii")
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + port.to_bytes(2, "big"))
    answer = exactly(sock, 10)
    if answer[1] != 0:
        raise UnreachableError(answer[1])


class OnionVisitor(Browser):
    """A browser of one visitor."""

    def __init__(self, socks_port: int, onion: str, visitor: str, port: int = 80) -> None:
        super().__init__("http://127.0.0.1:80")
        self._visit = (socks_port, onion, visitor, port)

    def _connection(self) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(self._visit[1])
        connection.sock = connect(*self._visit)
        return connection


class OnionBrowser(OnionVisitor, SourceBrowser):
    """The same, whose pages are checked as every page is."""


def exactly(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise OSError("it was closed")
        data += piece
    return data


def ask(sock: socket.socket, host: str, *headers: str, path: str = "/") -> bytes:
    """The whole answer to a request."""
    sock.sendall("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *headers, "Connection: close", "", ""]).encode())
    answer = b""
    while piece := sock.recv(65_536):
        answer += piece
    return answer


def fetch(socks_port: int, onion: str, *headers: str, within: float = 90) -> bytes:
    """The onion's first page. A first try may come before the descriptor is everywhere: tried again for so many seconds."""

    def once() -> bytes:
        with connection(socks_port, onion) as sock:
            return ask(sock, onion, *headers)

    return tried_until(once, UnreachableError, within)


def refusal(socks_port: int, onion: str) -> int | None:
    """The SOCKS code with which tor says that it cannot come there; fails when it can."""
    try:
        with connection(socks_port, onion):
            raise AssertionError("it can be reached")
    except UnreachableError as error:
        return error.code
