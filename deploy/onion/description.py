"""What each of the two onions needs: one description, from which the options are made and against which tor is checked.

The source onion tells its server by the PROXY protocol which circuit a connection came through (per-circuit budgets need it),
asks for proof of work under load, and closes a circuit with too many streams. The courier onion exports nothing and can be
found only with a key that is enrolled. Both lead to UNIX sockets: nothing listens where others could come past tor.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.onion.errors import MismatchError
from deploy.onion.places import OnionPlaces

Options = Sequence[tuple[str, str]]

VIRTUAL_PORT: Final = 80
PACKAGED_FOLDER: Final = Path("/var/lib/tor")
_EXPORT: Final = "HiddenServiceExportCircuitID"
_NEVER: Final = ("HiddenServiceSingleHopMode", "HiddenServiceNonAnonymousMode")
# Connections that a minute of load lets in (a second, and at once) before work is asked for: what two cores can answer.
_QUEUE_RATE: Final = 25
_QUEUE_BURST: Final = 250
_MOST_STREAMS: Final = 24  # a browser opens six


@dataclass(frozen=True)
class Onion:
    """One of the two. `server` says of which server the sentences speak."""

    name: str
    folder: Path
    socket: Path
    is_public: bool

    @property
    def target(self) -> str:
        path = str(self.socket)
        return f'unix:"{path}"' if " " in path else f"unix:{path}"

    def options(self) -> list[tuple[str, str]]:
        """As tor wants them, in this order: what follows a HiddenServiceDir belongs to it."""
        common = [
            ("HiddenServiceDir", str(self.folder)),
            ("HiddenServiceVersion", "3"),
            ("HiddenServicePort", f"{VIRTUAL_PORT} {self.target}"),
        ]
        return common + (_PUBLIC if self.is_public else [])

    def differences(self, told: Options) -> tuple[list[str], list[str]]:
        """What tor says of one onion, against this: reasons to refuse, and warnings."""
        refused, warned = [], []
        ports = [value for name, value in told if name == "HiddenServicePort"]
        said = {name: value for name, value in told if name != "HiddenServicePort"}
        if [_plain(port) for port in ports] != [f"{VIRTUAL_PORT} unix:{self.socket}"]:
            refused.append(
                f"the {self.name} onion leads to {', '.join(ports) or 'nothing'}: it must have one line, "
                f"'HiddenServicePort {VIRTUAL_PORT} {self.target}', and no other"
            )
        if said.get("HiddenServiceVersion", "3") != "3":
            refused.append(f"the {self.name} onion is not of version 3: remove its HiddenServiceVersion line")
        exported = said.get(_EXPORT, "").lower()
        if self.is_public and exported != "haproxy":
            refused.append(
                f"the {self.name} onion does not tell its server which circuit a visitor came through, and the server "
                f"expects it: add '{_EXPORT} haproxy' to it in torrc"
            )
        if not self.is_public and exported:
            refused.append(f"the {self.name} onion has {_EXPORT}, and its server does not expect it: remove that line")
        if self.is_public:
            warned += [
                f"the {self.name} onion lacks '{name} {value}' (it has '{said.get(name, 'none')}'): floods reach further"
                for name, value in _PUBLIC[1:]
                if not _at_least(said.get(name), value)
            ]
        return refused, warned


# Heartbeats note how many visitors came in the last hours; the program must reach tor's control socket and its cookie.
_FOR_ALL: Final = """# Luwte: for the whole of this tor
SafeLogging 1
HeartbeatPeriod 0
ControlSocket /run/tor/control GroupWritable
CookieAuthentication 1
CookieAuthFile /run/tor/control.authcookie
CookieAuthFileGroupReadable 1
"""
_PUBLIC: Final = [
    (_EXPORT, "haproxy"),
    ("HiddenServiceMaxStreams", str(_MOST_STREAMS)),
    ("HiddenServiceMaxStreamsCloseCircuit", "1"),
    ("HiddenServicePoWDefensesEnabled", "1"),
    ("HiddenServicePoWQueueRate", str(_QUEUE_RATE)),
    ("HiddenServicePoWQueueBurst", str(_QUEUE_BURST)),
]


def source_onion(places: OnionPlaces) -> Onion:
    """The one that sources visit."""
    return Onion("source", places.source_onion, places.source_socket, is_public=True)


def courier_onion(places: OnionPlaces) -> Onion:
    """The one that only an enrolled courier can find."""
    return Onion("courier", places.courier_onion, places.courier_socket, is_public=False)


def options(onions: Iterable[Onion]) -> list[tuple[str, str]]:
    """All options of these onions."""
    return [pair for onion in onions for pair in onion.options()]


def torrc(onions: Iterable[Onion]) -> str:
    """The lines for the torrc of a packaged tor, which keeps the folders itself."""
    blocks = [_FOR_ALL]
    for onion in onions:
        lines = [f"# Luwte: the {onion.name} onion"]
        for name, value in onion.options():
            lines.append(f"{name} {PACKAGED_FOLDER / f'luwte-{onion.name}' if name == 'HiddenServiceDir' else value}")
        lines.append("HiddenServiceDirGroupReadable 1")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def check(onions: Iterable[Onion], told: Options, modes: dict[str, str]) -> tuple[dict[str, Path], list[str]]:
    """Check what tor reports (GETCONF HiddenServiceOptions, and the modes that hold for all onions).

    Returns each onion's folder and warnings. MismatchError with a sentence for each reason.
    """
    refused = [
        f"this tor has {name} 1: the onions would not hide where this machine is. Remove that line from torrc"
        for name in _NEVER
        if modes.get(name, "0") != "0"
    ]
    folders, warned = {}, []
    for onion in onions:
        mine = [block for block in _blocks(told) if any(str(onion.socket) in value for _, value in block)]
        mine = mine or [block for block in _blocks(told) if block[0][1] == str(onion.folder)]
        if len(mine) != 1:
            refused.append(
                f"{'no onion leads' if not mine else f'{len(mine)} onions lead'} to {onion.target} in this tor, and one must: "
                "put the lines that 'luwte-intake torrc' prints into torrc, and reload tor"
            )
            continue
        reasons, remarks = onion.differences(mine[0])
        refused += reasons
        warned += remarks
        folders[onion.name] = Path(mine[0][0][1])
    if refused:
        raise MismatchError(*refused)
    return folders, warned


def _blocks(told: Options) -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, value in told:
        if name == "HiddenServiceDir":
            found.append([(name, value)])
        elif found:
            found[-1].append((name, value))
    return found


def _plain(port: str) -> str:
    return " ".join(port.replace('"', "").split(None, 1))


def _at_least(value: str | None, wanted: str) -> bool:
    """Switches must be on; limits may be tighter or wider by the operator's will, but must be there."""
    return value == wanted if wanted == "1" else value not in (None, "", "0")
