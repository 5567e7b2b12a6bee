"""A courier's laptop in a private Tor network, to the letter of what goes over it."""

import base64
import contextlib
import queue
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nacl.public import PrivateKey
from stem.control import Controller, EventType

from deploy.trial.tor_network import TorNetwork
from journalist_interface.courier.protocol import KIND, ROOT
from tests.support.through_tor import UnreachableError, ask, connection
from tests.support.waiting import tried_until, wait_until

_UPLOAD = f"{'ab' * 32}-1000000"


class Courier:
    """A laptop with a tor and a key of its own."""

    def __init__(self, network: TorNetwork, name: str, folder: Path) -> None:
        self.name, self.key = name, PrivateKey.generate()
        self.file = folder / f"{name}.auth"
        self.tor = network.client(name)

    @property
    def line(self) -> str:
        """As `luwte-courier pair` prints it."""
        public = base64.b32encode(bytes(self.key.public_key)).decode("ascii").rstrip("=")
        return f"descriptor:x25519:{public}"

    def enrol(self) -> None:
        self.file.write_text(f"{self.line}\n")
        self.file.chmod(0o600)

    def use_key(self, onion: str) -> None:
        address = onion.removesuffix(".onion")
        key = base64.b64encode(bytes(self.key)).decode("ascii")
        with self.controller() as controller:
            # 250 a new key; 252 that opens the descriptor at hand. 251 would be one that was not forgotten.
            said = str(controller.msg(f"ONION_CLIENT_AUTH_ADD {address} x25519:{key}"))
        assert said in ("OK", "Registered client and decrypted desc"), said

    def forget(self, onion: str) -> None:
        """What its tor remembers of the onion: the descriptor, and that it failed. The key is forgotten with it: given anew.

        tor does so once in ten seconds, and later what comes sooner: the key must wait for it, or would be lost to it.
        """
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        with self.controller() as controller:
            controller.add_event_listener(done.put, EventType.SIGNAL)
            assert controller.msg("SIGNAL NEWNYM").is_ok()
            assert done.get(timeout=30).signal == "NEWNYM"
        self.use_key(onion)

    @contextlib.contextmanager
    def controller(self) -> Iterator[Controller]:
        with Controller.from_socket_file(str(self.tor.control)) as controller:
            controller.authenticate()
            yield controller

    def visit(self, onion: str) -> None:
        """Once it can be reached. A directory may go on giving an older descriptor for a while: each try asks for it anew."""

        def ask_for_one() -> bytes:
            try:
                with connection(self.tor.socks_port, onion, seconds=30) as sock:
                    return ask(sock, onion, path=f"{ROOT}/bundles/1")
            except UnreachableError:
                self.forget(onion)
                raise

        head = tried_until(ask_for_one, UnreachableError).partition(b"\r\n\r\n")[0]
        assert head.startswith(b"HTTP/1.1 404 ")
        assert KIND.encode() in head

    @contextlib.contextmanager
    def uploading(self, state: Path, onion: str) -> Iterator[socket.socket]:
        """A connection of which the courier's server has taken a part of what is to come."""
        with connection(self.tor.socks_port, onion) as sock:
            request = f"POST {ROOT}/uploads/{_UPLOAD}/0 HTTP/1.1\r\nHost: {onion}\r\nContent-Length: 1000000\r\n\r\n"
            sock.sendall(request.encode() + bytes(300_000))
            arrived = state / "inbox" / _UPLOAD
            wait_until(lambda: arrived.exists() and arrived.stat().st_size)
            yield sock
