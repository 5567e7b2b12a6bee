"""A second lock on the door: the process that serves the desk cannot call out, whatever a library tries."""

import sys
from typing import Final

_CALLS_OUT: Final = frozenset({
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
    "socket.getaddrinfo",
    "socket.gethostbyname",
})


def refuse_connections() -> None:
    """From now on every attempt of this process to connect or to look up a name raises. It cannot be undone."""
    sys.addaudithook(_hook)


def _hook(event: str, _arguments: object) -> None:
    if event in _CALLS_OUT:
        raise PermissionError("the desk makes no connections")
