"""Where processes connect to: what sockets they hold, and what they asked the kernel for, traced."""

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from tests.source_interface.tracing import STRACE

Address = tuple[str, int]
ASKING = "connect,sendto,sendmsg,sendmmsg"


def held_addresses(pids: Iterable[int]) -> set[Address]:
    """Both ends of every TCP and UDP socket of these processes at this moment; the far end only where there is one."""
    inodes = {inode for pid in pids for inode in _socket_inodes(pid)}
    found = set()
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = row.split()
            if fields[9] in inodes:
                ends = [_address(end) for end in fields[1:3]]
                found.update(end for end in (ends[0], *(end for end in ends[1:] if end[1])))
    return found


def abroad(addresses: Iterable[Address]) -> set[Address]:
    """Those that other machines could be at, or come from."""
    return {address for address in addresses if not ipaddress.ip_address(address[0]).is_loopback}


def traced(trace: Path, *more: str, calls: str = ASKING) -> list[str | Path]:
    """Words to put before a command: all that it and its children connect or send to by name comes into this file."""
    return [
        STRACE,
        *more,
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-s",
        "0",
        "-e",
        f"trace={calls}",
        "-e",
        "signal=none",
        "-o",
        trace,
    ]


def asked_addresses(trace: Path) -> set[Address]:
    """Every internet address in such a trace, whether or not anything answered there."""
    found = set()
    for port, address in re.findall(
        r'sin6?_port=htons\((\d+)\)(?:, sin6_flowinfo=\w+\(\d+\))?, (?:sin_addr=inet_addr\("|inet_pton\(AF_INET6, ")([^"]+)"',
        trace.read_text("utf-8", "replace"),
    ):
        found.add((address, int(port)))
    return found


def asked_paths(trace: Path) -> set[str]:
    """Every UNIX socket in such a trace, by its path; a name without one begins with @."""
    return {sign + path for sign, path in re.findall(r'sun_path=(@?)"([^"]*)"', trace.read_text("utf-8", "replace"))}


def _socket_inodes(pid: int) -> Iterable[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if inode := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(descriptor)):
                yield inode[1]


def _address(text: str) -> Address:
    """As /proc/net/tcp writes them: words of four bytes in this machine's order, then the port."""
    host, port = text.split(":")
    words = bytes.fromhex(host)
    network_order = b"".join(struct.pack("!I", word) for (word,) in struct.iter_unpack("=I", words))
    family = socket.AF_INET if len(words) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, network_order), int(port, 16)
