"""A line whose source pages are an onion of the private network. How the host is brought up stands in `serving` alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.trial.tor_network import TorNetwork
from store.clock import SystemClock
from store.desk.model import EntryKind
from tests.support.road import Road, collect_bundles, dispatch_bundles
from tests.support.served_host import ServedHost


@dataclass
class OnionLine:
    """The onion's name, and both places behind it."""

    onion: str
    road: Road
    host: ServedHost

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
def serving(network: TorNetwork, folder: Path, before: Sequence[str | Path] = ()) -> Iterator[OnionLine]:
    """A host as `luwte-intake serve` brings it up: with a tor of its own, which is of the network. `before` stands before the command."""
    road = Road(folder, SystemClock())
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
    with ServedHost(road.host_state, before=before, torrc_lines=network.torrc_lines) as host:
        yield OnionLine(host.await_source(), road, host)
