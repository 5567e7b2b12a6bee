"""The keyslot file: one deterministic CBOR map that holds the vault key once for each handler (docs/formats.md §7.2).

Handlers' names are inside their slots: a locked desk does not say who works there.
"""

import secrets
from dataclasses import dataclass
from typing import Any, Final

from crypto import cbor
from crypto.box import open_box, seal_box
from crypto.errors import ForgedError, MalformedError
from crypto.kdf import hkdf

ID_LENGTH: Final = 16
SALT_LENGTH: Final = 16
VAULT_KEY_LENGTH: Final = 32
MOST_SLOTS: Final = 1_000
LARGEST_FILE: Final = 1024 * 1024


@dataclass(frozen=True)
class Slot:
    """One handler's copy of the vault key."""

    slot_id: bytes
    salt: bytes
    box: bytes


@dataclass(frozen=True)
class Keyslots:
    """The whole file. `profile` names the Argon2id parameters, `salt` is the desk's: one stretching serves all slots."""

    profile: str
    salt: bytes
    slots: tuple[Slot, ...]

    def encode(self) -> bytes:
        return cbor.encode({
            "v": 1,
            "profile": self.profile,
            "salt": self.salt,
            "slots": [[slot.slot_id, slot.salt, slot.box] for slot in self.slots],
        })

    @classmethod
    def decode(cls, untrusted: bytes) -> "Keyslots":
        """Raises MalformedError."""
        fields = cbor.Fields(cbor.decode(untrusted))
        fields.version(1)
        keyslots = cls(
            profile=fields.text("profile", most_bytes=64),
            salt=fields.bytes("salt", SALT_LENGTH),
            slots=tuple(_slot(item) for item in fields.array("slots", most=MOST_SLOTS)),
        )
        fields.done()
        return keyslots


def _slot(item: Any) -> Slot:
    match item:
        case [bytes(slot_id), bytes(salt), bytes(box)] if len(slot_id) == ID_LENGTH and len(salt) == SALT_LENGTH:
            return Slot(slot_id, salt, box)
    raise MalformedError("a keyslot is malformed")


def make_slot(stretched: bytes, handler: str, vault_key: bytes) -> Slot:
    """A slot that the passphrase behind `stretched` (32 bytes) opens."""
    salt = secrets.token_bytes(SALT_LENGTH)
    content = cbor.encode({"v": 1, "name": handler, "vault": vault_key})
    return Slot(secrets.token_bytes(ID_LENGTH), salt, seal_box(_kek(stretched, salt), content))


def open_slot(stretched: bytes, slot: Slot) -> tuple[str, bytes] | None:
    """The handler's name and the vault key, or None: another's slot."""
    try:
        opened = open_box(_kek(stretched, slot.salt), slot.box)
    except ForgedError:
        return None
    fields = cbor.Fields(cbor.decode(opened))
    fields.version(1)
    name, key = fields.text("name", most_bytes=400), fields.bytes("vault", VAULT_KEY_LENGTH)
    fields.done()
    return name, key


def _kek(stretched: bytes, salt: bytes) -> bytes:
    return hkdf(stretched, "keyslot", salt=salt)
