"""X-Wing keys, and the wrapping of an age file key to one (age's `mlkem768x25519` recipient).

HPKE base mode (RFC 9180) with KEM MLKEM768-X25519 (X-Wing, 0x647a), HKDF-SHA256 and ChaCha20-Poly1305, as in C2SP
`age.md`. X-Wing (draft-connolly-cfrg-xwing-kem) expands a 32-byte seed by SHAKE-256 to both private keys.
"""

import hashlib
import secrets
from functools import cached_property

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from crypto import bech32
from crypto.errors import MalformedError, WrongKeyError

SEED_LENGTH = 32
RECIPIENT_LENGTH = 1216
SHARE_LENGTH = 1120
WRAPPED_LENGTH = 32
FILE_KEY_LENGTH = 16

_MLKEM_LENGTH = 1184
_PRIME = 2**255 - 19
_SMALL_ORDER = frozenset({  # X25519 coordinates that every private key maps to zero (RFC 7748 §6.1)
    0,
    1,
    325606250916557431795983626356110631294008115727848805560023387167927233504,
    39382357235489614581723060781553021112529911719440698176882885853963445705823,
    _PRIME - 1,
})
_INFO = b"age-encryption.org/mlkem768x25519"
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)


class Recipient:
    """A public key of 1,216 bytes. Equal by value."""

    def __init__(self, untrusted_raw: bytes) -> None:
        if len(untrusted_raw) != RECIPIENT_LENGTH:
            raise MalformedError("a recipient has 1216 bytes")
        coordinate = int.from_bytes(untrusted_raw[_MLKEM_LENGTH:], "little") & (1 << 255) - 1
        if coordinate % _PRIME in _SMALL_ORDER:
            # Nothing can be sealed to it: refused here, not when a reply is written.
            raise MalformedError("a recipient of small order")
        try:
            self._key = hpke.MLKEM768X25519PublicKey(
                MLKEM768PublicKey.from_public_bytes(untrusted_raw[:_MLKEM_LENGTH]),
                X25519PublicKey.from_public_bytes(untrusted_raw[_MLKEM_LENGTH:]),
            )
        except ValueError as error:
            raise MalformedError("not a public key") from error
        self.raw = bytes(untrusted_raw)

    @classmethod
    def from_text(cls, untrusted_text: str) -> "Recipient":
        return cls(bech32.decode(untrusted_text, prefix="age1pq"))

    @property
    def text(self) -> str:
        return bech32.encode("age1pq", self.raw)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipient) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def wrap(self, file_key: bytes) -> tuple[bytes, bytes]:
        """Wrap a 16-byte file key: the share (1,120 bytes) and the wrapped key (32 bytes)."""
        sealed = _SUITE.encrypt(file_key, self._key, _INFO)
        return sealed[:SHARE_LENGTH], sealed[SHARE_LENGTH:]


class Identity:
    """A private key, held as its 32-byte seed. Its repr shows nothing of it."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_LENGTH:
            raise ValueError("an identity has 32 bytes")
        self.seed = bytes(seed)

    @classmethod
    def generate(cls) -> "Identity":
        return cls(secrets.token_bytes(SEED_LENGTH))

    @classmethod
    def from_seed(cls, seed: bytes) -> "Identity":
        return cls(seed)

    @classmethod
    def from_text(cls, untrusted_text: str) -> "Identity":
        seed = bech32.decode(untrusted_text, prefix="age-secret-key-pq-", upper=True)
        if len(seed) != SEED_LENGTH:
            raise MalformedError("an identity has 32 bytes")
        return cls(seed)

    @property
    def text(self) -> str:
        return bech32.encode("age-secret-key-pq-", self.seed).upper()

    @cached_property
    def _parts(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        expanded = hashlib.shake_256(self.seed).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    @cached_property
    def recipient(self) -> Recipient:
        mlkem, x25519 = self._parts
        return Recipient(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    def unwrap(self, untrusted_share: bytes, untrusted_wrapped: bytes) -> bytes:
        """The file key, or WrongKeyError. MalformedError unless the lengths are exact."""
        # The length is checked before anything is decrypted: partitioning oracles need a longer body.
        if len(untrusted_share) != SHARE_LENGTH or len(untrusted_wrapped) != WRAPPED_LENGTH:
            raise MalformedError("the key share or the wrapped key has another length")
        private = hpke.MLKEM768X25519PrivateKey(*self._parts)
        try:
            file_key = _SUITE.decrypt(untrusted_share + untrusted_wrapped, private, _INFO)
        except (InvalidTag, ValueError) as error:
            raise WrongKeyError("sealed to another key, or its key share was changed") from error
        return file_key
