"""Sealing a file while it arrives: what the web server reads goes through a short queue to a thread that seals and writes.

AEAD and writing release the interpreter's lock, so both cores work. Memory stays at a few buffers however large the file.
"""

from contextlib import suppress
from typing import Final

from crypto.age import file_length
from crypto.sealed_object import ObjectHeader, ObjectSealer
from crypto.xwing import Recipient
from store.beside import Beside
from store.intake.blobs import BlobWriter
from store.intake.errors import IntakeError

_AROUND: Final = 18  # bytes beside header and content: magic, header's length, content's length
_BUFFER: Final = 1 << 20


def stored_size(header: ObjectHeader, content_length: int) -> int:
    """Bytes that a sealed object with so much content takes, padding and all."""
    return file_length(header.bucket(_AROUND + len(header.encode()) + content_length))


class SealedFile:
    """One file on its way to rest. `write` as it comes, then exactly one of `finish` and `abort`.

    Raises IntakeError (NoSpaceError) from `write` or `finish` as soon as the bytes cannot be kept.
    """

    def __init__(self, recipient: Recipient, header: ObjectHeader, writer: BlobWriter) -> None:
        self.content_length = 0
        self.sealed_length = 0
        self._sealer = ObjectSealer(recipient, header)
        self._writer = writer
        self._gathered: list[bytes] = []
        self._gathered_length = 0
        self._beside = Beside(self._seal, "sealing")

    def write(self, data: bytes) -> None:
        self.content_length += len(data)
        self._gathered.append(data)
        self._gathered_length += len(data)
        if self._gathered_length >= _BUFFER:
            self._hand_over()

    def finish(self) -> None:
        """The file is sealed, whole and on disk. A small one never needed the thread."""
        try:
            self._beside.end()
            self._seal(self._gathered)
            for sealed in self._sealer.finish():
                self._put(sealed)
            self._writer.finish()
        except BaseException:
            self._writer.abort()
            raise

    def abort(self) -> None:
        """Nothing of it remains."""
        with suppress(IntakeError):
            self._beside.end()
        self._writer.abort()

    def _hand_over(self) -> None:
        self._beside.put(self._gathered)
        self._gathered, self._gathered_length = [], 0

    def _seal(self, buffers: list[bytes]) -> None:
        for data in buffers:
            if sealed := self._sealer.write(data):
                self._put(sealed)

    def _put(self, sealed: bytes) -> None:
        self.sealed_length += len(sealed)
        self._writer.write(sealed)
