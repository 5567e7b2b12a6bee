"""What a collect bundle's manifest tells beside its objects: tombstones, the acknowledgement, its place in the chain."""

from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from crypto.manifest import Erased, Manifest
from store.desk.journal import write_note
from store.desk.line_keys import LineKeys
from store.desk.line_notices import newest_row
from store.desk.model import ReplyState, Severity
from store.desk.onion_cards import take_request
from store.desk.tables import CollectRow, DispatchRow, EntryRow, LineNoticeRow, ReplyRow, SourceRow, TombstoneRow


@dataclass
class Settled:
    """What changed by a manifest."""

    mailboxes_closed: int = 0
    replies_taken_in: int = 0
    alarms: list[str] = field(default_factory=list)


def settle(connection: Connection, manifest: Manifest, sha256: bytes, gap: range, day: int, keys: LineKeys) -> Settled:
    """Write everything down, within the import's transaction. `sha256` is the bundle's, for the chain."""
    settled = Settled()
    _bury(connection, manifest, day, settled)
    _acknowledge(connection, manifest, day, settled)
    _send_notice_again(connection, manifest, day)
    asked = manifest.onion_to_sign
    if asked is not None and (alarm := take_request(connection, asked, manifest.number, day, keys)) is not None:
        settled.alarms.append(alarm)
    if gap:
        named = f"bundle {gap[0]}" if len(gap) == 1 else f"bundles {gap[0]} to {gap[-1]}"
        words = (
            f"bundle {manifest.number} was taken in though {named} never came: what was in there is not at this desk"
        )
        settled.alarms.append(words)
        write_note(connection, day, Severity.ALARM, words)
    connection.execute(
        insert(CollectRow).values(
            number=manifest.number,
            sha256=sha256,
            day=manifest.day,
            epoch=manifest.epoch,
            floor=manifest.floor,
            content=bool(manifest.objects or manifest.tombstones or asked),
        )
    )
    return settled


def _bury(connection: Connection, manifest: Manifest, day: int, settled: Settled) -> None:
    # A host tells nothing of a reply that its source erased; from one that did, it would not be shown to anybody either.
    for tombstone in manifest.tombstones:
        if tombstone.what is Erased.MAILBOX:
            settled.mailboxes_closed += _close(connection, tombstone.ref, day)


def _close(connection: Connection, mailbox_ref: bytes, day: int) -> bool:
    """The source erased the mailbox: no reply can reach it any more, and queued ones are cancelled."""
    query = select(SourceRow.id, SourceRow.name).where(
        SourceRow.mailbox_ref == mailbox_ref, SourceRow.closed_day.is_(None)
    )
    source = connection.execute(query).one_or_none()
    if source is None:
        return False
    connection.execute(update(SourceRow).where(SourceRow.id == source.id).values(closed_day=day))
    entries = select(EntryRow.id).where(EntryRow.source_id == source.id)
    connection.execute(
        update(ReplyRow)
        .where(ReplyRow.entry_id.in_(entries), ReplyRow.state == str(ReplyState.QUEUED))
        .values(state=str(ReplyState.CANCELLED))
    )
    write_note(connection, day, Severity.NOTE, f"{source.name} erased the mailbox", source.id)
    return True


def _acknowledge(connection: Connection, manifest: Manifest, day: int, settled: Settled) -> None:
    number = manifest.acknowledged.number
    before = connection.scalar(select(func.max(DispatchRow.number)).where(DispatchRow.taken_in)) or 0
    if number < before:
        words = (
            f"the intake host has forgotten that it took in bundle {before}: it acknowledges {number} only."
            " It may have been set back to an old state."
        )
        settled.alarms.append(words)
        write_note(connection, day, Severity.ALARM, words)
        return
    connection.execute(update(DispatchRow).where(DispatchRow.number <= number).values(taken_in=True))
    taken = update(ReplyRow).where(ReplyRow.bundle <= number, ReplyRow.state == str(ReplyState.DISPATCHED))
    settled.replies_taken_in = connection.execute(taken.values(state=str(ReplyState.TAKEN_IN))).rowcount
    connection.execute(delete(TombstoneRow).where(TombstoneRow.bundle <= number))


def _send_notice_again(connection: Connection, manifest: Manifest, day: int) -> None:
    """An acknowledged bundle may have been lost, its gap accepted at the host: only the notice that it keeps tells."""
    newest = newest_row(connection)
    if newest is None or (manifest.notice_kept or 0) >= newest.id:
        return
    arrived = select(DispatchRow.number).where(DispatchRow.number == newest.bundle, DispatchRow.taken_in)
    if connection.scalar(arrived) is not None:
        connection.execute(update(LineNoticeRow).where(LineNoticeRow.id == newest.id).values(bundle=None))
        words = f"notice {newest.id} to sources did not reach the intake host. The next export carries it again."
        write_note(connection, day, Severity.NOTE, words)
