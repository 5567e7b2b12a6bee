"""A tor of our own: its torrc, and the step that becomes it. It has no SOCKS port and no other work than the onions."""

import os
from collections.abc import Sequence
from pathlib import Path

from deploy.onion.errors import TorMissingError
from deploy.onion.places import OnionPlaces
from deploy.onion.torrc_lines import starting_programs
from deploy.tor_program import find_program
from store.files import write_whole


def write_torrc(places: OnionPlaces, more_lines: Sequence[str]) -> Path:
    """Write the torrc. Onions are not in it: they are set by the control socket, after they were checked."""
    path = places.tor / "torrc"
    lines = [
        f"DataDirectory {_quoted(places.tor)}",
        f"ControlSocket {_quoted(places.control_socket)}",
        "CookieAuthentication 1",
        f"CookieAuthFile {_quoted(places.tor / 'control_auth_cookie')}",
        "SocksPort 0",
        "ClientOnly 1",
        f"Log notice file {log_file(places)}",
        "TruncateLogFile 1",
        "SafeLogging 1",
        "HeartbeatPeriod 0",  # it would note how many visitors came in the last hours
        "__ReloadTorrcOnSIGHUP 0",  # a torrc without onions must not take the place of what was set
    ]
    write_whole(path, ["\n".join([*lines, *starting_programs(more_lines), *more_lines, ""]).encode()])
    return path


def program() -> str:
    """The path of tor. TorMissingError when none is installed."""
    if (found := find_program()) is None:
        raise TorMissingError("tor is not installed: sudo apt-get install tor")
    return found


def run(places: OnionPlaces, more_lines: Sequence[str]) -> None:
    """Become tor. Only for a process of its own."""
    # An old socket would be taken for that of the tor that starts.
    places.control_socket.unlink(missing_ok=True)
    line = [program(), "-f", str(write_torrc(places, more_lines)), "--defaults-torrc", "/dev/null", "--hush"]
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    os.execv(line[0], line)  # noqa: S606 - a fixed program, no shell


def log_file(places: OnionPlaces) -> Path:
    return places.tor / "tor.log"


def complaint(places: OnionPlaces) -> str:
    """The last warning or error in tor's log; empty when there is none."""
    try:
        lines = log_file(places).read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = [line.split("] ", 1)[1] for line in lines if "[err] " in line or "[warn] " in line]
    return said[-1] if said else ""


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'
