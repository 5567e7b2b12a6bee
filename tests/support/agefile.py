"""age files made by hand, hostile ones too: nothing here comes from crypto/, so that the two can be held together."""

import base64
import hmac
from collections.abc import Iterable

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

CHUNK = 65536
FILE_KEY = bytes(range(16, 32))
NONCE = bytes(range(32, 48))


def b64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def stanza(share: bytes, wrapped: bytes, name: bytes = b"mlkem768x25519") -> bytes:
    """One recipient stanza; its body is wrapped at 64 columns and ends with a shorter line, as age demands."""
    body = b64(wrapped)
    lines = [body[i : i + 64] for i in range(0, len(body), 64)]
    if not lines or len(lines[-1]) == 64:
        lines.append(b"")
    return b"-> " + name + b" " + b64(share) + b"\n" + b"\n".join(lines) + b"\n"


def header(stanzas: bytes, *, file_key: bytes = FILE_KEY) -> bytes:
    """A header with a genuine MAC: whoever seals knows the file key and can make one for anything."""
    covered = b"age-encryption.org/v1\n" + stanzas + b"---"
    key = HKDF(SHA256(), 32, b"", b"header").derive(file_key)
    return covered + b" " + b64(hmac.digest(key, covered, "sha256")) + b"\n"


def chunks(pieces: Iterable[tuple[int, bool, bytes]], *, file_key: bytes = FILE_KEY) -> bytes:
    """The nonce and the sealed chunks: (number, marked last, plaintext) each."""
    cipher = ChaCha20Poly1305(HKDF(SHA256(), 32, NONCE, b"payload").derive(file_key))
    sealed = (cipher.encrypt(number.to_bytes(11, "big") + bytes([last]), data, b"") for number, last, data in pieces)
    return NONCE + b"".join(sealed)


def payload(plaintext: bytes) -> bytes:
    """Nonce and chunks of an honest payload."""
    cut = [plaintext[i : i + CHUNK] for i in range(0, len(plaintext), CHUNK)] or [b""]
    return chunks((i, i == len(cut) - 1, piece) for i, piece in enumerate(cut))
