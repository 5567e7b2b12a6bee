"""Keys from what people remember: Argon2id (RFC 9106) with named profiles, then HKDF-SHA256 (RFC 5869).

The codename's Argon2id is libsodium's through PyNaCl, the passphrases' is argon2-cffi's, which allows more than one
lane; the tests hold the two equal. A profile is an argument, never read from configuration.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final

import argon2.low_level
import nacl.bindings
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from crypto.codename import Codename
from crypto.xwing import Identity

SALT_LENGTH: Final = 16
PEPPER_LENGTH: Final = 32


@dataclass(frozen=True)
class Profile:
    """Argon2id parameters under a name that can be stored."""

    name: str
    memory_kib: int
    passes: int
    lanes: int


LUWTE_KDF_1: Final = Profile("luwte-kdf-1", memory_kib=128 * 1024, passes=3, lanes=1)
TEST_KDF: Final = Profile("test", memory_kib=8, passes=1, lanes=1)

# RFC 9106 §4: the first recommended choice, and the second for machines with little memory.
VAULT_HIGH: Final = Profile("luwte-vault-high-1", memory_kib=2 * 1024 * 1024, passes=1, lanes=4)
VAULT_LOW: Final = Profile("luwte-vault-low-1", memory_kib=64 * 1024, passes=3, lanes=4)
VAULT_TEST: Final = Profile("test", memory_kib=32, passes=1, lanes=4)


@dataclass(frozen=True, repr=False)
class SourceKeys:
    """What a codename yields: `lookup` (32 bytes) finds the mailbox, `identity` opens its replies."""

    lookup: bytes
    identity: Identity


def derive_source_keys(codename: Codename, *, salt: bytes, pepper: bytes, profile: Profile) -> SourceKeys:
    """Derive a source's keys (docs/formats.md §2.4). Takes `profile.memory_kib` of memory while it runs."""
    if len(salt) != SALT_LENGTH or len(pepper) != PEPPER_LENGTH or profile.lanes != 1:
        raise ValueError("a salt of 16 bytes, a pepper of 32 and one lane are needed")
    stretched = nacl.bindings.crypto_pwhash_alg(
        32,
        codename.canonical,
        salt,
        profile.passes,
        profile.memory_kib * 1024,
        nacl.bindings.crypto_pwhash_ALG_ARGON2ID13,
    )
    prk = HKDF.extract(SHA256(), pepper, stretched)
    return SourceKeys(
        lookup=_expand(prk, "mailbox-lookup"),
        identity=Identity.from_seed(_expand(prk, "source-key")),
    )


def passphrase_key(passphrase: str, *, salt: bytes, profile: Profile) -> bytes:
    """32 bytes from a handler's passphrase, typed on any keyboard (NFKC, outer blanks dropped)."""
    return argon2.low_level.hash_secret_raw(
        unicodedata.normalize("NFKC", passphrase.strip()).encode(),
        salt,
        time_cost=profile.passes,
        memory_cost=profile.memory_kib,
        parallelism=profile.lanes,
        hash_len=32,
        type=argon2.low_level.Type.ID,
    )


def hkdf(ikm: bytes, info: str, *, salt: bytes = b"", length: int = 32) -> bytes:
    """HKDF-SHA256 with the info `luwte/v1/` + `info`."""
    return HKDF(SHA256(), length, salt, b"luwte/v1/" + info.encode("ascii")).derive(ikm)


def _expand(prk: bytes, label: str) -> bytes:
    return HKDFExpand(SHA256(), 32, b"luwte/v1/" + label.encode("ascii")).derive(prk)
