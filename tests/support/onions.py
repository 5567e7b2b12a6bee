"""Asking onion services through a SOCKS port, to the letter."""

from contextlib import suppress

from python_socks import ProxyError
from python_socks.sync import Proxy

from tests.support.waiting import wait_until

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

    def answers() -> bool:
        with suppress(OSError, ProxyError):
            return bool(ask(socks_port, onion, f"GET / HTTP/1.0\r\nHost: {onion}\r\n\r\n".encode(), timeout=15))
        return False

    wait_until(answers, _FIRST_SECONDS, every=0.5, words=lambda: f"{onion} does not answer")
