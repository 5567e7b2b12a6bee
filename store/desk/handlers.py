"""Handlers of a desk: who can unlock it. In this version all can do the same.

The keyslot file is changed within the transaction that changes the rows: one process at a time. A kill between the two
leaves a slot that no row names, which is taken out at the next opening.
"""

from pathlib import Path

from sqlalchemy import Connection, delete, insert, select

from crypto.kdf import Profile
from store.clock import Clock, today
from store.desk import vault
from store.desk.database import Database
from store.desk.errors import HandlerError, WrongPassphraseError
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
        # Long, and before the transaction: the file may be another one when it is added.
        slot = vault.new_slot(self._state, self._vault_key, name, passphrase, test_profile=self._test_profile)
        day = today(self._clock)
        with self._database.writing() as connection:
            self._keep_named(connection)
            if connection.scalar(select(HandlerRow.name).where(HandlerRow.name == name)) is not None:
                raise HandlerError("a handler of that name is there already")
            connection.execute(insert(HandlerRow).values(slot_id=slot.slot_id, name=name, day=day))
            write_note(connection, day, Severity.NOTE, f"handler {name} was added by {self._vault_key.handler}")
            vault.add_slot(self._state, slot)

    def remove(self, name: str) -> None:
        """Take a handler's passphrase away. Whoever copied the vault key while they could keeps what they copied."""
        with self._database.writing() as connection:
            slots = list(connection.scalars(select(HandlerRow.slot_id).where(HandlerRow.name == name)))
            if not slots:
                raise HandlerError("there is no handler of that name")
            self._keep_named(connection)
            vault.remove_slot(self._state, slots[0])
            connection.execute(delete(HandlerRow).where(HandlerRow.name == name))
            day = today(self._clock)
            write_note(connection, day, Severity.NOTE, f"handler {name} was removed by {self._vault_key.handler}")

    def tidy(self) -> None:
        """Take out slots that no row names. WrongPassphraseError when the desk was unlocked with such a one."""
        with self._database.reading() as connection:
            tidy = vault.slot_ids(self._state) <= set(connection.scalars(select(HandlerRow.slot_id)))
        if not tidy:
            # Perhaps somebody is being added at this moment: within a transaction of our own, they have been.
            with self._database.writing() as connection:
                self._keep_named(connection)
        if self._vault_key.handler not in self.names():
            raise WrongPassphraseError("no handler of this desk has that passphrase")

    def _keep_named(self, connection: Connection) -> None:
        vault.keep_slots(self._state, set(connection.scalars(select(HandlerRow.slot_id))))
