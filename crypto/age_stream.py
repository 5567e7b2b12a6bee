"""The payload of an age v1 file: 64 KiB chunks of ChaCha20-Poly1305, numbered, the last one marked (STREAM).

The chunk number and the last-chunk mark are the nonce, so a chunk that is moved, doubled, dropped or that stands last
without being last does not authenticate.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import ForgedError, TruncatedError

CHUNK = 64 * 1024
TAG_LENGTH = 16
NONCE_LENGTH = 16
SEALED_CHUNK = CHUNK + TAG_LENGTH


class ChunkCipher:
    """Seals and opens the chunks of one payload. Each position is sealed once, by the one caller that made the key."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._aead = ChaCha20Poly1305(HKDF(SHA256(), 32, nonce, b"payload").derive(file_key))

    def seal(self, position: int, chunk: bytes | memoryview, *, last: bool) -> bytes:
        return self._aead.encrypt(_nonce(position, last), chunk, None)

    def open(self, position: int, untrusted_chunk: bytes | memoryview, *, last: bool) -> bytes:
        """One authenticated chunk, or ForgedError / TruncatedError."""
        if len(untrusted_chunk) < TAG_LENGTH:
            raise TruncatedError("the file ends within a chunk")
        try:
            plain = self._aead.decrypt(_nonce(position, last), untrusted_chunk, None)
        except InvalidTag as error:
            raise ForgedError(self._why(position, untrusted_chunk, last)) from error
        if last and position > 0 and not plain:
            raise ForgedError("an empty chunk stands at the end")
        return plain

    def _why(self, position: int, untrusted_chunk: bytes | memoryview, last: bool) -> str:
        """Tell a clean cut between chunks from other changes; both are refused alike."""
        if last and len(untrusted_chunk) == SEALED_CHUNK:
            try:
                self._aead.decrypt(_nonce(position, False), untrusted_chunk, None)
            except InvalidTag:
                return "a chunk was changed or moved"
            return "the file was cut between two chunks"
        return "a chunk was changed, moved or cut"


def sealed_length(length: int) -> int:
    """The length of nonce and chunks for a payload of `length` bytes."""
    return NONCE_LENGTH + length + TAG_LENGTH * max(1, -(-length // CHUNK))


def plain_length(sealed: int) -> int:
    """The inverse of `sealed_length`; TruncatedError for a length that no payload has."""
    body = sealed - NONCE_LENGTH
    chunks = max(1, -(-body // SEALED_CHUNK))
    length = body - TAG_LENGTH * chunks
    if length < 0 or (chunks > 1 and length <= (chunks - 1) * CHUNK):
        raise TruncatedError("the file ends within a chunk")
    return length


def _nonce(position: int, last: bool) -> bytes:
    return position.to_bytes(11, "big") + (b"\x01" if last else b"\x00")
