"""An onion's key, in tor's own files, so that its address lasts (rend-spec-v3, and tor's `crypto_write_tagged_contents`).

Made here rather than by tor: the address is then known before anything is published, and a damaged or exposed key is named
before tor is asked.
"""

import base64
import hashlib
from pathlib import Path
from typing import Final

import nacl.bindings
import nacl.utils
from nacl.exceptions import CryptoError

from deploy.onion.errors import OnionFolderError
from deploy.onion.places import check_private, private_folder
from store.files import write_whole

_SECRET: Final = b"== ed25519v1-secret: type0 ==\0\0\0"
_PUBLIC: Final = b"== ed25519v1-public: type0 ==\0\0\0"
_VERSION: Final = b"\x03"


def address_of(public_key: bytes) -> str:
    """The v3 onion address of a public key, with `.onion`."""
    checksum = hashlib.sha3_256(b".onion checksum" + public_key + _VERSION).digest()[:2]
    return base64.b32encode(public_key + checksum + _VERSION).decode("ascii").lower() + ".onion"


def is_address(untrusted_address: str) -> bool:
    """Whether this is a v3 onion address, checksum and all."""
    try:
        decoded = base64.b32decode(untrusted_address.removesuffix(".onion").upper())
    except ValueError:
        return False
    return len(decoded) == 35 and untrusted_address == address_of(decoded[:32])


def kept_address(folder: Path) -> str:
    """The onion's address. Its key is made when the folder is new; otherwise it is checked. OnionFolderError."""
    private_folder(folder)
    secret_file = folder / "hs_ed25519_secret_key"
    public_file = folder / "hs_ed25519_public_key"
    if not secret_file.exists():
        if public_file.exists():
            raise OnionFolderError(
                f"{secret_file} is missing: put it back from the copy that you keep. Without it the address is lost; to begin "
                f"with a new address, remove {public_file} and the hostname file, too"
            )
        write_whole(secret_file, [_SECRET, _new_expanded_key()])
    public_key = _public_key(_read(secret_file, _SECRET, 64))
    if not public_file.exists():
        write_whole(public_file, [_PUBLIC, public_key])
    if _read(public_file, _PUBLIC, 32) != public_key:
        raise OnionFolderError(f"{public_file} is not the public key of {secret_file}: put both back from one copy")
    address = address_of(public_key)
    if known_address(folder) != address:
        write_whole(folder / "hostname", [f"{address}\n".encode()])
    return address


def known_address(folder: Path) -> str | None:
    """What the folder's `hostname` file says, if it is an address."""
    return read_address(folder / "hostname")


def read_address(file: Path) -> str | None:
    """What a file says, if it is an address."""
    try:
        untrusted = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return untrusted if is_address(untrusted) else None


def _new_expanded_key() -> bytes:
    expanded = bytearray(hashlib.sha512(nacl.utils.random(32)).digest())
    expanded[0] &= 248
    expanded[31] = (expanded[31] & 63) | 64
    return bytes(expanded)


def _public_key(expanded: bytes) -> bytes:
    try:
        return nacl.bindings.crypto_scalarmult_ed25519_base_noclamp(expanded[:32])
    except CryptoError as error:
        raise OnionFolderError("the onion's secret key is damaged: put it back from the copy that you keep") from error


def _read(path: Path, tag: bytes, length: int) -> bytes:
    try:
        check_private(path)
        data = path.read_bytes()
    except OSError as error:
        raise OnionFolderError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) != len(tag) + length or not data.startswith(tag):
        raise OnionFolderError(
            f"{path} is damaged: put it back from the copy that you keep. Without the secret key the address is lost"
        )
    return data[len(tag) :]
