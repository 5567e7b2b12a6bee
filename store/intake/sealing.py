"""Sealing a file while it arrives: what the web server reads goes through a short queue to a thread that seals and writes.

AEAD and writing release the interpreter's lock, so both cores work. Memory stays at a few buffers however large the file.
"""

from crypto.sealed_object import ObjectHeader, ObjectSealer
from crypto.xwing import Recipient
from store.beside import Beside, Pieces
from store.intake.blobs import BlobWriter


class SealedFile:
    """One file on its way to rest. `write` as it comes, then exactly one of `finish` and `abort`.

    Raises IntakeError (NoSpaceError) from `write` or `finish` as soon as the bytes cannot be kept.
    """

    def __init__(self, recipient: Recipient, header: ObjectHeader, writer: BlobWriter) -> None:
        self.content_length = 0
        self.sealed_length = 0
        self._sealer = ObjectSealer(recipient, header)
        self._writer = writer
        self._beside = Beside(self._seal, "sealing")

    def write(self, data: bytes) -> None:
        self.content_length += len(data)
        self._beside.put(data)

    def finish(self) -> None:
        """The file is sealed, whole and on disk. A small one never needed the thread."""
        try:
            self._beside.end()
            for sealed in self._sealer.finish():
                self._put(sealed)
            self._writer.finish()
        except BaseException:
            self._writer.abort()
            raise

    def abort(self) -> None:
        """Nothing of it remains."""
        self._beside.abandon()
        self._writer.abort()

    def _seal(self, pieces: Pieces) -> None:
        for data in pieces:
            if sealed := self._sealer.write(data):
                self._put(sealed)

    def _put(self, sealed: bytes) -> None:
        self.sealed_length += len(sealed)
        self._writer.write(sealed)
