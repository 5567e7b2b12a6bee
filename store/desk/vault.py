"""The vault: handlers' passphrases unlock one key, and that key unlocks the desk (docs/formats.md §7.2).

One stretching by Argon2id per unlock, however many handlers there are. Whoever holds a `VaultKey` holds the desk.
"""

import secrets
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

from crypto.errors import CryptoError
from crypto.kdf import VAULT_HIGH, VAULT_LOW, Profile, hkdf, passphrase_key
from store.desk.errors import DamagedError, HandlerError, NotADeskError, WrongPassphraseError
from store.desk.keyslots import LARGEST_FILE, SALT_LENGTH, VAULT_KEY_LENGTH, Keyslots, Slot, make_slot, open_slot
from store.desk.passphrases import check_new
from store.files import write_whole

FILE_NAME: Final = "keyslots"
LONGEST_HANDLER: Final = 60  # characters
ENOUGH_MEMORY: Final = 4 * 1024**3  # bytes available, for the profile that needs 2 GiB


class VaultKey:
    """The desk's one key, with the name of the handler who unlocked it. Its repr shows nothing of it."""

    def __init__(self, raw: bytes, handler: str) -> None:
        self._raw: bytes | None = raw
        self.handler = handler

    def database_key(self) -> bytes:
        """SQLCipher's raw key, 32 bytes."""
        return hkdf(self.raw(), "desk-database")

    def epoch_key(self) -> bytes:
        """The key that boxes the epochs' seeds, 32 bytes."""
        return hkdf(self.raw(), "epoch-keys")

    def raw(self) -> bytes:
        """The key itself, for new keyslots. ValueError after `forget`."""
        if self._raw is None:
            raise ValueError("the vault key was forgotten")
        return self._raw

    def forget(self) -> None:
        """Drop the key. Python cannot promise that its memory is wiped (docs/limitations.md)."""
        self._raw = None


def fitting_profile() -> Profile:
    """RFC 9106's first choice when 4 GiB of memory are available now, else its second."""
    try:
        with Path("/proc/meminfo").open(encoding="ascii") as lines:
            available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        available = 0
    return VAULT_HIGH if available >= ENOUGH_MEMORY else VAULT_LOW


def is_desk(state: Path) -> bool:
    """Whether the folder holds a finished desk: the keyslot file is the last thing that is made."""
    return (state / FILE_NAME).is_file()


def new_vault_key(handler: str) -> VaultKey:
    """A fresh vault key that nothing is encrypted under yet."""
    return VaultKey(secrets.token_bytes(VAULT_KEY_LENGTH), check_handler(handler))


def first_keyslots(vault_key: VaultKey, passphrase: str, profile: Profile) -> Keyslots:
    """Keyslots with one slot. WeakPassphraseError; takes the profile's time and memory."""
    check_new(passphrase)
    salt = secrets.token_bytes(SALT_LENGTH)
    slot = make_slot(passphrase_key(passphrase, salt=salt, profile=profile), vault_key.handler, vault_key.raw())
    return Keyslots(profile.name, salt, (slot,))


def finish(state: Path, keyslots: Keyslots) -> None:
    """Write the first keyslot file: from now on the folder is a desk."""
    _write(state, keyslots)


def unlock(state: Path, passphrase: str, *, test_profile: Profile | None = None) -> VaultKey:
    """The vault key, or WrongPassphraseError. `test_profile` must be given by code to open a desk that was made with it.

    Takes the profile's time and memory (up to 2 GiB) whether or not the passphrase is right.
    """
    keyslots = _read(state)
    stretched = passphrase_key(passphrase, salt=keyslots.salt, profile=_profile(keyslots, test_profile))
    for slot in keyslots.slots:
        try:
            opened = open_slot(stretched, slot)
        except CryptoError as error:
            raise DamagedError("the keyslot file is damaged") from error
        if opened is not None:
            return VaultKey(opened[1], opened[0])
    raise WrongPassphraseError("no handler of this desk has that passphrase")


def new_slot(
    state: Path, vault_key: VaultKey, handler: str, passphrase: str, *, test_profile: Profile | None = None
) -> Slot:
    """A slot for one more handler, not added yet. Takes the profile's time and memory."""
    check_new(passphrase)
    keyslots = _read(state)
    stretched = passphrase_key(passphrase, salt=keyslots.salt, profile=_profile(keyslots, test_profile))
    return make_slot(stretched, check_handler(handler), vault_key.raw())


def add_slot(state: Path, slot: Slot) -> None:
    """Give one more handler the vault key. As with all that changes the file: one caller at a time (`Handlers`)."""
    keyslots = _read(state)
    _write(state, replace(keyslots, slots=(*keyslots.slots, slot)))


def keep_slots(state: Path, kept: Collection[bytes]) -> None:
    """Take all other slots out, unless none would be left."""
    keyslots = _read(state)
    left = tuple(slot for slot in keyslots.slots if slot.slot_id in kept)
    if left and left != keyslots.slots:
        _write(state, replace(keyslots, slots=left))


def remove_slot(state: Path, slot_id: bytes) -> None:
    """Take a handler's slot out. HandlerError for the last one: the desk would be lost."""
    keyslots = _read(state)
    left = tuple(slot for slot in keyslots.slots if slot.slot_id != slot_id)
    if not left:
        raise HandlerError("the last handler cannot be removed: nobody could unlock the desk any more")
    _write(state, replace(keyslots, slots=left))


def slot_ids(state: Path) -> frozenset[bytes]:
    """The slots that exist."""
    return frozenset(slot.slot_id for slot in _read(state).slots)


def check_handler(name: str) -> str:
    """The name, trimmed, or HandlerError."""
    name = name.strip()
    if not 0 < len(name) <= LONGEST_HANDLER or not name.isprintable():
        raise HandlerError(f"a handler's name has 1 to {LONGEST_HANDLER} printable characters")
    return name


def _profile(keyslots: Keyslots, test_profile: Profile | None) -> Profile:
    """The named profile. A file that names the test's is refused: it must never be able to weaken a desk."""
    known = {profile.name: profile for profile in (VAULT_HIGH, VAULT_LOW, test_profile) if profile is not None}
    if keyslots.profile not in known:
        raise DamagedError("the keyslot file names a profile that is not known here")
    return known[keyslots.profile]


def _read(state: Path) -> Keyslots:
    try:
        with (state / FILE_NAME).open("rb") as file:
            untrusted = file.read(LARGEST_FILE + 1)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotADeskError("this folder holds no desk") from error
    try:
        return Keyslots.decode(untrusted)
    except CryptoError as error:
        raise DamagedError("the keyslot file is damaged") from error


def _write(state: Path, keyslots: Keyslots) -> None:
    write_whole(state / FILE_NAME, [keyslots.encode()])
