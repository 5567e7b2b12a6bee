"""Connections to an onion service through a tor's SOCKS port, and what its refusals mean.

Codes F0 to F7 are tor's own, sent by a SocksPort with ExtendedErrors (Tor proposal 304).
"""

import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.sync import Proxy

from journalist_interface.courier.errors import InterruptedTransferError, MisbehavedError, NotAdmittedError

ONION_PORT: Final = 80
_CONNECT_SECONDS: Final = 180  # a circuit to an onion service over a slow network
_CODE: Final = re.compile(r"0[xX]([0-9A-Fa-f]{2})\b")
_NO_KEY: Final = 0xF4
_WRONG_KEY: Final = 0xF5
_BAD_ADDRESS: Final = 0xF6
_PASSING: Final = {
    # What a SocksPort without ExtendedErrors says of all reasons together.
    0x04: "Tor finds no way to the intake host: it is off, has no courier enrolled, or does not know this key",
    0x06: "the intake host does not answer in time: it may be off",
    0xF0: "Tor finds no such onion service: the intake host is off, or has no courier enrolled",
    0xF1: "the intake host's onion descriptor is damaged",
    0xF2: "the intake host's onion service does not answer",
    0xF3: "no meeting point with the intake host could be made",
    0xF7: "the intake host's onion service does not answer in time",
}


class _UnixPort(Proxy):
    """A way to a SOCKS port that is a UNIX socket, which only its owner's programs can use."""

    def __init__(self, path: Path) -> None:
        super().__init__(ProxyType.SOCKS5, "localhost", 1)
        self._path = path

    def connect(self, dest_host: str, dest_port: int, timeout: float | None = None, **_: object) -> socket.socket:
        del dest_host, dest_port
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(timeout)
            connection.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        return connection


class SocksRoute:
    """Makes connections to one onion service. `port` is a path of a UNIX socket, or a host and a number.

    `forget` is called after one that could not be made, before the next: what tor remembers of the onion may be of a host
    that was started again since.
    """

    def __init__(self, onion: str, port: Path | tuple[str, int], forget: Callable[[], None] = lambda: None) -> None:
        self._onion, self._port, self._forget = onion, port, forget
        self._has_failed = False

    def __call__(self) -> socket.socket:
        """A connected socket. InterruptedTransferError, NotAdmittedError or MisbehavedError."""
        if self._has_failed:
            self._forget()
        self._has_failed = True
        connection = self._connection()
        self._has_failed = False
        return connection

    def _connection(self) -> socket.socket:
        if isinstance(self._port, Path):
            proxy = Proxy(ProxyType.SOCKS5, "localhost", 1, rdns=True, forward=_UnixPort(self._port))
        else:
            proxy = Proxy(ProxyType.SOCKS5, *self._port, rdns=True)
        try:
            return proxy.connect(self._onion, ONION_PORT, timeout=_CONNECT_SECONDS)
        except ProxyError as error:
            raise _meaning(error) from error
        except ProxyTimeoutError as error:
            raise InterruptedTransferError("Tor does not reach the intake host in time") from error
        except (ProxyConnectionError, OSError) as error:
            raise InterruptedTransferError(f"no Tor answers at {self._port_name()}") from error

    def _port_name(self) -> str:
        return str(self._port) if isinstance(self._port, Path) else f"{self._port[0]}:{self._port[1]}"


def _meaning(error: ProxyError) -> Exception:
    # The library knows the codes of RFC 1928 and leaves any other in the text of its error only.
    found = _CODE.search(str(error))
    code = error.error_code if error.error_code is not None else int(found[1], 16) if found else None
    if code == _NO_KEY:
        return NotAdmittedError(
            "this Tor holds no key for the intake host: put the key's file, which 'luwte-courier pair' names, into its "
            "ClientOnionAuthDir and reload it"
        )
    if code == _WRONG_KEY:
        return NotAdmittedError(
            "this key was never enrolled, or it was revoked: ask the operator, who enrols it with 'luwte-intake courier add'"
        )
    if code == _BAD_ADDRESS:
        return MisbehavedError(
            "Tor says that this is no onion address: compare it with the operator's, letter by letter"
        )
    why = _PASSING.get(code or 0, "Tor could not connect to the intake host")
    return InterruptedTransferError(why)
