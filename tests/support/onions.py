"""Asking onion services through a SOCKS port, to the letter."""

import time
from contextlib import suppress

from python_socks import ProxyError
from python_socks.sync import Proxy

from deploy.trial.errors import TorError

_FIRST_SECONDS = 150


def ask(socks_port: int, onion: str, request: bytes, *, port: int = 80, timeout: float = 60) -> bytes:
    """Say this to the onion and hear all that it answers. OSError or ProxyError when it cannot be reached."""
    proxy = Proxy.from_url(f"socks5://127.0.0.1:{socks_port}", rdns=True)
    with proxy.connect(onion, port, timeout=timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(request)
        heard = b""
        while piece := connection.recv(1 << 16):
            heard += piece
    return heard


def await_onion(socks_port: int, onion: str) -> None:
    """Until it answers: its descriptor must be published first, and tor asks again only some time after it found none."""
    end = time.monotonic() + _FIRST_SECONDS
    while time.monotonic() < end:
        with suppress(OSError, ProxyError):
            if ask(socks_port, onion, f"GET / HTTP/1.0\r\nHost: {onion}\r\n\r\n".encode(), timeout=15):
                return
        time.sleep(0.5)
    raise TorError(f"{onion} did not answer within {_FIRST_SECONDS} seconds")
