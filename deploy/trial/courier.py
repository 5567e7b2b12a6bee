"""The courier of a trial: how bundles get from the intake host onto the stick, and from the stick to the host."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from crypto.manifest import Direction
from deploy.trial.command import command
from deploy.trial.errors import PartError
from deploy.trial.folder import TrialFolder
from store.bundle_names import bundles_in

AT_ONCE: Final = (
    "By itself the host gives a courier over Tor only what came in before today (UTC). Here the operator makes a bundle of the "
    "rest at once: luwte-intake collect"
)


class Courier(Protocol):
    """Both return what the command said. PartError."""

    def collect(self) -> str: ...

    def deliver(self, bundle: Path) -> str: ...


@dataclass(frozen=True)
class AtTheHost:
    """Who comes to the intake host with the stick."""

    folder: TrialFolder

    def collect(self) -> str:
        return command("luwte-intake", "collect", "--state", self.folder.intake, "--to", self.folder.stick)

    def deliver(self, bundle: Path) -> str:
        return command("luwte-intake", "deliver", "--state", self.folder.intake, bundle)


@dataclass(frozen=True)
class ThroughTor:
    """Who stays away from it: `luwte-courier`, with a tor of its own, to the couriers' onion.

    The host keeps from couriers what came in today; nobody who tries the line out waits for tomorrow. So first the operator
    makes bundles of it, as at a real line when something cannot wait.
    """

    folder: TrialFolder

    def collect(self) -> str:
        made = command("luwte-intake", "collect", "--state", self.folder.intake)
        return f"{AT_ONCE}\n{made}{self._command('collect', '--to', self.folder.stick)}"

    def deliver(self, bundle: Path) -> str:
        return self._command("deliver", bundle)

    def _command(self, name: str, *arguments: str | Path) -> str:
        network = self.folder.network_options
        return command("luwte-courier", name, "--state", self.folder.courier, *network, *arguments)


def enrol(folder: TrialFolder, onion: str, name: str) -> None:
    """Pair the trial's courier with this onion and enrol the key; nothing changes when that was done before."""
    line = command("luwte-courier", "pair", "--state", folder.courier, "--onion", onion).strip()
    command("luwte-intake", "courier", "add", "--state", folder.intake, name, line)


@dataclass(frozen=True)
class Carried:
    """What the commands of one way there and back said, and a sentence for each thing that was refused or failed."""

    said: tuple[str, ...]
    failed: tuple[str, ...]


def carry(folder: TrialFolder, courier: Courier) -> Carried:
    """Both ways: collect, import, export, deliver. What was refused stays on the stick."""
    folder.stick.mkdir(exist_ok=True)
    desk = ("--state", folder.desk, "--passphrase-file", folder.passphrase)
    said: list[str] = []
    failed: list[str] = []

    def carried(act: Callable[[], str]) -> bool:
        try:
            said.append(act().strip())
        except PartError as error:
            failed.append(str(error))
            return False
        return True

    def imported(bundle: Path) -> bool:
        return carried(lambda: command("luwte-desk", "import", *desk, bundle))

    def delivered(bundle: Path) -> bool:
        return carried(lambda: courier.deliver(bundle))

    carried(courier.collect)
    done = [path for path in bundles_in(folder.stick, Direction.COLLECT) if imported(path)]
    carried(lambda: command("luwte-desk", "export", *desk, "--to", folder.stick))
    done += [path for path in bundles_in(folder.stick, Direction.DISPATCH) if delivered(path)]
    for path in done:
        path.unlink(missing_ok=True)
    return Carried(tuple(said), tuple(failed))
