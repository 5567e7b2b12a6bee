"""Where a trial keeps its two places, and what it tells other programs."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.onion.places import OnionPlaces
from deploy.trial.errors import RefusedError
from deploy.user_folders import data_folder
from store.files import write_whole
from store.intake.place import memory_path


@dataclass(frozen=True)
class TrialFolder:
    """The trial's state folder. `ready` is the last thing that set-up writes: without it, it begins anew."""

    root: Path

    def prepare(self) -> None:
        """Make the folder, for this user alone. RefusedError when it holds what no trial made: `clear` would remove it."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.lock.exists() and any(self.root.iterdir()):
            raise RefusedError(f"{self.root} holds other things: give a folder of its own with --state")
        self.root.chmod(0o700)

    @property
    def carry_command(self) -> tuple[str, ...]:
        """What is typed to carry bundles of this trial."""
        return self._command("--carry")

    @property
    def browser_command(self) -> tuple[str, ...]:
        """What is typed to open this trial's onion."""
        return self._command("--browser")

    def _command(self, option: str) -> tuple[str, ...]:
        state = () if self.root == default_root().absolute() else ("--state", str(self.root))
        return ("deploy/try", *state, option)

    @property
    def desk(self) -> Path:
        return self.root / "desk"

    @property
    def intake(self) -> Path:
        return self.root / "intake"

    @property
    def courier(self) -> Path:
        """What stands for the courier's laptop."""
        return self.root / "courier"

    @property
    def private_network(self) -> Path:
        """What makes a tor one of the trial's own network; not there for the public one."""
        return self.root / "private-network"

    @property
    def network_options(self) -> tuple[str | Path, ...]:
        """For a command that starts a tor."""
        return ("--private-network", self.private_network) if self.private_network.exists() else ()

    @property
    def tors(self) -> Path:
        """The private network and the tor for browsers, while they run."""
        return self.root / "tor"

    @property
    def stick(self) -> Path:
        return self.root / "stick"

    @property
    def saved(self) -> Path:
        return self.root / "saved"

    @property
    def passphrase(self) -> Path:
        return self.root / "passphrase"

    @property
    def link(self) -> Path:
        return self.root / "desk-link"

    @property
    def ready(self) -> Path:
        return self.root / "ready"

    @property
    def lock(self) -> Path:
        return self.root / "try.lock"

    @property
    def facts(self) -> Path:
        return self.root / "try.json"

    def read_facts(self) -> dict[str, Any]:
        """What `try.json` says; empty when there is none."""
        try:
            facts: dict[str, Any] = json.loads(self.facts.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return facts

    def write_facts(self, facts: dict[str, Any]) -> None:
        write_whole(self.facts, [json.dumps(facts, indent=2, ensure_ascii=False).encode() + b"\n"])

    def clear(self) -> None:
        """Remove everything that a trial made, and nothing else."""
        self.ready.unlink(missing_ok=True)
        for path in (*self._memory, self.desk, self.intake, self.courier, self.tors, self.stick, self.saved):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.passphrase, self.link, self.facts, self.private_network):
            path.unlink(missing_ok=True)

    @property
    def _memory(self) -> tuple[Path, ...]:
        """The intake host's folders outside: sessions, and sockets when the path is long. One that systemd gave is not ours."""
        if os.environ.get("RUNTIME_DIRECTORY") or not self.intake.exists():
            return ()
        return (memory_path(self.intake), OnionPlaces.of(self.intake).sockets)


def default_root() -> Path:
    """Where a trial is when no folder was named."""
    return data_folder("luwte-try")
