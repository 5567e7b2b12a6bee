"""Handlers of a desk: who can unlock it. In this version all can do the same."""

from pathlib import Path

from sqlalchemy import delete, insert, select

from crypto.kdf import Profile
from store.clock import Clock, today
from store.desk import vault
from store.desk.database import Database
from store.desk.errors import HandlerError
from store.desk.journal import write_note
from store.desk.model import Severity
from store.desk.tables import HandlerRow
from store.desk.vault import VaultKey


class Handlers:
    """Add and remove handlers of an unlocked desk."""

    def __init__(
        self, state: Path, database: Database, clock: Clock, vault_key: VaultKey, test_profile: Profile | None
    ) -> None:
        self._state = state
        self._database = database
        self._clock = clock
        self._vault_key = vault_key
        self._test_profile = test_profile

    def names(self) -> list[str]:
        """In alphabetical order."""
        with self._database.reading() as connection:
            return list(connection.scalars(select(HandlerRow.name).order_by(HandlerRow.name)))

    def add(self, name: str, passphrase: str) -> None:
        """Let one more handler in. HandlerError, WeakPassphraseError. Takes as long as an unlock."""
        name = vault.check_handler(name)
        if name in self.names():
            raise HandlerError("a handler of that name is there already")
        slot_id = vault.add_slot(self._state, self._vault_key, name, passphrase, test_profile=self._test_profile)
        day = today(self._clock)
        with self._database.writing() as connection:
            connection.execute(insert(HandlerRow).values(slot_id=slot_id, name=name, day=day))
            write_note(connection, day, Severity.NOTE, f"handler {name} was added by {self._vault_key.handler}")

    def remove(self, name: str) -> None:
        """Take a handler's passphrase away. Whoever copied the vault key while they could keeps what they copied."""
        with self._database.writing() as connection:
            slots = list(connection.scalars(select(HandlerRow.slot_id).where(HandlerRow.name == name)))
            if not slots:
                raise HandlerError("there is no handler of that name")
            vault.remove_slot(self._state, slots[0])
            connection.execute(delete(HandlerRow).where(HandlerRow.name == name))
            day = today(self._clock)
            write_note(connection, day, Severity.NOTE, f"handler {name} was removed by {self._vault_key.handler}")
