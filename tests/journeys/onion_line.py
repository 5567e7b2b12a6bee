"""A line whose source pages are an onion of the private network, with a courier. How it is brought up stands in `serving` alone."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.courier_enrolment import Enrolment
from deploy.onion.keys import kept_address
from deploy.onion.places import OnionPlaces
from deploy.trial.tor_network import TorNetwork
from journalist_interface.courier.client import Client
from journalist_interface.courier.keys import FOLDER, CourierKey
from store.clock import SystemClock
from store.desk.model import EntryKind
from tests.support.road import Road, collect_bundles, dispatch_bundles
from tests.support.served_host import ServedHost


@dataclass
class OnionLine:
    """The onions' names, both places behind them, and the folder that makes a tor the courier's."""

    onion: str
    courier_onion: str
    courier_keys: Path
    road: Road
    host: ServedHost

    @property
    def url(self) -> str:
        return f"http://{self.onion}"

    def carry_in(self, courier: Client | None = None) -> None:
        """Collect at the host; when a courier is given, make bundles there, which it fetches from afar. Import at the desk."""
        host = self.road.host()
        if courier:
            host.collector.make()  # a courier alone would get what came today only tomorrow
            courier.collect(self.road.stick)
        else:
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

    def carry_out(self, courier: Client | None = None) -> None:
        """Export at the desk; deliver at the host, or from afar when a courier is given."""
        with self.road.desk() as desk:
            desk.exporting.export(self.road.stick)
        host = self.road.host()
        for path in dispatch_bundles(self.road.stick):
            (courier or host.deliverer).deliver(path)
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
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n[languages]\nti = true\n")
    places = OnionPlaces.of(road.host_state)
    places.prepare()
    courier_onion = kept_address(places.courier_onion)
    key = CourierKey.generate(courier_onion)
    key.save(folder / "laptop")
    Enrolment(road.host_state).add("anna", key.enrolment)
    with ServedHost(road.host_state, before=before, torrc_lines=network.torrc_lines) as host:
        yield OnionLine(host.await_source(), courier_onion, folder / "laptop" / FOLDER, road, host)
