"""The desk as a whole: made once, opened with the vault key, closed when it is locked.

```
state/keyslots      the vault key, once for each handler       state/files/       collected files, sealed
state/desk.db       SQLCipher                                  state/epoch-keys/  one boxed private key a file
state/work.lock     held by an import or an export             state/outbox/      dispatch bundles not acknowledged yet
```
"""

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import insert

from crypto.kdf import Profile
from store.clock import Clock, SystemClock, today
from store.desk import vault
from store.desk.asking import Requests
from store.desk.database import Database
from store.desk.epochs import EpochKeys
from store.desk.errors import AlreadyADeskError, NotADeskError
from store.desk.exporting import Exporter
from store.desk.handlers import Handlers
from store.desk.importing import Importer
from store.desk.inbox import Inbox
from store.desk.journal import Journal, write_note
from store.desk.line_keys import LineKeys, load_line, make_line, store_host, store_line
from store.desk.line_notices import LineNotices
from store.desk.model import Finding, Severity
from store.desk.onion_cards import OnionCards
from store.desk.outbox import Outbox
from store.desk.replying import Replies
from store.desk.schema import bring_up_to_date
from store.desk.stored import StoredFiles
from store.desk.sweeping import Workplace
from store.desk.tables import HandlerRow
from store.desk.vault import VaultKey
from store.desk.verifying import Verifier
from store.files import sync_folder

DATABASE: Final = "desk.db"
FILES: Final = "files"
EPOCH_KEYS: Final = "epoch-keys"
OUTBOX: Final = "outbox"
LOCK: Final = "work.lock"


class DeskPlace:
    """One unlocked desk. Safe to use from several threads; several processes may have the same desk open.

    `inbox`, `replies`, `requests`, `importing`, `exporting`, `epochs`, `journal`, `handlers`, `onion_cards` and `line_notices`
    are its parts. After `close` every use raises DeskClosedError.
    """

    def __init__(
        self, state: Path, vault_key: VaultKey, *, clock: Clock | None = None, test_profile: Profile | None = None
    ) -> None:
        """Use `DeskPlace.open`."""
        self._vault_key = vault_key
        self._database = Database(state / DATABASE, vault_key.database_key())
        bring_up_to_date(self._database)
        with self._database.reading() as connection:
            self._line = load_line(connection)
        clock = clock or SystemClock()
        self._stored = StoredFiles(state / FILES)
        self._outbox = Outbox(state / OUTBOX)
        self._clock = clock
        self._build(state, clock, test_profile)

    def _build(self, state: Path, clock: Clock, test_profile: Profile | None) -> None:
        database, line = self._database, self._line
        self.journal = Journal(database, clock)
        self.handlers = Handlers(state, database, clock, self._vault_key, test_profile)
        self.inbox = Inbox(database, self._stored)
        self.replies = Replies(database, clock, self._vault_key.handler)
        self.requests = Requests(database, clock, self._vault_key.handler)
        self.epochs = EpochKeys(database, clock, state / EPOCH_KEYS, self._vault_key.epoch_key(), line)
        self._work = Workplace(state / LOCK, database, self._stored, self._outbox, self.epochs)
        self.importing = Importer(database, clock, self._work, self._stored, self.epochs, self.line_keys)
        self.exporting = Exporter(database, clock, self._work, self._outbox, self.epochs, self.line_keys)
        self.onion_cards = OnionCards(database, clock, self.line_keys, self._vault_key.handler)
        self.line_notices = LineNotices(database, clock, self.line_keys, self._vault_key.handler)
        self._verifier = Verifier(database, self._stored, self._outbox, self.epochs, self.line_keys, self.line_notices)

    @classmethod
    def create(
        cls,
        state: Path,
        *,
        line_name: str,
        handler: str,
        passphrase: str,
        profile: Profile | None = None,
        clock: Clock | None = None,
    ) -> VaultKey:
        """Make a new desk with a new line in an empty or absent folder, and its first 120 intake keys.

        `profile` None takes what fits this machine's memory. An interrupted creation can be repeated: the keyslot file
        comes last, and without it there is no desk. Raises AlreadyADeskError, WeakPassphraseError, HandlerError.
        """
        vault_key = vault.new_vault_key(handler)
        line = make_line(line_name)
        clock = clock or SystemClock()
        keyslots = vault.first_keyslots(vault_key, passphrase, profile or vault.fitting_profile())
        _prepare(state)
        database = Database(state / DATABASE, vault_key.database_key())
        try:
            bring_up_to_date(database)
            with database.writing() as connection:
                store_line(connection, line)
                day = today(clock)
                connection.execute(
                    insert(HandlerRow).values(slot_id=keyslots.slots[0].slot_id, name=vault_key.handler, day=day)
                )
                write_note(connection, day, Severity.NOTE, f"the desk of {line.card.name} was made")
            EpochKeys(database, clock, state / EPOCH_KEYS, vault_key.epoch_key(), line).refill()
        finally:
            database.close()
        vault.finish(state, keyslots)
        return vault_key

    @classmethod
    def open(
        cls, state: Path, vault_key: VaultKey, *, clock: Clock | None = None, test_profile: Profile | None = None
    ) -> "DeskPlace":
        """Open an unlocked desk, clear away what a crash left, and destroy keys that are due.

        WrongPassphraseError when it was unlocked by somebody who is no handler: adding them was cut off.
        """
        if not vault.is_desk(state):
            raise NotADeskError("this folder holds no desk")
        place = cls(state, vault_key, clock=clock, test_profile=test_profile)
        try:
            place.handlers.tidy()
            place._work.tidy()
        except BaseException:
            place.close()
            raise
        return place

    @property
    def handler(self) -> str:
        """Who unlocked the desk."""
        return self._vault_key.handler

    @property
    def line_name(self) -> str:
        return self._line.card.name

    @property
    def line_card_text(self) -> str:
        """The card that the intake host needs, as text."""
        return self._line.card.text

    @property
    def line_fingerprint(self) -> tuple[str, ...]:
        return self._line.card.fingerprint

    @property
    def host_fingerprint(self) -> tuple[str, ...] | None:
        """Of the paired intake host's card, or None before pairing."""
        host = self.line_keys().host
        return host.fingerprint if host else None

    def pair(self, untrusted_host_card: str) -> tuple[str, ...]:
        """Take in the intake host's card; returns its fingerprint, which people must compare. PairingError."""
        paired = self.line_keys().with_host(untrusted_host_card)
        with self._database.writing() as connection:
            if load_line(connection).host is None:
                store_host(connection, paired)
                words = " ".join(paired.paired.fingerprint)
                write_note(connection, today(self._clock), Severity.NOTE, f"paired with an intake host: {words}")
        return paired.paired.fingerprint

    def line_keys(self) -> LineKeys:
        """This line's keys and the paired host, as the database has them now: another process may have paired."""
        with self._database.reading() as connection:
            return load_line(connection)

    def verify(self) -> list[Finding]:
        """Check chains, certificates, files and the database; an empty list when all is well. Reads much."""
        return self._verifier.verify()

    def close(self) -> None:
        """Lock: drop the keys and close the database."""
        self._database.close()
        self._vault_key.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare(state: Path) -> None:
    """Folders for a new desk. What an interrupted creation left is cleared; anything else is not ours to touch."""
    if vault.is_desk(state):
        raise AlreadyADeskError("this folder holds a desk already")
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    ours = {DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", FILES, EPOCH_KEYS, OUTBOX, LOCK}
    if set(os.listdir(state)) - ours:
        raise AlreadyADeskError("this folder is not empty: choose another one for the desk")
    for name in os.listdir(state):
        path = state / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    state.chmod(0o700)
    for name in (FILES, EPOCH_KEYS, OUTBOX):
        (state / name).mkdir(mode=0o700)
    sync_folder(state)
