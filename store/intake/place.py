"""An intake host's state folder, opened: everything that it keeps, constructed once and passed on."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from crypto.card import HostCard, LineCard, make_host_card, parse_host_card, parse_line_card
from crypto.epoch import EpochChoice
from crypto.errors import CryptoError
from store.clock import Clock, SystemClock, today
from store.files import TEMPORARY_SUFFIX, exclusively, write_whole
from store.intake.blobs import Blobs, FileBlobs, RowBlobs
from store.intake.bundles import sweep_outbox, taken_in
from store.intake.collect import Collector
from store.intake.collected import collected_day
from store.intake.courier_days import kept_until
from store.intake.database import Database, upgrade
from store.intake.deliver import Deliverer
from store.intake.errors import SetupError
from store.intake.host_keys import FILE_NAME as KEYS_NAME
from store.intake.host_keys import HostKeys
from store.intake.inbox import Inbox
from store.intake.intake_keys import IntakeKeys
from store.intake.line_notices import LineNotices
from store.intake.mailboxes import Mailboxes
from store.intake.onion_cards import OnionCards
from store.intake.replies import Replies
from store.intake.sessions import Sessions
from store.intake.settings import Settings
from store.intake.submissions import Submissions
from store.intake.tables import OperatorNote, OutBundle, Reply, SubmittedObject

_LINE_CARD: Final = "line.card"
_HOST_CARD: Final = "host.card"
_BEGUN: Final = {
    KEYS_NAME,
    _LINE_CARD,
    "outbox",
    "intake.toml",
}  # left by a broken-off creation, and the operator's file
_DATABASE: Final = "intake.sqlite"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the point is that it is memory; the folder there is ours alone


@dataclass(frozen=True)
class Status:
    """What an operator may know: counts, numbers and days."""

    keys: EpochChoice
    waiting_objects: int
    waiting_bytes: int
    couriers_from: int | None  # the day, when the clock was ahead: until then what waits is kept from couriers over Tor
    unacknowledged_bundles: tuple[int, ...]
    last_dispatch: int
    replies: int
    free_bytes: int | None  # on this host's disk; None where the database keeps the sealed bytes
    is_open: bool
    notes: tuple[tuple[int, str], ...]


class IntakePlace:
    """Open with `open`, end with `close`. Safe for threads; processes open it each for themselves, after forking."""

    def __init__(self, state: Path, settings: Settings, database_url: str | None, runtime: Path, clock: Clock) -> None:
        self.state, self.settings, self.clock = state, settings, clock
        self.keys = HostKeys.load(state)
        self.line, self.host_card = _load_cards(state)
        self.database = Database(database_url or f"sqlite:///{state / _DATABASE}")
        upgrade(self.database)
        self._session_database = self.database
        if self.database.is_sqlite:
            # Sessions change with every page; in memory they leave no trace on a disk.
            runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._session_database = Database(f"sqlite:///{runtime / 'sessions.sqlite'}", lasting=False)
        self.blobs: Blobs = (
            FileBlobs(state / "blobs", self.today) if self.database.is_sqlite else RowBlobs(self.database, self.today)
        )
        self.sessions = Sessions(
            self._session_database, clock, idle_seconds=settings.session_idle_seconds, most=settings.sessions
        )
        self.mailboxes = Mailboxes(self.database)
        self.intake_keys = IntakeKeys(self.database, self.line, self.today)
        self.replies = Replies(self.database, self.blobs, self.today)
        self.submissions = Submissions(self.database, self.blobs, self.intake_keys, self.line, settings, self.today)
        self.onion_cards = OnionCards(state, self.database, self.line, self.today)
        self.line_notices = LineNotices(self.database, self.line)
        carry = (state, self.database, self.blobs, self.keys, self.intake_keys, self.onion_cards, self.line)
        self.collector = Collector(*carry, settings, self.line_notices, self.today)
        self.deliverer = Deliverer(*carry, self.line_notices, self.today)
        self.inbox = Inbox(state / "inbox", self.today)

    @staticmethod
    def create(state: Path, untrusted_line_card: str) -> HostCard:
        """Make a new intake host in an empty or absent folder. Its card is written last: without it there is no host.

        SetupError when there is one already, or the line card is not one.
        """
        if (state / _HOST_CARD).exists():
            raise SetupError("there is an intake host in this folder already; it was not touched")
        if state.exists() and {name.removesuffix(TEMPORARY_SUFFIX) for name in os.listdir(state)} - _BEGUN:
            # Among them may be the keys of a host whose card was moved away: without them every codename is dead.
            raise SetupError("this folder is not empty: choose another one, or put back the host.card that was here")
        try:
            line = parse_line_card(untrusted_line_card)
        except CryptoError as error:
            raise SetupError(f"the line card was refused: {error}") from error
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.chmod(0o700)
        (state / "outbox").mkdir(mode=0o700, exist_ok=True)
        keys = HostKeys.generate()
        keys.save(state)
        write_whole(state / _LINE_CARD, [line.text.encode()])
        card = make_host_card(line.line, keys.signing_key, keys.identity.recipient)
        write_whole(state / _HOST_CARD, [card.text.encode()])
        return card

    @classmethod
    def open(
        cls,
        state: Path,
        *,
        settings: Settings | None = None,
        database_url: str | None = None,
        runtime: Path | None = None,
        clock: Clock | None = None,
    ) -> "IntakePlace":
        """Open a host. `runtime` is a memory-backed folder for sessions (default: found). SetupError when it is none."""
        if not (state / _HOST_CARD).exists():
            if (state / KEYS_NAME).exists():
                raise SetupError(
                    "host.card is missing in this folder: put it back; if 'luwte-intake init' was broken off, run it again"
                )
            raise SetupError("this folder holds no intake host: run 'luwte-intake init' first")
        return cls(state, settings or Settings(), database_url, runtime or memory_folder(state), clock or SystemClock())

    def today(self) -> int:
        return today(self.clock)

    def collected_day(self) -> int | None:
        """The last day before which all that was sent is known to have come to the desk."""
        with self.database.reading() as session:
            return collected_day(session, self.today())

    def sweep(self) -> int:
        """Remove what a crash left behind. Only while nothing is being submitted: before serving. How much it was."""
        with exclusively(self.state / "carry.lock"), self.database.reading() as session:
            wanted = set(session.scalars(select(SubmittedObject.object_id))) | set(
                session.scalars(select(Reply.reply_id))
            )
            sweep_outbox(self.state / "outbox", session)
            # Under the lock: replies that a delivery puts to rest at this moment are in no row yet.
            swept = self.blobs.sweep(wanted.__contains__)
        self.sessions.sweep()
        return swept

    def status(self) -> Status:
        keys = self.intake_keys.current()
        with self.database.reading() as session:
            waiting = session.execute(
                select(func.count(), func.coalesce(func.sum(SubmittedObject.size), 0)).where(
                    SubmittedObject.bundle.is_(None)
                )
            ).one()
            unacknowledged = session.scalars(
                select(OutBundle.number)
                .where(OutBundle.sha256.is_not(None), ~OutBundle.acknowledged)
                .order_by(OutBundle.number)
            )
            notes = session.scalars(select(OperatorNote).order_by(OperatorNote.note_id.desc()).limit(20))
            return Status(
                keys=keys,
                waiting_objects=waiting[0],
                waiting_bytes=int(waiting[1]),
                couriers_from=kept_until(session, self.today()),
                unacknowledged_bundles=tuple(unacknowledged),
                last_dispatch=taken_in(session).number,
                replies=session.scalar(select(func.count()).select_from(Reply)) or 0,
                free_bytes=self.blobs.free_bytes() if self.database.is_sqlite else None,
                is_open=self.submissions.is_open(),
                notes=tuple((note.day, note.text) for note in notes),
            )

    def close(self) -> None:
        self.database.close()
        self._session_database.close()


def memory_path(state: Path) -> Path:
    """Where this host's folder in memory is: what systemd gave, else one of its own under /dev/shm. Nothing is made."""
    if given := os.environ.get("RUNTIME_DIRECTORY"):
        return Path(given)
    return _MEMORY / f"luwte-{os.getuid()}-{os.stat(state).st_ino}"


def memory_folder(state: Path) -> Path:
    """`memory_path`, made and ours alone unless systemd gave it. SetupError when it cannot be, or is somebody else's."""
    folder = memory_path(state)
    if os.environ.get("RUNTIME_DIRECTORY"):
        return folder
    if not os.access(_MEMORY, os.W_OK):
        raise SetupError("no memory-backed folder for sessions: set RUNTIME_DIRECTORY to one")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise SetupError(f"{folder} belongs to somebody else: remove it")
    return folder


def _load_cards(state: Path) -> tuple[LineCard, HostCard]:
    try:
        return (
            parse_line_card((state / _LINE_CARD).read_text("utf-8")),
            parse_host_card((state / _HOST_CARD).read_text("utf-8")),
        )
    except (OSError, CryptoError, UnicodeDecodeError) as error:
        raise SetupError("the cards in this folder are damaged or cannot be read") from error
