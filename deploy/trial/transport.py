"""What leads from a source's browser to the intake host of a trial: a port of this machine, or an onion."""

import contextlib
import shutil
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final, Protocol, Self

from deploy.onion import keys
from deploy.onion.places import OnionPlaces
from deploy.trial import courier
from deploy.trial.browser import Browser
from deploy.trial.errors import MachineError
from deploy.trial.folder import TrialFolder
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient, socket_fits
from store.files import write_whole
from store.intake.place import memory_folder

Check = Callable[[], None]
Say = Callable[[str], None]

_START_SECONDS: Final = 60
_ONION_SECONDS: Final = 300
_ASK_SECONDS: Final = 30  # a first answer that takes longer is asked for again
_JOIN_SECONDS: Final = 180
_COURIER: Final = "trial"  # the name under which the trial's courier is enrolled


class Network(StrEnum):
    """Which Tor network an onion is of."""

    PRIVATE = "private"
    PUBLIC = "public"


class Transport(Protocol):
    """Use as a context around the intake host: entering prepares what the host needs, leaving ends what was started."""

    port: int
    port_option: str
    courier: courier.Courier

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    @property
    def serve_options(self) -> Sequence[str | Path]:
        """For `luwte-intake serve`."""

    def await_source(self, check: Check) -> None:
        """Until a source would see the first page. `check` raises when waiting has become vain. MachineError."""

    def check(self) -> None:
        """TorError when a tor that was started has ended by itself."""

    def browser(self) -> Browser:
        """A source's, with no cookies yet."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What `try.json` says of it."""

    @property
    def pids(self) -> Mapping[str, int]: ...


class Loopback:
    """Sources come by a port of 127.0.0.1, without Tor."""

    port_option = "--source-port"

    def __init__(self, folder: TrialFolder, port: int) -> None:
        self.port, self._url = port, f"http://127.0.0.1:{port}"
        self.courier: courier.Courier = courier.AtTheHost(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    @property
    def serve_options(self) -> Sequence[str | Path]:
        return ("--bind", f"127.0.0.1:{self.port}")

    def await_source(self, check: Check) -> None:
        await_port(self.port, "intake", check)

    def check(self) -> None: ...

    def browser(self) -> Browser:
        return Browser(self._url)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"source_url": self._url}

    @property
    def pids(self) -> Mapping[str, int]:
        return {}


class Onion:
    """Sources come to an onion, whose address lasts; so does the courier. A tor with a SOCKS port is there for browsers.

    Of every tor here nothing lasts but the onions' keys: a private network is another one each time, and what a tor
    remembers of one network is of no use in the next.
    """

    port_option = "--socks-port"

    def __init__(self, folder: TrialFolder, network: Network, socks_port: int, say: Say) -> None:
        self.port, self._folder, self._network, self._say = socks_port, folder, network, say
        self.courier: courier.Courier = courier.ThroughTor(folder)
        self._stack = ExitStack()
        self._started: TorNetwork | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            tors = stack.enter_context(_tor_folder(self._folder))
            text = ""
            self._folder.private_network.unlink(missing_ok=True)
            if self._network is Network.PRIVATE:
                self._say("Starting a private Tor network on this machine (most of a minute) ...")
                self._started = stack.enter_context(TorNetwork(tors / "net"))
                text = "".join(f"{line}\n" for line in self._started.torrc_lines)
                write_whole(self._folder.private_network, [text.encode()])
            places = OnionPlaces.of(self._folder.intake)
            places.prepare()
            self._url = f"http://{keys.kept_address(places.source_onion)}"
            courier.enrol(self._folder, keys.kept_address(places.courier_onion), _COURIER)
            self._client = TorClient(tors / "browser", self.port, text)
            stack.callback(self._client.end)
            self._client.start()
            self._say("Bringing the onion up (up to a minute) ...")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def serve_options(self) -> Sequence[str | Path]:
        return self._folder.network_options

    def await_source(self, check: Check) -> None:
        end = time.monotonic() + _ONION_SECONDS
        self._client.await_bootstrap(time.monotonic() + _JOIN_SECONDS)
        while time.monotonic() < end:
            check()
            # Its descriptor may not have been published yet, and tor asks for it again only some time after it found none.
            with contextlib.suppress(OSError, HTTPException):
                if Browser(self._url, self.port, timeout=_ASK_SECONDS).get("/").status == 200:
                    return
            time.sleep(0.5)
        raise MachineError(
            f"the onion did not answer within {_ONION_SECONDS} seconds: start again on a less busy machine"
        )

    def check(self) -> None:
        if self._started is not None:
            self._started.check()
        self._client.check()

    def browser(self) -> Browser:
        return Browser(self._url, self.port)

    @property
    def facts(self) -> Mapping[str, Any]:
        return {"source_url": self._url, "onion": self._network.value, "socks_port": self.port}

    @property
    def pids(self) -> Mapping[str, int]:
        network = self._started.pids if self._started else []
        return {f"tor{number}": pid for number, pid in enumerate([self._client.pid, *network])}


def await_port(port: int, name: str, check: Check) -> None:
    """Until the server with this name listens on this port of 127.0.0.1. MachineError."""
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise MachineError(f"the {name} server did not answer within {_START_SECONDS} seconds")


@contextmanager
def _tor_folder(folder: TrialFolder) -> Iterator[Path]:
    """A new folder for the tors, in the state folder, or in memory where the path of that is nothing for a tor's socket."""
    for old in (OnionPlaces.of(folder.intake).tor, folder.courier / "tor"):
        shutil.rmtree(old, ignore_errors=True)
    path = folder.tors
    if not socket_fits(path / "net" / "authority0"):
        path = memory_folder(folder.root) / path.name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        if path.parent != folder.root:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
