"""Stands where the courier's server will: answers at a UNIX socket, and keeps a connection open that asks for it."""

import os
import socketserver
from collections.abc import Callable
from pathlib import Path

GREETING = b"HTTP/1.1 200 Here\r\nContent-Length: 7\r\n\r\ncourier"


class Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(4_096):
            self.request.sendall(GREETING)


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


def serve(state: Path, bind: str, ready: Callable[[], None]) -> None:
    path = Path(bind.removeprefix("unix:"))
    path.unlink(missing_ok=True)
    os.umask(0o077)
    with Server(str(path), Handler) as server:
        ready()
        server.serve_forever()
