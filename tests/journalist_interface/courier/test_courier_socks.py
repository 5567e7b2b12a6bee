"""What Tor says when it does not connect, in sentences."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest

from journalist_interface.courier.client import Client, Patience
from journalist_interface.courier.errors import (
    CourierError,
    InterruptedTransferError,
    MisbehavedError,
    NotAdmittedError,
    UnreachableError,
)
from journalist_interface.courier.socks import SocksRoute

HASTY = Patience(silence=1, pauses=(0.0, 0.0))


class Socks:
    """A SOCKS port that gives one code to whoever asks, and may be a UNIX socket."""

    def __init__(self, code: int, path: Path | None, after: int | None = None) -> None:
        """`after`: the code from the second time on, when it is another."""
        self.path, self._code, self._after = path, code, code if after is None else after
        self._listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        self._listener.bind(str(path) if path else ("127.0.0.1", 0))
        self._listener.listen()
        self.asked = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> Path | tuple[str, int]:
        return self.path or self._listener.getsockname()

    def end(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(20)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self._listener.accept()[0] as connection:
                    connection.recv(1_000)
                    connection.sendall(b"\x05\x00")
                    self.asked = connection.recv(1_000)
                    connection.sendall(bytes([5, self._code, 0, 1, 0, 0, 0, 0, 0, 0]))
                    self._code = self._after


CODES: dict[int, tuple[type[CourierError], str]] = {
    0x01: (UnreachableError, "could not connect"),
    0x04: (UnreachableError, "is off, has no courier enrolled, or does not know this key"),
    0x06: (UnreachableError, "does not answer in time: it may be off"),
    0xF0: (UnreachableError, "finds no such onion service"),
    0xF1: (UnreachableError, "descriptor is damaged"),
    0xF2: (UnreachableError, "does not answer"),
    0xF3: (UnreachableError, "no meeting point"),
    0xF4: (NotAdmittedError, "this Tor holds no key for the intake host"),
    0xF5: (NotAdmittedError, "this key was never enrolled, or it was revoked"),
    0xF6: (MisbehavedError, "no onion address"),
    0xF7: (UnreachableError, "does not answer in time"),
}


@pytest.mark.parametrize("unix", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_each_refusal_of_tor_is_a_sentence(stick: Path, tmp_path: Path, code: int, unix: bool) -> None:
    kind, said = CODES[code]
    onion = "a" * 56 + ".onion"
    socks = Socks(code, Path(f"/tmp/luwte-socks-{os.getpid()}-{code}") if unix else None)
    try:
        with pytest.raises(kind, match=said):
            Client(onion, SocksRoute(onion, socks.port), HASTY).collect(stick)
        assert onion.encode() in socks.asked, "tor resolves the name, nobody else"
    finally:
        socks.end()
        if socks.path:
            socks.path.unlink()


@pytest.mark.parametrize("port", [Path("/tmp/luwte-no-such-socket"), ("127.0.0.1", 1)])
def test_no_tor_at_all_is_said(stick: Path, port: Path | tuple[str, int]) -> None:
    with pytest.raises(UnreachableError, match="no Tor answers at"):
        Client("x.onion", SocksRoute("x.onion", port), HASTY).collect(stick)


def test_tor_forgets_what_did_not_lead_there_before_it_is_asked_again_and_at_no_other_time() -> None:
    told: list[str] = []
    socks = Socks(0xF2, None, after=0)
    route = SocksRoute("x.onion", socks.port, lambda: told.append("forget"))
    try:
        with pytest.raises(InterruptedTransferError):
            route()
        assert told == []
        for _ in range(2):
            route().close()
        assert told == ["forget"]
    finally:
        socks.end()
