"""A line whose source pages are an onion of the private network. How the host is brought up stands in `serving` alone."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.trial import processes
from deploy.trial.tor_network import TorNetwork
from store.clock import SystemClock
from store.desk.model import EntryKind
from tests.support.onions import await_onion
from tests.support.road import Road, collect_bundles, dispatch_bundles

_START_SECONDS = 60


@dataclass
class OnionLine:
    """The onion's name, and both places behind it."""

    onion: str
    road: Road
    intake_pid: int

    @property
    def url(self) -> str:
        return f"http://{self.onion}"

    def carry_in(self) -> None:
        """Collect at the host, import at the desk."""
        host = self.road.host()
        host.collector.collect(self.road.stick)
        host.close()
        with self.road.desk() as desk:
            for path in collect_bundles(self.road.stick):
                desk.importing.import_bundle(path)
                path.unlink()

    def answer(self, message: str, reply: str) -> None:
        """The desk answers whoever sent this message."""
        with self.road.desk() as desk:
            (source,) = [
                summary.source_id
                for summary in desk.inbox.sources()
                if message in [entry.text for entry in desk.inbox.conversation(summary.source_id)]
            ]
            desk.replies.reply(source, reply)

    def carry_out(self) -> None:
        """Export at the desk, deliver at the host."""
        with self.road.desk() as desk:
            desk.exporting.export(self.road.stick)
        host = self.road.host()
        for path in dispatch_bundles(self.road.stick):
            host.deliverer.deliver(path)
            path.unlink()
        host.close()

    def files_with(self, message: str, folder: Path) -> dict[str, Path]:
        """Save every file of the source who sent this message: the untrusted name, and where its bytes are."""
        saved = {}
        with self.road.desk() as desk:
            for summary in desk.inbox.sources():
                entries = desk.inbox.conversation(summary.source_id)
                if message in [entry.text for entry in entries if entry.kind is EntryKind.MESSAGE]:
                    for entry in entries:
                        if entry.file is not None:
                            saved[entry.file.untrusted_name] = desk.inbox.save_file(entry.file.file_id, folder)
        return saved


@contextmanager
def serving(network: TorNetwork, socks_port: int, folder: Path) -> Iterator[OnionLine]:
    """A host that `luwte-intake serve` serves on a UNIX socket, with an onion of a tor of its own before it."""
    road = Road(folder, SystemClock())
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
    tor_folder = network.folder / "intake"
    onion_folder = tor_folder / "onion"
    tor = network.client(
        "intake", f"HiddenServiceDir {onion_folder}", f"HiddenServicePort 80 unix:{tor_folder}/source.sock"
    )
    program = [Path(sys.executable).parent / "luwte-intake", "serve", "--state", road.host_state]
    log = folder / "serve.log"
    server = processes.start(
        ["env", f"RUNTIME_DIRECTORY={folder / 'runtime'}", *program, "--bind", f"unix:{tor_folder}/source.sock"], log
    )
    try:
        _await_socket(tor_folder / "source.sock", server, log)
        onion = (onion_folder / "hostname").read_text("ascii").strip()
        await_onion(socks_port, onion)
        yield OnionLine(onion, road, server.pid)
    finally:
        processes.end([server])
        tor.end()


def _await_socket(path: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not path.exists():
        if server.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"luwte-intake serve does not answer; it said:\n{log.read_text()}")
        time.sleep(0.05)
