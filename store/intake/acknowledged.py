"""Deleting what the desk has (docs/formats.md §6): all of it, also when a crash comes in between."""

from sqlalchemy import delete, select

from store.intake.blobs import Blobs
from store.intake.database import Database
from store.intake.shown_room import decide_anew
from store.intake.tables import OutBundle, SubmittedObject


def delete_acknowledged(database: Database, blobs: Blobs) -> int:
    """Delete the sealed objects of acknowledged bundles, and only those; how many. Under the carrying lock.

    The rows go last: until then they name what is still to be deleted, and the next call does the rest.
    """
    acknowledged = SubmittedObject.bundle.in_(select(OutBundle.number).where(OutBundle.acknowledged))
    with database.reading() as session:
        object_ids = list(session.scalars(select(SubmittedObject.object_id).where(acknowledged)))
    if not object_ids:
        return 0
    for object_id in object_ids:
        blobs.delete(object_id)
    with database.writing() as session:
        session.execute(delete(SubmittedObject).where(acknowledged))
        decide_anew(session)
    return len(object_ids)
