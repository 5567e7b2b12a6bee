"""Bundles: a signed manifest and sealed objects in one age file (docs/formats.md §6).

The reader opens the age file, verifies the signature, parses the manifest and checks line and direction before it gives
out anything; then it hands over each object and checks its SHA-256, and `finish` checks the padding up to the genuine
end. Whoever uses it must keep nothing before `finish` has returned.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from typing import Final

from crypto.age import Opener, Reader, Sealer
from crypto.age_stream import CHUNK
from crypto.errors import ForgedError, MalformedError, TruncatedError
from crypto.manifest import ChainPosition, Direction, Manifest, ObjectEntry
from crypto.padding import bundle_bucket
from crypto.signed import SIGNATURE_LENGTH, SigningKey, VerifyKey, sign, verify
from crypto.xwing import Identity, Recipient

MAGIC: Final = b"LUWTEbd1"
LARGEST_MANIFEST: Final = 16 * 1024 * 1024
_LABEL: Final = "bundle-manifest"
_PREFIX: Final = len(MAGIC) + 4
_ZEROS: Final = bytes(CHUNK)


class ObjectMismatchError(ValueError):
    """An object that is to be sent does not have the size and hash of its entry: damaged since it was stored."""

    def __init__(self, entry: ObjectEntry) -> None:
        super().__init__("an object to be sent is damaged")
        self.entry = entry


class SignedManifest:
    """A manifest that its place has signed. ValueError when it names too many objects for one bundle."""

    def __init__(self, signing_key: SigningKey, manifest: Manifest) -> None:
        body = manifest.encode()
        if len(body) > LARGEST_MANIFEST:
            raise ValueError("too many objects for one bundle")
        self.manifest = manifest
        self.signed = sign(signing_key, _LABEL, body)

    @property
    def position(self) -> ChainPosition:
        """Where the bundle stands in its chain, for what names it later."""
        return _position(self.manifest, self.signed)


def write_bundle(recipient: Recipient, manifest: SignedManifest, objects: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """The pieces of a bundle file. `objects` gives each object's pieces, in the manifest's order.

    Raises ObjectMismatchError in the middle: the receiver would have to refuse what is not as it was signed for.
    """
    head = MAGIC + struct.pack(">I", len(manifest.signed) - SIGNATURE_LENGTH) + manifest.signed
    entries = manifest.manifest.objects
    sealer = Sealer(recipient)
    yield sealer.update(head)
    for entry, pieces in zip(entries, objects, strict=True):
        size, digest = 0, hashlib.sha256()
        for piece in pieces:
            size += len(piece)
            digest.update(piece)
            yield sealer.update(piece)
        if size != entry.size or digest.digest() != entry.sha256:
            raise ObjectMismatchError(entry)
    used = len(head) + sum(entry.size for entry in entries)
    missing = bundle_bucket(used) - used
    for _ in range(missing // CHUNK):
        yield sealer.update(_ZEROS)
    yield sealer.update(_ZEROS[: missing % CHUNK])
    yield sealer.finish()


def open_bundle(
    identity: Identity, verify_key: VerifyKey, untrusted_reader: Reader, *, line: bytes, direction: Direction
) -> "BundleReader":
    """Begin to read a bundle file; see BundleReader."""
    return BundleReader(iter(Opener(identity, untrusted_reader)), verify_key, line=line, direction=direction)


class BundleReader:
    """Reads one bundle from the chunks of its opened age file (anybody can seal to us: they are untrusted).

    `manifest` is verified at construction, and `position` says where it stands in its chain. Iterate `objects` to its end,
    each object's pieces too, then call `finish`.
    """

    def __init__(
        self, untrusted_chunks: Iterator[bytes], verify_key: VerifyKey, *, line: bytes, direction: Direction
    ) -> None:
        self._chunks = untrusted_chunks
        self._piece = memoryview(b"")
        self._used = 0
        prefix = self._take(_PREFIX)
        if not prefix.startswith(MAGIC):
            raise MalformedError("not a bundle")
        length = struct.unpack_from(">I", prefix, len(MAGIC))[0]
        if length > LARGEST_MANIFEST:
            raise MalformedError("the bundle's manifest is too long")
        # Verified before it is parsed: the parser meets nothing that the other place did not sign.
        untrusted_signed = self._take(length + SIGNATURE_LENGTH)
        verified = verify(verify_key, _LABEL, untrusted_signed)
        self.manifest = Manifest.decode(verified, line=line, direction=direction)
        self.position = _position(self.manifest, untrusted_signed)

    def objects(self) -> Iterator[tuple[ObjectEntry, Iterator[bytes | memoryview]]]:
        """Each entry with its pieces, views of bytes that do not change."""
        for entry in self.manifest.objects:
            pieces = self._object(entry)
            yield entry, pieces
            for _ in pieces:
                raise RuntimeError("an object was not read to its end")

    def read_through(self) -> None:
        """Check the whole bundle and keep nothing of it, in place of `objects` and `finish`."""
        for _, pieces in self.objects():
            for _ in pieces:
                pass
        self.finish()

    def finish(self) -> None:
        """Check the padding up to the genuine end of the file. Only now is the bundle whole."""
        used = self._used
        while (piece := self._next(CHUNK)) is not None:
            if bytes(piece) != _ZEROS[: len(piece)]:  # a memoryview would be compared byte by byte, slowly
                raise MalformedError("the bundle's padding holds something else than zeros")
        if self._used != bundle_bucket(used):
            raise MalformedError("the bundle is not padded to its size bucket")

    def _object(self, entry: ObjectEntry) -> Iterator[bytes | memoryview]:
        digest = hashlib.sha256()
        left = entry.size
        while left:
            piece = self._next(left)
            if piece is None:
                raise TruncatedError("the bundle ends within an object")
            left -= len(piece)
            digest.update(piece)
            yield piece
        if digest.digest() != entry.sha256:
            raise ForgedError("an object differs from the signed manifest")

    def _take(self, size: int) -> bytes:
        parts = []
        while size:
            piece = self._next(size)
            if piece is None:
                raise TruncatedError("the bundle ends within its manifest")
            parts.append(piece)
            size -= len(piece)
        return b"".join(parts)

    def _next(self, most: int) -> memoryview | None:
        """The next bytes, at most `most` of them, or None at the genuine end."""
        while not self._piece:
            chunk = next(self._chunks, None)
            if chunk is None:
                return None
            self._piece = memoryview(chunk)
        piece, self._piece = self._piece[:most], self._piece[most:]
        self._used += len(piece)
        return piece


def _position(manifest: Manifest, signed: bytes) -> ChainPosition:
    # What was signed fixes every object by its hash, and the rest of the file is zeros.
    return ChainPosition(manifest.number, hashlib.sha256(signed).digest())
