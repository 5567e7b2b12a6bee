"""Small secrets at rest: XSalsa20-Poly1305 with a random nonce (PyNaCl's SecretBox)."""

from typing import Final

from nacl.exceptions import CryptoError as NaClError
from nacl.secret import SecretBox

from crypto.errors import ForgedError

NONCE_BYTES: Final = SecretBox.NONCE_SIZE  # at the start of a box, and of no other one


def seal_box(key: bytes, plaintext: bytes) -> bytes:
    """Encrypt under a 32-byte key; 40 bytes longer than `plaintext`."""
    return bytes(SecretBox(key).encrypt(plaintext))


def open_box(key: bytes, untrusted: bytes) -> bytes:
    """Decrypt what `seal_box` made, or raise ForgedError: another key, or changed bytes."""
    try:
        return SecretBox(key).decrypt(untrusted)
    except (NaClError, ValueError, TypeError) as error:
        raise ForgedError("the box does not open with this key") from error
