"""A real intake host and a real desk in two folders, and what has gone between them."""

import io
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from crypto.kdf import VAULT_TEST
from crypto.manifest import Direction
from crypto.sealed_object import ObjectReader
from crypto.xwing import Identity
from store.bundle_names import bundles_in
from store.clock import Clock
from store.desk import vault
from store.desk.model import EntryKind
from store.desk.place import DeskPlace
from store.intake.place import IntakePlace

PASSPHRASE = "seven words that nobody else would ever draw"


@dataclass
class RoadSource:
    """A source with the keys that a codename would yield. Equal numbers, equal keys."""

    number: int
    identity: Identity = field(init=False)

    def __post_init__(self) -> None:
        self.identity = Identity.from_seed(self.number.to_bytes(32, "big"))

    @property
    def lookup(self) -> bytes:
        return self.identity.seed

    @property
    def first_ref(self) -> bytes:
        return self.number.to_bytes(16, "big")


class Road:
    """Both places, paired. Nothing is kept open: each use opens what it needs."""

    def __init__(self, folder: Path, clock: Clock, *, database_url: str | None = None) -> None:
        self._lay_out(folder, clock, database_url)
        self.stick.mkdir()
        DeskPlace.create(
            self.desk_state, line_name="L", handler="Ann", passphrase=PASSPHRASE, profile=VAULT_TEST, clock=clock
        )
        with self.desk() as desk:
            card = IntakePlace.create(self.host_state, desk.line_card_text)
            desk.pair(card.text)
            desk.exporting.export(self.stick)
        host = self.host()
        host.deliverer.deliver(self.stick / "luwte-dispatch-000001.age")
        host.close()

    @classmethod
    def reopen(cls, folder: Path, clock: Clock) -> Self:
        """The places in this folder, made before; a copy of a folder serves too."""
        road = cls.__new__(cls)
        road._lay_out(folder, clock, None)
        return road

    def _lay_out(self, folder: Path, clock: Clock, database_url: str | None) -> None:
        self.clock, self._database_url = clock, database_url
        self.host_state, self.desk_state, self.stick = folder / "host", folder / "desk", folder / "stick"
        self._runtime = folder / "runtime"

    def desk(self) -> DeskPlace:
        key = vault.unlock(self.desk_state, PASSPHRASE, test_profile=VAULT_TEST)
        return DeskPlace.open(self.desk_state, key, clock=self.clock, test_profile=VAULT_TEST)

    def host(self, state: Path | None = None) -> IntakePlace:
        return IntakePlace.open(
            state or self.host_state, database_url=self._database_url, clock=self.clock, runtime=self._runtime
        )


def submit(host: IntakePlace, source: RoadSource, text: str, files: dict[str, bytes] | None = None) -> None:
    submission = host.submissions.begin(source.lookup, source.identity.recipient, source.first_ref)
    submission.add_message(text)
    for name, content in (files or {}).items():
        file = submission.open_file(name)
        file.write(content)
        file.finish()
    submission.commit()


def collect_bundles(stick: Path) -> list[Path]:
    """In the order of their numbers."""
    return bundles_in(stick, Direction.COLLECT)


def dispatch_bundles(stick: Path) -> list[Path]:
    return bundles_in(stick, Direction.DISPATCH)


def texts_at_desk(desk: DeskPlace) -> Counter[str]:
    """Messages' texts and files' names, as often as they are there."""
    found: Counter[str] = Counter()
    for summary in desk.inbox.sources():
        for entry in desk.inbox.conversation(summary.source_id):
            if entry.kind is EntryKind.MESSAGE:
                found[entry.text or ""] += 1
            elif entry.file is not None:
                found[entry.file.untrusted_name] += 1
            else:
                assert entry.kind is EntryKind.REPLY, entry.damage
    return found


def replies_at_host(host: IntakePlace, source: RoadSource) -> Counter[str]:
    """What the source can read now."""
    found: Counter[str] = Counter()
    ref = host.mailboxes.find(source.lookup)
    for stored in host.replies.list(ref) if ref else ():
        sealed = host.replies.read(stored.reply_id)
        found[ObjectReader(source.identity, io.BytesIO(sealed), len(sealed)).read_all().decode()] += 1
    return found
