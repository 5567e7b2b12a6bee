"""Where an intake host keeps what has to do with Tor."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.onion.errors import MismatchError, OnionFolderError
from deploy.socket_paths import fits
from store.intake.onion_cards import WRITTEN
from store.intake.place import memory_path

_LONGEST_NAME: Final = "courier.sock"
_SOCKET_MODE: Final = 0o660


@dataclass(frozen=True)
class OnionPlaces:
    """`sockets` is where servers and tor meet: STATE/run, or a shorter path where that is too long for a socket."""

    state: Path
    sockets: Path

    @classmethod
    def of(cls, state: Path, sockets: Path | None = None) -> "OnionPlaces":
        """The places of this state folder; nothing is made. Paths are absolute: tor has another working directory."""
        state = state.resolve()
        return cls(state, sockets or _short_enough(state / "run", state))

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def host_pid(self) -> Path:
        return self.run / "host.pid"

    @property
    def couriers_fault(self) -> Path:
        """While a host runs: why it keeps couriers out. Not there when it does not."""
        return self.run / "couriers-fault"

    @property
    def source_socket(self) -> Path:
        return self.sockets / "source.sock"

    @property
    def courier_socket(self) -> Path:
        return self.sockets / "courier.sock"

    @property
    def control_socket(self) -> Path:
        """The control socket of a tor of our own."""
        return self.sockets / "control.sock"

    @property
    def tor(self) -> Path:
        return self.state / "tor"

    @property
    def source_onion(self) -> Path:
        return self.state / "onions" / "source"

    @property
    def courier_onion(self) -> Path:
        return self.state / "onions" / "courier"

    @property
    def source_address(self) -> Path:
        """Where the source onion's address is written down. A packaged tor's own files may be closed to us."""
        return self.state / WRITTEN

    @property
    def authorized_clients(self) -> Path:
        """Enrolled couriers, one file each, in tor's own format."""
        return self.courier_onion / "authorized_clients"

    def prepare(self) -> None:
        """Make the folders. OnionFolderError when one is somebody else's or open to others."""
        for folder in (self.state / "onions", self.source_onion, self.courier_onion, self.authorized_clients, self.tor):
            private_folder(folder)
        private_folder(self.run)
        if self.sockets.parent == Path("/dev/shm"):  # noqa: S108 - the next line sees that it is ours alone
            private_folder(self.sockets)
        if not self.sockets.is_dir():
            raise OnionFolderError(f"{self.sockets} is no folder: make it, for this user, readable by tor's group")
        found = self.sockets.stat()
        if found.st_uid != os.geteuid() or found.st_mode & stat.S_IWOTH:
            raise OnionFolderError(
                f"{self.sockets} belongs to another user, or others may write in it: one of them could put a socket of "
                f"theirs in the place of ours. Remove it, then: install -d -m 2750 -o THIS-USER -g TORS-GROUP {self.sockets}"
            )


def private_folder(folder: Path) -> None:
    """Make the folder, for us alone, or see that it is so. OnionFolderError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    check_private(folder)


def check_private(path: Path) -> None:
    """OnionFolderError unless this file or folder belongs to us and is closed to everybody else."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OnionFolderError(f"{path} is a link: put the real thing there")
    if found.st_uid != os.geteuid():
        raise OnionFolderError(f"{path} belongs to another user: run 'luwte-intake' as that user, or 'chown' it")
    if found.st_mode & 0o077:
        raise OnionFolderError(
            f"{path} can be read or changed by other users of this machine: if one of them cannot be trusted, the onion's "
            f"key is no secret any more; then begin with a new one. Otherwise: chmod {'700' if path.is_dir() else '600'} {path}"
        )


def check_socket(path: Path) -> None:
    """MismatchError unless a server's socket stands there, open to our user and group, and to nobody else."""
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise MismatchError(f"the server's socket {path} cannot be found: {error.strerror}") from error
    if not stat.S_ISSOCK(mode):
        raise MismatchError(f"{path} is no socket: remove it and start again")
    if stat.S_IMODE(mode) != _SOCKET_MODE:
        raise MismatchError(
            f"the socket {path} has mode {stat.S_IMODE(mode):04o} and must have {_SOCKET_MODE:04o}: otherwise tor cannot "
            "reach it, or other users of this machine can reach it past tor"
        )


def _short_enough(folder: Path, state: Path) -> Path:
    if fits(folder / _LONGEST_NAME) or not state.exists():
        return folder
    return Path("/dev/shm") / f"{memory_path(state).name}-run"  # noqa: S108 - a private folder of its own is made there
