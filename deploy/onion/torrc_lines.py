"""Further torrc lines for a tor that this program runs: a few options are allowed, and every other line is refused.

A list of what is forbidden cannot be kept: tor has some four hundred options, takes any beginning of a name that is not
ambiguous, adds or clears with `+` and `/` before it, and goes on with a line after a backslash. So the file is not handed
on. It is read by rules narrower than tor's own, and what was read is written anew: what tor gets is what was checked.

ALLOWED is what reaching Tor through a censor, a firewall or a proxy needs. What would choose the way by hand (EntryNodes,
ExcludeNodes) is not in it: it makes a host easier to find. Of the programs that tor would start for a bridge, only those of
PLUGINS are taken, without arguments: any other could do all that this program's user may. PRIVATE_NETWORK takes a tor out of
the public network, which no operator wants and a file from a stranger might: it is for trials and tests, by an option of its
own that no help shows, and neither list holds a name of the other.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from deploy.onion.errors import TorrcLinesError

ALLOWED: Final = (
    "Bridge",
    "ClientPreferIPv6ORPort",
    "ClientTransportPlugin",
    "ClientUseIPv4",
    "ClientUseIPv6",
    "FascistFirewall",
    "FirewallPorts",
    "HTTPSProxy",
    "HTTPSProxyAuthenticator",
    "ReachableAddresses",
    "ReachableORAddresses",
    "Socks4Proxy",
    "Socks5Proxy",
    "Socks5ProxyPassword",
    "Socks5ProxyUsername",
    "UseBridges",
)
PRIVATE_NETWORK: Final = (
    "AddressDisableIPv6",
    "DirAuthority",
    "OutboundBindAddress",
    "PathsNeededToBuildCircuits",
    "TestingTorNetwork",
)
PLUGINS: Final = ("/usr/bin/lyrebird", "/usr/bin/obfs4proxy", "/usr/bin/snowflake-client")  # where Debian puts them
_PLUGIN: Final = "ClientTransportPlugin"
_TRANSPORTS: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(,[A-Za-z_][A-Za-z0-9_]*)*")
_MOST_BYTES: Final = 65_536
_LONGEST_LINE: Final = 4_096


def further_lines(torrc_lines: Path | None, private_network: Path | None) -> tuple[str, ...]:
    """The lines of both options of a command line, where they are given. TorrcLinesError; OSError."""
    return tuple(
        line
        for path, allowed in ((torrc_lines, ALLOWED), (private_network, PRIVATE_NETWORK))
        if path is not None
        for line in read_lines(path, allowed)
    )


def starting_programs(lines: Sequence[str]) -> list[str]:
    """What a torrc with these further lines needs so that tor starts no program but those that they name."""
    return [] if any(line.startswith(f"{_PLUGIN} ") for line in lines) else ["NoExec 1"]


def read_lines(path: Path, allowed: Sequence[str] = ALLOWED) -> list[str]:
    """The file's lines as tor is to get them, without comments. TorrcLinesError names the first that is not allowed."""
    with path.open("rb") as file:
        untrusted = file.read(_MOST_BYTES + 1)
    if len(untrusted) > _MOST_BYTES:
        raise TorrcLinesError(f"{path} is longer than {_MOST_BYTES // 1024} KiB: is it the right file?")
    try:
        untrusted_text = untrusted.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TorrcLinesError(f"{path} is no text file (UTF-8): is it the right file?") from error
    return list(_checked(untrusted_text, path, {name.lower(): name for name in allowed}))


def _checked(untrusted_text: str, path: Path, allowed: dict[str, str]) -> Iterable[str]:
    # Not by splitlines, which ends a line at characters that are none of tor's line ends.
    for number, untrusted_line in enumerate(untrusted_text.split("\n"), 1):
        line = untrusted_line.removesuffix("\r").replace("\t", " ").strip(" ")
        where = f"{path}, line {number}"
        if len(line) > _LONGEST_LINE:
            raise TorrcLinesError(f"{where}: the line is longer than {_LONGEST_LINE} characters")
        if not line.isprintable():
            raise TorrcLinesError(f"{where}: there is a character that cannot be seen: type the line anew")
        if not line or line.startswith("#"):
            continue
        untrusted_name, _, rest = line.partition(" ")
        name = allowed.get(untrusted_name.lower())
        if name is None:
            raise TorrcLinesError(
                f"{where}: '{untrusted_name[:60]}' may not be set here. Allowed are, each by its whole name: "
                f"{', '.join(allowed.values())}"
            )
        value = _value(rest.strip(" "), where)
        yield f"{name} {_plugin(value, where) if name == _PLUGIN else value}"


def _value(untrusted: str, where: str) -> str:
    if untrusted.startswith('"'):
        quoted, mark, rest = untrusted[1:].partition('"')
        if not mark or "\\" in quoted or not (rest.strip(" ") == "" or rest.strip(" ").startswith("#")):
            raise TorrcLinesError(
                f"{where}: a value in quotation marks ends with the second one and has no backslash: write it so, or without"
            )
        return f'"{quoted}"'
    value = untrusted.partition("#")[0].strip(" ")
    if not value:
        raise TorrcLinesError(f"{where}: the value is missing")
    if value.endswith("\\"):
        raise TorrcLinesError(
            f"{where}: a line cannot go on in the next one: write it as one line, without the backslash"
        )
    return value


def _plugin(untrusted: str, where: str) -> str:
    match untrusted.split():
        case [transports, "exec", program] if _TRANSPORTS.fullmatch(transports) and program in PLUGINS:
            return f"{transports} exec {program}"
    raise TorrcLinesError(
        f"{where}: {_PLUGIN} is taken as 'names exec program', with nothing behind it, where the program is one of: "
        f"{', '.join(PLUGINS)}. Bridge lines hold all other settings"
    )
