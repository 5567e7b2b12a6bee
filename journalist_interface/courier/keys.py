"""A courier's key: x25519 client authorisation of a v3 onion service, in the files of tor (man tor, CLIENT AUTHORIZATION).

The laptop keeps `ADDRESS:descriptor:x25519:PRIVATE` in tor's ClientOnionAuthDir; the host keeps `descriptor:x25519:PUBLIC` in
the service's authorized_clients. Without the private key nobody can decrypt where the service is to be met.
"""

import base64
import hashlib
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from journalist_interface.courier.errors import PairingError
from store.files import sync_folder, write_whole
from store.plain_files import open_plain

FOLDER: Final = "onion-auth"
_FILE: Final = "courier.auth_private"
_FIELD: Final = 2**255 - 19  # x25519's numbers are below it
_ADDRESS: Final = re.compile(r"([a-z2-7]{56})(\.onion)?", re.ASCII)
_PUBLIC: Final = re.compile(r"descriptor:x25519:([A-Z2-7]{52})", re.ASCII)
_PRIVATE: Final = re.compile(r"([a-z2-7]{56}):descriptor:x25519:([A-Z2-7]{52})\n?", re.ASCII)


@dataclass(frozen=True)
class CourierKey:
    """The key for one host's onion service, `onion` without `.onion`."""

    onion: str
    private: bytes

    @classmethod
    def generate(cls, untrusted_onion: str) -> Self:
        """A new key. PairingError when that is no address of an onion service."""
        return cls(parse_onion(untrusted_onion), X25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def load(cls, state: Path) -> Self | None:
        """The key in this folder, None when there is none. PairingError when it is damaged or others may read it."""
        path = state / FOLDER / _FILE
        try:
            with open_plain(path) as file:
                mode = stat.S_IMODE(path.stat().st_mode)
                untrusted = file.read(1_000).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PairingError(f"the key in {path} cannot be read ({error.strerror})") from error
        if mode & 0o077:
            raise PairingError(
                f"others may read the key in {path}: run 'chmod 600' on it, or pair anew if it was copied"
            )
        match = _PRIVATE.fullmatch(untrusted)
        private = _base32(match[2]) if match else None
        if match is None or private is None:
            raise PairingError(f"the key in {path} is damaged: remove the file and pair anew")
        return cls(parse_onion(match[1]), private)

    def save(self, state: Path) -> Path:
        """Write tor's file, whole or not at all, readable by its owner alone; where it is."""
        folder = state / FOLDER
        for made in (state, folder):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.chmod(0o700)  # tor reads no keys from a folder that others may read
        text = f"{self.onion}:descriptor:x25519:{_text(self.private)}\n"
        write_whole(folder / _FILE, [text.encode()])
        sync_folder(state)
        return folder / _FILE

    @property
    def enrolment(self) -> str:
        """The line that the operator enrols. It is no secret, but must reach the operator unchanged."""
        return enrolment_line(X25519PrivateKey.from_private_bytes(self.private).public_key().public_bytes_raw())


def parse_onion(untrusted: str) -> str:
    """The 56 letters of a v3 onion address, its checksum verified (rend-spec-v3, ONIONADDRESS). PairingError."""
    match = _ADDRESS.fullmatch(untrusted.strip().lower())
    if match is None:
        raise PairingError("this is no onion address: it has 56 letters and digits, and ends in .onion")
    raw = base64.b32decode(match[1].upper())
    key, checksum, version = raw[:32], raw[32:34], raw[34:]
    if version != b"\x03" or hashlib.sha3_256(b".onion checksum" + key + version).digest()[:2] != checksum:
        raise PairingError("this onion address has a mistake in it: compare it letter by letter")
    return match[1]


def parse_enrolment(untrusted_line: str) -> bytes:
    """The public key that a line enrols. PairingError for one that would open the service to more than its owner."""
    match = _PUBLIC.fullmatch(untrusted_line.strip())
    public = _base32(match[1]) if match else None
    if public is None:
        raise PairingError(
            "this is no line that 'luwte-courier pair' printed: that is descriptor:x25519: and 52 letters and digits"
        )
    # One key has one spelling, or it could be enrolled twice and would stay when it is revoked.
    if int.from_bytes(public, "little") >= _FIELD:
        raise PairingError("this key is not spelled as x25519 keys are; it was made to deceive, or damaged")
    try:
        X25519PrivateKey.generate().exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        # The secret shared with it is the same for everybody: who knows that could find the service without any key.
        raise PairingError("this key is weak: it opens the door to everybody") from error
    return public


def enrolment_line(public: bytes) -> str:
    """A public key as tor's file for an authorised client has it."""
    return f"descriptor:x25519:{_text(public)}"


def _text(key: bytes) -> str:
    return base64.b32encode(key).decode().rstrip("=")


def _base32(text: str) -> bytes | None:
    """The 32 bytes that 52 letters spell; None when another spelling would mean the same."""
    raw = base64.b32decode(text + "====")
    return raw if _text(raw) == text else None
