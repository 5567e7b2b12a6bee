"""Whether a server takes the PROXY protocol's first line, asked of the server itself (PROXY protocol specification, v1).

If tor sends the line and the server does not take it, every visit is refused. If the server takes it and tor does not send it,
a visitor writes it, and chooses which circuit they seem to come through.
"""

import socket
from pathlib import Path
from typing import Final

from deploy.onion.errors import MismatchError

_SECONDS: Final = 20
# What tor sends (hs_service.c, export_hs_client_circuit_id): a circuit's number as the low half of an address.
_LINE: Final = b"PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 80\r\n"


def require_proxy_line(path: Path, host: str) -> None:
    """MismatchError unless the server at this socket answers a request that follows a PROXY line. OSError: no answer."""
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("ascii")
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(_SECONDS)
        asked.connect(str(path))
        asked.sendall(_LINE + request)
        answer = asked.recv(64)
    if b" 200 " not in answer:
        raise MismatchError(
            f"the server at {path} does not take the line by which tor names a visitor's circuit (PROXY protocol), and the "
            "source onion sends it: this is a fault of the installation; install Luwte again as one whole"
        )
