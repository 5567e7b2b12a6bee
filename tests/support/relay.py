"""A network that breaks: a relay on loopback that ends connections after so many bytes."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

_PIECE = 1 << 14


@dataclass(frozen=True)
class Cut:
    """How many bytes a connection carries towards the server and back. None: all."""

    there: int | None = None
    back: int | None = None


class CuttingRelay:
    """Each connection is cut as the next of `cuts` says, and those after the last are carried whole. A context manager."""

    def __init__(self, connect: Callable[[], socket.socket], cuts: Iterable[Cut] = ()) -> None:
        self._connect, self._cuts = connect, iter(cuts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 30)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                _reset(one)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            cut = next(self._cuts, Cut())
            self.connections += 1
            try:
                server = self._connect()
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._open += [client, server]
            self._start(self._carry, client, server, cut.there)
            self._start(self._carry, server, client, cut.back)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @staticmethod
    def _carry(one: socket.socket, other: socket.socket, most: int | None) -> None:
        left = most
        with contextlib.suppress(OSError):
            while piece := one.recv(_PIECE if left is None else min(_PIECE, max(left, 1))):
                if left is not None and not left:
                    _reset(one)
                    break
                other.sendall(piece)
                if left is not None:
                    left -= len(piece)
            other.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket) -> None:
    """As a network that is gone: no orderly end, in both directions."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        connection.close()
