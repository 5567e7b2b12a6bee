"""Exporting: replies, tombstones, new intake keys, onion cards, a notice and the acknowledgement, in numbered dispatch bundles.

A bundle is made, stored and written down in one transaction; only then is anything put on the stick. A kill in between
leaves a file that no row names and that never left: the next export sweeps it and uses the number again.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from crypto.bundle import SignedManifest, write_bundle
from crypto.manifest import MOST_ONION_CARDS, ChainPosition, Direction, Erased, Manifest, ObjectEntry, Tombstone
from crypto.sealed_object import ContentType, Kind, ObjectHeader, seal_object
from crypto.xwing import Recipient
from store.clock import Clock, today
from store.desk.database import Database
from store.desk.epochs import EpochKeys
from store.desk.errors import DamagedError, FolderError
from store.desk.line_keys import LineKeys
from store.desk.line_notices import newest_row
from store.desk.line_notices import verified as verified_notice
from store.desk.model import ExportReport, ReplyState
from store.desk.onion_cards import verified
from store.desk.outbox import Outbox
from store.desk.sweeping import Workplace
from store.desk.tables import (
    CollectRow,
    DispatchRow,
    EntryRow,
    EpochRow,
    LineNoticeRow,
    OnionCardRow,
    ReplyRow,
    RequestRow,
    SourceRow,
    TextRow,
    TombstoneRow,
)

MOST_CHARACTERS: Final = 16 * 1024 * 1024  # of replies in one bundle: they are sealed in memory
MOST_REPLIES: Final = 2_000
MOST_CERTIFICATES: Final = 500
MOST_TOMBSTONES: Final = 10_000


@dataclass(frozen=True)
class _Content:
    """What one bundle will carry."""

    replies: Sequence[Any]
    tombstones: Sequence[Any]
    certificates: Sequence[Any]
    certificates_again: Sequence[Any]  # in bundles that the host may never get, if they are given up for lost
    onion_cards: Sequence[Any]
    line_notice: Any
    owes_acknowledgement: bool

    def __bool__(self) -> bool:
        return self.count > 0

    @property
    def count(self) -> int:
        parts = (self.replies, self.tombstones, self.certificates, self.onion_cards)
        return sum(map(len, parts)) + (self.line_notice is not None) + self.owes_acknowledgement


class Exporter:
    """Makes dispatch bundles and puts them on a stick."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        work: Workplace,
        outbox: Outbox,
        epochs: EpochKeys,
        line_keys: Callable[[], LineKeys],
    ) -> None:
        self._database = database
        self._clock = clock
        self._work = work
        self._outbox = outbox
        self._epochs = epochs
        self._line_keys = line_keys

    def export(self, to: Path) -> ExportReport:
        """Put every bundle that the intake host has not acknowledged into the folder `to`, new ones included.

        A new bundle is made when replies, tombstones, certificates, an onion card or a notice wait, or an acknowledgement
        is owed. Raises a DeskError (BusyError, NotPairedError, NoSpaceError, FolderError); a later export does the rest.
        """
        keys = self._line_keys()
        _ = keys.paired
        if not to.is_dir():
            raise FolderError(f"{to} is not a folder that is there")
        with self._work.alone():
            self._epochs.destroy_due()
            self._epochs.refill()
            made: list[Manifest] = []
            certificates = 0
            while (one := self._make(keys)) is not None:
                manifest, content = one
                made.append(manifest)
                certificates += len(content.certificates)
            written, missing = self._copy(to)
        return ExportReport(
            made=tuple(manifest.number for manifest in made),
            written=tuple(written),
            replies=sum(len(manifest.objects) for manifest in made),
            certificates=certificates,
            onion_cards=sum(len(manifest.onion_cards) for manifest in made),
            notice=any(manifest.line_notice is not None for manifest in made),
            missing=tuple(missing),
        )

    def waiting(self) -> int:
        """How many replies, tombstones, certificates, onion cards, notices and acknowledgements an export would carry now."""
        with self._database.reading() as connection:
            return _gather(connection, self._line_keys()).count

    def _make(self, keys: LineKeys) -> tuple[Manifest, _Content] | None:
        """Make the next bundle, or None when there is nothing to tell. One transaction: no reply changes meanwhile."""
        day = today(self._clock)
        with self._database.writing() as connection:
            content = _gather(connection, keys)
            if not content:
                return None
            sealed = [_seal(row, keys.line, day) for row in content.replies]
            manifest = _manifest(connection, keys.line, day, content, sealed)
            signed = SignedManifest(keys.signing, manifest)
            pieces = write_bundle(keys.paired.bundle_recipient, signed, [[data] for data in sealed])
            _write_down(connection, signed, self._outbox.add(manifest.number, pieces), content)
        return manifest, content

    def _copy(self, to: Path) -> tuple[list[str], list[int]]:
        with self._database.reading() as connection:
            query = select(DispatchRow.number, DispatchRow.file_sha256).where(~DispatchRow.taken_in)
            waiting = connection.execute(query.order_by(DispatchRow.number)).all()
        written, missing = [], []
        for number, file_sha256 in waiting:
            try:
                written.append(self._outbox.copy(number, file_sha256, to).name)
            except DamagedError:
                missing.append(number)
        return written, missing


def _gather(connection: Connection, keys: LineKeys) -> _Content:
    replies = connection.execute(
        select(EntryRow.id, EntryRow.object_id, SourceRow.mailbox_ref, SourceRow.reply_key, TextRow.text)
        .add_columns(RequestRow.encoded)
        .outerjoin(RequestRow, RequestRow.entry_id == EntryRow.id)
        .join(ReplyRow, ReplyRow.entry_id == EntryRow.id)
        .join(TextRow, TextRow.entry_id == EntryRow.id)
        .join(SourceRow, SourceRow.id == EntryRow.source_id)
        .where(ReplyRow.state == str(ReplyState.QUEUED))
        .order_by(EntryRow.id)
        .limit(MOST_REPLIES)
    ).all()
    tombstones = select(TombstoneRow.what, TombstoneRow.ref).where(TombstoneRow.bundle.is_(None)).limit(MOST_TOMBSTONES)
    certificates, again = _certificates(connection)
    onion_cards = select(OnionCardRow.id, OnionCardRow.encoded).where(OnionCardRow.bundle.is_(None))
    cards = connection.execute(onion_cards.order_by(OnionCardRow.id).limit(MOST_ONION_CARDS)).all()
    # The host would refuse the whole bundle for one card that is damaged.
    whole = {number for number, _ in verified(cards, keys)}
    notice = newest_row(connection)
    if verified_notice(notice, keys) is None or notice.bundle is not None:
        notice = None
    acknowledged = connection.scalar(select(func.max(DispatchRow.acknowledges))) or 0
    newest = connection.scalar(select(func.max(CollectRow.number)).where(CollectRow.content)) or 0
    return _Content(
        replies=_fitting(replies),
        tombstones=connection.execute(tombstones).all(),
        certificates=certificates,
        certificates_again=again,
        onion_cards=[row for row in cards if row.id in whole],
        line_notice=notice,
        owes_acknowledgement=newest > acknowledged,
    )


def _certificates(connection: Connection) -> tuple[Sequence[Any], Sequence[Any]]:
    """Those that no bundle has carried yet; and those before them that the host has not acknowledged, where all fit."""
    query = select(EpochRow.epoch, EpochRow.certificate).order_by(EpochRow.epoch)
    new = connection.execute(query.where(EpochRow.bundle.is_(None)).limit(MOST_CERTIFICATES)).all()
    carried = query.join(DispatchRow, DispatchRow.number == EpochRow.bundle).where(~DispatchRow.taken_in)
    # A part of them would be of no use: the host takes certificates in the order of their chain only.
    again = connection.execute(carried.limit(MOST_CERTIFICATES + 1)).all()
    return new, again if len(again) + len(new) <= MOST_CERTIFICATES else ()


def _fitting(replies: Sequence[Any]) -> Sequence[Any]:
    """As many from the beginning as fit one bundle, and one at least."""
    total = 0
    for count, row in enumerate(replies):
        total += len(row.text)
        if total > MOST_CHARACTERS and count:
            return replies[:count]
    return replies


def _seal(row: Any, line: bytes, day: int) -> bytes:
    content_type = ContentType.PLAIN if row.encoded is None else ContentType.REQUEST
    header = ObjectHeader(Kind.REPLY, line, row.mailbox_ref, row.object_id, day, content_type=content_type)
    return seal_object(Recipient(row.reply_key), header, row.text.encode() if row.encoded is None else row.encoded)


def _manifest(connection: Connection, line: bytes, day: int, content: _Content, sealed: Sequence[bytes]) -> Manifest:
    tip = connection.execute(
        select(DispatchRow.number, DispatchRow.sha256).order_by(DispatchRow.number.desc()).limit(1)
    ).one_or_none()
    newest = connection.execute(
        select(CollectRow.number, CollectRow.sha256).order_by(CollectRow.number.desc()).limit(1)
    ).one_or_none()
    position = ChainPosition(*tip) if tip else ChainPosition.beginning()
    return Manifest(
        line=line,
        direction=Direction.DISPATCH,
        number=position.number + 1,
        previous=position.sha256,
        acknowledged=ChainPosition(*newest) if newest else ChainPosition.beginning(),
        day=day,
        epoch=connection.scalar(select(func.max(EpochRow.epoch))) or 0,
        floor=0,
        objects=tuple(
            ObjectEntry(row.object_id, Kind.REPLY, len(data), hashlib.sha256(data).digest(), row.mailbox_ref)
            for row, data in zip(content.replies, sealed, strict=True)
        ),
        tombstones=tuple(Tombstone(Erased(row.what), row.ref) for row in content.tombstones),
        certificates=tuple(row.certificate for row in (*content.certificates_again, *content.certificates)),
        onion_cards=tuple(row.encoded for row in content.onion_cards),
        line_notice=content.line_notice.encoded if content.line_notice else None,
    )


def _write_down(connection: Connection, signed: SignedManifest, file_sha256: bytes, content: _Content) -> None:
    manifest = signed.manifest
    number = manifest.number
    connection.execute(
        insert(DispatchRow).values(
            number=number,
            sha256=signed.position.sha256,
            file_sha256=file_sha256,
            day=manifest.day,
            acknowledges=manifest.acknowledged.number,
            taken_in=False,
        )
    )
    for row in content.replies:
        connection.execute(
            update(ReplyRow).where(ReplyRow.entry_id == row.id).values(state=str(ReplyState.DISPATCHED), bundle=number)
        )
    for row in content.tombstones:
        same = (TombstoneRow.what == row.what, TombstoneRow.ref == row.ref)
        connection.execute(update(TombstoneRow).where(*same).values(bundle=number))
    for row in content.onion_cards:
        connection.execute(update(OnionCardRow).where(OnionCardRow.id == row.id).values(bundle=number))
    if content.line_notice:
        same = LineNoticeRow.id == content.line_notice.id
        connection.execute(update(LineNoticeRow).where(same).values(bundle=number))
    if content.certificates:
        epochs = (content.certificates[0].epoch, content.certificates[-1].epoch)
        connection.execute(update(EpochRow).where(EpochRow.epoch.between(*epochs)).values(bundle=number))
