"""Signed bytes: `body || signature`, Ed25519 (RFC 8032) with a label that fixes what was signed."""

from dataclasses import dataclass

from nacl.exceptions import BadSignatureError
from nacl.exceptions import ValueError as NaClValueError
from nacl.signing import SigningKey as _NaClSigningKey
from nacl.signing import VerifyKey as _NaClVerifyKey

from crypto.errors import ForgedError, TruncatedError

SIGNATURE_LENGTH = 64


@dataclass(frozen=True)
class VerifyKey:
    """A public key of 32 bytes."""

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise ValueError("a public key has 32 bytes")


@dataclass(frozen=True, repr=False)
class SigningKey:
    """A private key, held as its 32-byte seed."""

    seed: bytes

    def __post_init__(self) -> None:
        if len(self.seed) != 32:
            raise ValueError("a signing key has 32 bytes")

    @classmethod
    def generate(cls) -> "SigningKey":
        return cls(bytes(_NaClSigningKey.generate()))

    @property
    def public(self) -> VerifyKey:
        return VerifyKey(bytes(_NaClSigningKey(self.seed).verify_key))


def sign(key: SigningKey, label: str, body: bytes) -> bytes:
    """`body` followed by its signature under `label`."""
    return body + _NaClSigningKey(key.seed).sign(_message(label, body)).signature


def verify(key: VerifyKey, label: str, untrusted: bytes) -> bytes:
    """The body of signed bytes, or ForgedError / TruncatedError. The body is not looked at before it is verified."""
    if len(untrusted) < SIGNATURE_LENGTH:
        raise TruncatedError("too short to hold a signature")
    body, signature = untrusted[:-SIGNATURE_LENGTH], untrusted[-SIGNATURE_LENGTH:]
    try:
        # libsodium refuses public keys of small order and non-canonical signatures.
        _NaClVerifyKey(key.raw).verify(_message(label, body), signature)
    except (BadSignatureError, NaClValueError) as error:
        raise ForgedError("the signature is not by the expected key") from error
    return body


def _message(label: str, body: bytes) -> bytes:
    return b"luwte/v1/" + label.encode("ascii") + b"\0" + body
