"""A private Tor network on loopback: three authorities and two relays, plain processes of this machine's tor.

Nothing leaves 127.0.0.1. The network has its own directory authorities, whose keys are made anew each time, so no node of it
knows the public network; it has no exits and resolves no names; and each tor is bound to 127.0.0.1 for what it sends.
Four nodes are the fewest with which onion services work; the fifth lets one of them be slow.
"""

import re
import socket
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from deploy.trial import processes
from deploy.trial.errors import TorError
from deploy.trial.tor_process import TorClient, TorProcess, tool

_AUTHORITIES: Final = 3
_RELAYS: Final = 2
_START_SECONDS: Final = 180
_CLIENT_SECONDS: Final = 120
_KEY_SECONDS: Final = 60
_VOTE_EVERY: Final = 5
_AFTER_VOTE: Final = 1.1  # seconds after a multiple of five: just too late for a vote
# What every tor of the network has. Addresses of this machine are not refused; sockets that could lead elsewhere
# are bound to 127.0.0.1, from where the kernel lets nothing go elsewhere.
_MEMBER: Final = (
    "TestingTorNetwork 1",
    "AddressDisableIPv6 1",
    "OutboundBindAddress 127.0.0.1",
    "PathsNeededToBuildCircuits 0.67",
)
_SERVER: Final = """\
Nickname {name}
Address 127.0.0.1
ORPort 127.0.0.1:{or_port} IPv4Only
SocksPort 0
AssumeReachable 1
ExitRelay 0
ExitPolicy reject *:*
ServerDNSDetectHijacking 0
ServerDNSResolvConfFile /dev/null
"""
# By default the slowest node is no fast one. If that is an authority, too few are both fast and stable for onion services.
# The first votes are counted at the next multiple of five seconds, cast four seconds before; later ones every twenty.
_AUTHORITY: Final = """\
AuthoritativeDirectory 1
V3AuthoritativeDirectory 1
DirPort 127.0.0.1:{directory_port} IPv4Only
ContactInfo nobody@{name}.invalid
TestingV3AuthInitialVotingInterval 5
TestingV3AuthInitialVoteDelay 2
TestingV3AuthInitialDistDelay 2
V3AuthVotingInterval 20
V3AuthVoteDelay 2
V3AuthDistDelay 2
TestingDirAuthVoteGuard *
TestingDirAuthVoteHSDir *
TestingMinExitFlagThreshold 0
AuthDirFastGuarantee 1
"""
# A tor that only makes its keys insists on knowing some authority; this one cannot be reached.
_NO_AUTHORITY: Final = f"DirAuthority none 127.0.0.1:1 {'F' * 40}"


class TorNetwork:
    """Use as a context: entering starts the network, leaving ends every process that it started, clients too.

    `folder` is made, with a folder for each node. Entering takes 10 to 30 seconds on an idle machine. TorError, with what to
    do or the last messages of the node that failed, when it does not stand after three minutes. The processes end with the
    thread that entered, even if it is killed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._nodes: list[TorProcess] = []
        self._clients: list[TorClient] = []
        self._authorities: tuple[str, ...] = ()

    @property
    def torrc_lines(self) -> tuple[str, ...]:
        """What a further tor needs in its torrc to be of this network and no other."""
        return (*_MEMBER, *self._authorities)

    @property
    def pids(self) -> list[int]:
        """Of all that run at this moment."""
        return [one.pid for one in (*self._nodes, *self._clients) if one.started and one.process.poll() is None]

    def __enter__(self) -> Self:
        end = time.monotonic() + _START_SECONDS
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._start_authorities(end)
            self._start_relays()
            self._await_consensus(end)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def check(self) -> None:
        """TorError with its last messages when a node has ended by itself."""
        for node in self._nodes:
            node.check()

    def client(self, name: str, *lines: str) -> TorClient:
        """A further tor that has joined the network, with these lines added to its torrc; an onion service, for one.

        TorError when the name was used before or it has not joined after two minutes.
        """
        if (self.folder / name).exists():
            raise TorError(f"there is a tor named {name} already: choose another name")
        (port,) = processes.free_ports(1)
        client = TorClient(self.folder / name, port, _text(*self.torrc_lines, *lines))
        self._clients.append(client)
        client.start()
        client.await_bootstrap(time.monotonic() + _CLIENT_SECONDS)
        return client

    def _start_authorities(self, end: float) -> None:
        ports = processes.free_ports(2 * _AUTHORITIES)
        made = [
            _Authority(self.folder / f"authority{number}", *ports[2 * number : 2 * number + 2])
            for number in range(_AUTHORITIES)
        ]
        with ThreadPoolExecutor(_AUTHORITIES) as pool:  # a key takes most of a second
            self._authorities = tuple(pool.map(_Authority.make_keys, made))
        for authority in made:
            authority.write(self.torrc_lines)
        # Nodes have most of five seconds to hear of each other before they vote. A first vote without all of them would
        # stand for twenty seconds.
        time.sleep((_AFTER_VOTE - time.time()) % _VOTE_EVERY)
        for authority in made:
            self._start(authority)
        # Relays announce themselves once at their start: somebody must listen by then.
        for authority in made:
            authority.await_directory(end)

    def _start_relays(self) -> None:
        for number, port in enumerate(processes.free_ports(_RELAYS)):
            name = f"relay{number}"
            torrc = _text(*self.torrc_lines, _SERVER.format(name=name, or_port=port))
            self._start(TorProcess(self.folder / name, torrc))

    def _start(self, node: TorProcess) -> None:
        self._nodes.append(node)
        node.start()

    def _await_consensus(self, end: float) -> None:
        """Until every node knows every node: all are caches, and a client whose cache lacks a node waits long."""
        while (known := min(map(_known_nodes, self._nodes))) < len(self._nodes):
            self.check()
            if time.monotonic() > end:
                words = "\n".join(f"{node.name}:\n{node.last_words()}" for node in self._nodes)
                raise TorError(f"after {_START_SECONDS} seconds only {known} of {len(self._nodes)} tors agree\n{words}")
            time.sleep(0.2)

    def _end(self) -> None:
        processes.end([one.process for one in (*self._clients, *self._nodes) if one.started])


class _Authority(TorProcess):
    def __init__(self, folder: Path, or_port: int, directory_port: int) -> None:
        self._or_port, self._directory_port = or_port, directory_port
        super().__init__(folder, "")
        server = _SERVER.format(name=self.name, or_port=or_port)
        self._own = (
            self.torrc.read_text("utf-8") + server + _AUTHORITY.format(name=self.name, directory_port=directory_port)
        )

    def make_keys(self) -> str:
        """Make all its keys: the line by which others know it."""
        keys = self.folder / "data" / "keys"
        keys.mkdir(mode=0o700)
        certificate = keys / "authority_certificate"
        files = ("-i", keys / "authority_identity_key", "-s", keys / "authority_signing_key", "-c", certificate)
        address = f"127.0.0.1:{self._directory_port}"
        # The passphrase guards the identity key's file; the network and all its keys are thrown away.
        _run(tool("tor-gencert"), "--create-identity-key", "-m", "12", "-a", address, *files, "--passphrase-fd", "0")
        identity = re.search(r"^fingerprint ([0-9A-F]{40})$", certificate.read_text("ascii"), re.MULTILINE)
        self.write((*_MEMBER, _NO_AUTHORITY))
        said = _run(*self.command(), "--quiet", "--list-fingerprint")
        relay = re.search(r"(?:[0-9A-F]{4} ?){10}", said)
        if identity is None or relay is None:
            raise TorError(f"tor made no keys for {self.name}; it said:\n{said}")
        fingerprint = relay[0].replace(" ", "")
        return f"DirAuthority {self.name} orport={self._or_port} no-v2 v3ident={identity[1]} {address} {fingerprint}"

    def write(self, lines: Iterable[str]) -> None:
        self.torrc.write_text(self._own + _text(*lines), "utf-8")

    def await_directory(self, end: float) -> None:
        while True:
            self.check()
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._directory_port), 1):
                return
            if time.monotonic() > end:
                raise TorError(f"the tor named {self.name} does not answer; it said:\n{self.last_words()}")
            time.sleep(0.05)


def _known_nodes(node: TorProcess) -> int:
    """How many nodes that can keep onions' descriptors this one knows, and holds the keys of."""
    data = node.folder / "data"
    states = [line for line in _read(data / "cached-microdesc-consensus").splitlines() if line.startswith("s ")]
    usable = sum({"Running", "HSDir"} <= set(line.split()) for line in states)
    descriptors = _read(data / "cached-microdescs") + _read(data / "cached-microdescs.new")
    return min(usable, len(set(re.findall(r"^ntor-onion-key (\S+)", descriptors, re.MULTILINE))))


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _run(*command: str | Path) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - tor's own programs
            list(map(str, command)), input="x\n", capture_output=True, text=True, check=True, timeout=_KEY_SECONDS
        )
    except subprocess.CalledProcessError as error:
        raise TorError(f"{command[0]} failed; it said:\n{error.stderr or error.stdout}") from error
    except subprocess.TimeoutExpired as error:
        raise TorError(f"{command[0]} did not end within {_KEY_SECONDS} seconds") from error
    return done.stdout


def _text(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
