"""An age file's payload, opened as the product opens it, in one piece."""

import io

from crypto.age import FileKey, Opener
from crypto.xwing import Identity


def open_bytes(key: Identity | FileKey, untrusted: bytes) -> bytes:
    """The whole payload, or a CryptoError and nothing of it."""
    return b"".join(Opener(key, io.BytesIO(untrusted)))
