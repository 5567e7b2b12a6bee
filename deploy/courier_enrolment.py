"""`luwte-intake courier …`: which couriers' keys can find the host's onion service for them."""

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Final

import click

from deploy.command import STATE
from deploy.onion.errors import OnionError
from journalist_interface.courier.errors import PairingError
from journalist_interface.courier.keys import enrolment_line, parse_enrolment
from store.files import LockedError, exclusively, remove_whole, sync_folder, write_whole
from store.intake.errors import SetupError

_SUFFIX: Final = ".auth"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", re.ASCII)
_NOBODY: Final = 2**31 - 1  # no process has this number; 0, 1 and negative ones would be whole groups of them
_MOST: Final = 300  # of x25519 keys that a descriptor holds with room to spare


class Enrolment:
    """The folder of tor's files for authorised clients, one for each courier. Constructed for a state folder."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._service = state / "onions" / "courier"
        self._folder = self._service / "authorized_clients"

    def names(self) -> list[str]:
        """Of all enrolled couriers."""
        with suppress(FileNotFoundError):
            return sorted(path.name.removesuffix(_SUFFIX) for path in self._folder.glob("*" + _SUFFIX))
        return []

    def add(self, name: str, untrusted_line: str) -> bool:
        """Enrol a key. False when it was enrolled under this name before. PairingError changes nothing."""
        _check_name(name)
        public = parse_enrolment(untrusted_line)
        with self._alone():
            for other in self.names():
                same_key = self._key_of(other) == public
                if other == name and same_key:
                    return False
                if same_key:
                    raise PairingError(
                        f"this key is enrolled already, as '{other}'; each courier has a key of their own"
                    )
                if other.lower() == name.lower():
                    raise PairingError(
                        f"there is a courier '{other}' already: remove them first, or choose another name"
                    )
            if len(self.names()) >= _MOST:
                raise PairingError(f"there are {_MOST} couriers already: remove some first")
            self._make_folders()
            write_whole(self._folder / (name + _SUFFIX), [enrolment_line(public).encode() + b"\n"])
        return True

    def remove(self, name: str) -> None:
        """Revoke a courier's key. PairingError when there is no such courier."""
        _check_name(name)
        with self._alone():
            if name not in self.names():
                known = ", ".join(self.names()) or "nobody"
                raise PairingError(f"no courier '{name}' is enrolled; enrolled: {known}")
            remove_whole(self._folder / (name + _SUFFIX))

    def _key_of(self, name: str) -> bytes:
        """PairingError names the file when it is damaged: tor would leave it out, and nobody would notice."""
        path = self._folder / (name + _SUFFIX)
        try:
            return parse_enrolment(path.read_bytes()[:1_000].decode("ascii", "replace"))
        except PairingError as error:
            raise PairingError(f"the file of courier '{name}' is damaged ({path}): remove the courier first") from error

    def _make_folders(self) -> None:
        """With the modes that tor asks for; it refuses a service's folder that others may read."""
        for folder in (self._service.parent, self._service, self._folder):
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                sync_folder(folder.parent)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if not (self._state / "host.card").exists():
            raise SetupError("this folder holds no intake host: run 'luwte-intake init' first")
        with exclusively(self._state / "enrolment.lock"):
            yield


def tell_host(state: Path) -> bool:
    """Let a running host read the couriers' keys anew. False when none runs here; OnionError when it cannot be told."""
    with suppress(LockedError), exclusively(state / "host.lock"):
        return False  # a host holds this for as long as it lives, and what it left behind is nobody's number any more
    try:
        pid = int((state / "run" / "host.pid").read_text("ascii")[:20])
        os.kill(pid if pid > 1 else _NOBODY, signal.SIGHUP)
    except (OSError, ValueError) as error:
        raise OnionError(
            "a host runs here and could not be told: it goes by the couriers that it knew before. Stop it and start it again"
        ) from error
    return True


def courier_commands(sentences: Callable[[], AbstractContextManager[None]]) -> click.Group:
    """The group of commands; `sentences` turns errors into sentences."""

    @click.group()
    def courier() -> None:
        """Say who may fetch and bring bundles over Tor.

        A courier runs 'luwte-courier pair' and sends you the line that it prints. Without an enrolled key nobody finds the
        courier's onion service, and with none enrolled there is none.
        """

    @courier.command()
    @STATE
    @click.argument("name")
    @click.argument("line")
    def add(state: Path, name: str, line: str) -> None:
        """Enrol the courier NAME (letters, digits, hyphens) with the LINE that 'luwte-courier pair' printed.

        Compare the line with the courier over another way, such as a telephone.
        """
        with sentences():
            new = Enrolment(state).add(name, line)
            click.echo(
                f"Courier {name} is enrolled." if new else f"Courier {name} was enrolled before. Nothing changed."
            )
            _tell_host(state, "it says when the courier can come")

    @courier.command()
    @STATE
    @click.argument("name")
    def remove(state: Path, name: str) -> None:
        """Revoke the key of the courier NAME."""
        with sentences():
            Enrolment(state).remove(name)
            click.echo(f"Courier {name} is removed.")
            _tell_host(state, "it cuts the courier off at once")
            click.echo(
                "With a packaged tor: remove the courier's file there, too. Who found the onion service a short while ago may "
                "still reach it for some hours, and would get sealed bundles only. To end that at once, restart that tor."
            )

    @courier.command("list")
    @STATE
    def list_(state: Path) -> None:
        """Show who is enrolled."""
        with sentences():
            names = Enrolment(state).names()
        click.echo("\n".join(names) if names else "No courier is enrolled: there is no onion service for couriers.")

    return courier


def _tell_host(state: Path, what_follows: str) -> None:
    if tell_host(state):
        click.echo(f"The running host was told; {what_follows}.")
    else:
        click.echo("No host runs here at this moment: it holds from its next start ('luwte-intake serve').")


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise PairingError("a courier's name has 1 to 40 letters, digits and hyphens, and does not begin with a hyphen")
