"""A tor that belongs to somebody else, as a distribution's package runs it, and what an operator does there by hand.

Only the package's two folders, /run/tor and /var/lib/tor, are others here.
"""

import contextlib
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deploy.onion.description import PACKAGED_FOLDER
from deploy.trial.tor_network import TorNetwork
from tests.support.served_host import BIN


def intake(*arguments: str | Path) -> str:
    """What `luwte-intake` says."""
    done = subprocess.run([BIN / "luwte-intake", *arguments], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def configure(state: Path, control: str | Path, *more: str) -> None:
    (state / "intake.toml").write_text("\n".join(["[tor]", "configured = true", f"control = '{control}'", *more, ""]))


def printed_lines(state: Path, folder: Path) -> str:
    """What the program prints for a torrc, for a package that keeps its things in `folder`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "run").mkdir(mode=0o750, exist_ok=True)
    said = intake("torrc", "--state", state)
    return said.replace("/run/tor/", f"{folder}/run/").replace(f"{PACKAGED_FOLDER}/", f"{folder}/")


class PackagedTor:
    """One of the network. It runs from its construction on; its lines count when it reads them again."""

    def __init__(self, network: TorNetwork, state: Path, folder: Path) -> None:
        self.state, self.folder = state, folder
        self.control = folder / "run" / "control"
        self.clients = folder / "luwte-courier" / "authorized_clients"
        lines = printed_lines(state, folder)
        self.tor = network.client("tor-of-package", *lines.splitlines())
        self._others = self.tor.torrc.read_text().removesuffix(lines)

    def put_lines(self, change: Callable[[str], str] = lambda lines: lines) -> None:
        """What `luwte-intake torrc` prints now, in the place of what it printed before."""
        self.tor.torrc.write_text(self._others + change(printed_lines(self.state, self.folder)))

    def change_torrc(self, change: Callable[[str], str]) -> None:
        self.tor.torrc.write_text(change(self.tor.torrc.read_text()))

    def copy_key(self) -> None:
        """With the first courier; not yet the couriers' files."""
        self.clients.parent.mkdir(mode=0o700)
        for path in (self.state / "onions" / "courier").iterdir():
            if path.is_file():
                shutil.copy(path, self.clients.parent)

    def copy_couriers(self) -> None:
        """The same files as in our folder, and no others."""
        shutil.rmtree(self.clients, ignore_errors=True)
        shutil.copytree(self.state / "onions" / "courier" / "authorized_clients", self.clients)

    def restart(self) -> None:
        """Until it is part of the network again."""
        self.tor.end()
        (self.tor.folder / "notice.log").unlink()
        self.tor.start()
        self.tor.await_bootstrap(time.monotonic() + 60)

    def await_address(self, name: str) -> str:
        """The onion's, once tor has made its key."""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            with contextlib.suppress(FileNotFoundError):
                return (self.folder / f"luwte-{name}" / "hostname").read_text().strip()
            time.sleep(0.05)
        raise AssertionError(f"this tor has no {name} onion")
