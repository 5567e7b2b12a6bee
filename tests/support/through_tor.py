"""A visitor who comes through a tor's SOCKS port: a few lines of SOCKS5, and what tor says when an onion cannot be reached."""

import contextlib
import socket
import time
from collections.abc import Iterator

# tor(1), ExtendedErrors
NOT_FOUND = 0xF0
NEEDS_KEY = 0xF4
WRONG_KEY = 0xF5


class UnreachableError(Exception):
    """`code` is SOCKS's, or None when the connection broke in another way."""

    def __init__(self, code: int | None, words: str = "") -> None:
        super().__init__(f"SOCKS code {code:#x}" if code is not None else words)
        self.code = code


@contextlib.contextmanager
def connection(socks_port: int, onion: str, seconds: float = 60) -> Iterator[socket.socket]:
    """A connection to port 80 of the onion."""
    try:
        with socket.create_connection(("127.0.0.1", socks_port), seconds) as sock:
            # A user name of its own each time: tor gives the visit a circuit of its own.
            name = str(time.monotonic_ns()).encode()
            sock.sendall(b"\x05\x01\x02")
            exactly(sock, 2)
            sock.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01x")
            exactly(sock, 2)
            host = onion.encode("ascii")
            sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + (80).to_bytes(2, "big"))
            answer = exactly(sock, 10)
            if answer[1] != 0:
                raise UnreachableError(answer[1])
            yield sock
    except OSError as error:
        raise UnreachableError(None, str(error)) from error


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
    end = time.monotonic() + within
    while True:
        try:
            with connection(socks_port, onion) as sock:
                return ask(sock, onion, *headers)
        except UnreachableError:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)


def refusal(socks_port: int, onion: str) -> int | None:
    """The SOCKS code with which tor says that it cannot come there; fails when it can."""
    try:
        with connection(socks_port, onion):
            raise AssertionError("it can be reached")
    except UnreachableError as error:
        return error.code
