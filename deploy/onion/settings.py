"""The `[tor]` table of intake.toml, for a packaged tor whose torrc has the onions. Without it, a tor of our own is run."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.onion.keys import is_address

_NAMES: Final = ("configured", "control", "sockets", "source_onion")


@dataclass(frozen=True)
class Packaged:
    """A tor whose torrc has the onions. The address is needed only where its hostname file cannot be read."""

    control: str
    source_address: str | None = None


@dataclass(frozen=True)
class TorSettings:
    """What the table says. `sockets` is the folder where servers and tor meet; None: STATE/run."""

    packaged: Packaged | None = None
    sockets: Path | None = None


def parse_tor(table: Any) -> TorSettings:
    """The table, checked. ValueError names the line."""
    if not isinstance(table, dict):
        raise ValueError("[tor] must be a table")  # noqa: TRY004 - one kind of error for all that is wrong in the file
    if unknown := sorted(set(table) - set(_NAMES)):
        raise ValueError(f"'{unknown[0]}' is not known under [tor]; allowed are {', '.join(_NAMES)}")
    is_configured = table.get("configured", False)
    if not isinstance(is_configured, bool):
        raise ValueError("[tor] configured must be true or false")  # noqa: TRY004 - as above
    if not is_configured:
        if table.keys() - {"configured"}:
            raise ValueError("[tor] needs 'configured = true': a tor that others use, too, is checked, never changed")
        return TorSettings()
    sockets = table.get("sockets")
    if sockets is not None and not (isinstance(sockets, str) and sockets.startswith("/")):
        raise ValueError("[tor] sockets must be a folder's whole path, such as /run/luwte")
    packaged = Packaged(_control(table.get("control", "/run/tor/control")), _onion(table.get("source_onion")))
    return TorSettings(packaged, Path(sockets) if sockets else None)


def _control(value: Any) -> str:
    if isinstance(value, str):
        if value.startswith("/"):
            return value
        host, _, port = value.rpartition(":")
        try:
            if ipaddress.IPv4Address(host).is_loopback and 0 < int(port) < 65_536:
                return value
        except ValueError:
            pass
    raise ValueError("[tor] control must be a socket's whole path, such as /run/tor/control, or 127.0.0.1:PORT")


def _onion(value: Any) -> str | None:
    if value is not None and (not isinstance(value, str) or not is_address(value)):
        raise ValueError("[tor] source_onion is no onion address (56 letters and digits, then .onion): copy it again")
    return value
