"""Which blobs are at rest, looked up where they lie."""

from sqlalchemy import select

from store.intake.blobs import Blobs, FileBlobs, RowBlobs
from store.intake.tables import BlobChunk


def kept(blobs: Blobs) -> set[bytes]:
    """The ids of all that are whole."""
    if isinstance(blobs, RowBlobs):
        with blobs._database.reading() as session:
            return set(session.scalars(select(BlobChunk.blob_id)))
    assert isinstance(blobs, FileBlobs)
    return {bytes.fromhex(path.stem) for path in blobs._root.glob("??/*.age")}
