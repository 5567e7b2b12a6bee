"""Delivering: a dispatch bundle from the desk is verified whole and taken in all at once, or not at all."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crypto import chain
from crypto.bundle import BundleReader, open_bundle
from crypto.card import LineCard
from crypto.chain import Placement
from crypto.errors import CryptoError, MalformedError
from crypto.manifest import Direction, Erased, Manifest
from crypto.onion_card import OnionAddress
from crypto.sealed_object import Kind
from store.files import exclusively
from store.intake.acknowledged import delete_acknowledged
from store.intake.blobs import Blobs
from store.intake.bundles import made_hash, room_for, sweep_outbox, taken_in
from store.intake.collected import confirm_collections
from store.intake.database import Database
from store.intake.errors import BundleRefusedError, UnreadableError, UnsettledError
from store.intake.host_keys import HostKeys
from store.intake.intake_keys import IntakeKeys
from store.intake.line_notices import LineNotices
from store.intake.mailboxes import forget_old_graves
from store.intake.onion_cards import OnionCards
from store.intake.tables import Grave, InBundle, Mailbox, OperatorNote, OutBundle, Reply, SubmittedObject
from store.plain_files import open_plain


@dataclass(frozen=True)
class DeliverReport:
    """What a delivery did. `already_had`: this very bundle was taken in before, and nothing changed."""

    number: int
    already_had: bool = False
    replies: int = 0
    intake_keys: int = 0
    acknowledged: int = 0  # number of the last collect bundle that the desk has
    deleted: int = 0  # sealed objects that the desk has acknowledged
    signed_onions: tuple[OnionAddress, ...] = ()  # the line's cards for them came
    notice: int | None = None  # number of a newer notice to sources that came


class _StickReader:
    """Reads a file of the courier's; what the stick refuses is no fault of this host's disk."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file

    def read(self, size: int, /) -> bytes:
        try:
            return self._file.read(size) or b""
        except OSError as error:
            raise UnreadableError(f"the bundle cannot be read ({error.strerror})") from error


class Deliverer:
    """Takes in dispatch bundles."""

    def __init__(
        self,
        state: Path,
        database: Database,
        blobs: Blobs,
        keys: HostKeys,
        intake_keys: IntakeKeys,
        onion_cards: OnionCards,
        line: LineCard,
        line_notices: LineNotices,
        today: Callable[[], int],
    ) -> None:
        self._lock, self._outbox = state / "carry.lock", state / "outbox"
        self._database, self._blobs, self._keys, self._intake_keys = database, blobs, keys, intake_keys
        self._onion_cards, self._line, self._line_notices, self._today = onion_cards, line, line_notices, today

    def deliver(self, path: Path, *, accept_gap: range | None = None) -> DeliverReport:
        """Take in one dispatch bundle. Repeating it, or being killed in it, loses and doubles nothing.

        Raises BundleRefusedError (damaged, forged, of another line, a fork, a gap) and changes nothing; UnreadableError;
        LockedError; NoSpaceError. `accept_gap` names the missing bundles that are given up for lost; that is noted.
        """
        with exclusively(self._lock), room_for("the disk of the intake host"):
            delete_acknowledged(self._database, self._blobs)
            try:
                file = open_plain(path)
            except OSError as error:
                raise UnreadableError(f"{path.name} cannot be read ({error.strerror})") from error
            with file:
                try:
                    return self._take_in(_StickReader(file), accept_gap=accept_gap)
                except CryptoError as error:
                    raise BundleRefusedError(f"{path.name} was not taken in: {error}") from error

    def has(self, number: int) -> bool:
        """Whether the dispatch bundle with this number was taken in."""
        with self._database.reading() as session:
            return session.get(InBundle, number) is not None

    def _take_in(self, reader: _StickReader, *, accept_gap: range | None) -> DeliverReport:
        bundle = open_bundle(
            self._keys.identity, self._line.verify_key, reader, line=self._line.line, direction=Direction.DISPATCH
        )
        manifest = bundle.manifest
        with self._database.reading() as session:
            tip = taken_in(session)
            placement = chain.place(tip, manifest, accept_gap=accept_gap)
            chain.check_acknowledgement(manifest.acknowledged, lambda number: made_hash(session, number))
            if placement is Placement.PAST:
                before = session.get(InBundle, manifest.number)
                chain.same_as_before(bundle.position, before.sha256 if before else None)
                bundle.read_through()  # a damaged copy is called damaged, also of what is here already
                return DeliverReport(manifest.number, already_had=True)
            _refuse_known(session, manifest)
        try:
            # Replies are put to rest before the one transaction that makes them known: a crash leaves only leftovers.
            self._rest_replies(bundle)
            bundle.finish()
            with self._database.writing() as session:
                report, gone = self._commit(session, bundle, gap=manifest.number - tip.number > 1)
        except UnsettledError:
            raise  # rows that appear after a crash must find their blobs; what no row names is swept at the next start
        except BaseException:
            self._take_back(manifest)
            raise
        for blob_id in gone:
            self._blobs.delete(blob_id)
        report = replace(report, deleted=delete_acknowledged(self._database, self._blobs))
        with self._database.reading() as session:
            sweep_outbox(self._outbox, session)
        self._database.forget_log()
        return report

    def _take_back(self, manifest: Manifest) -> None:
        """Delete what was put to rest, unless it is known after all: the error may have come after the commit."""
        with self._database.reading() as session:
            if session.get(InBundle, manifest.number) is not None:
                return
        for entry in manifest.objects:
            self._blobs.delete(entry.object_id)

    def _rest_replies(self, bundle: BundleReader) -> None:
        for entry, pieces in bundle.objects():
            if entry.kind is not Kind.REPLY:
                raise MalformedError("something else than a reply comes from the desk")
            writer = self._blobs.create(entry.object_id)
            try:
                for piece in pieces:
                    writer.write(bytes(piece))
                writer.finish()
            except BaseException:
                writer.abort()
                raise

    def _commit(self, session: Session, bundle: BundleReader, *, gap: bool) -> tuple[DeliverReport, list[bytes]]:
        """The one transaction. Returns the blobs that nothing refers to any more."""
        manifest = bundle.manifest
        intake_keys = self._intake_keys.add(session, manifest.certificates)
        signed_onions = self._onion_cards.keep(session, manifest.onion_cards)
        notice = self._line_notices.keep(session, manifest.line_notice)
        gone = self._add_replies(session, manifest)
        gone += _apply_tombstones(session, manifest, self._today())
        _acknowledge(session, manifest.acknowledged.number, self._today())
        confirm_collections(session, acknowledged=manifest.acknowledged.number, desk_day=manifest.day)
        if gap:
            text = f"Bundle {manifest.number} from the desk was taken in although bundles before it are missing."
            session.add(OperatorNote(day=self._today(), text=text))
        parts = (manifest.objects, manifest.tombstones, intake_keys, signed_onions, manifest.line_notice)
        content = any(map(bool, parts))
        session.add(InBundle(number=manifest.number, sha256=bundle.position.sha256, content=content))
        report = DeliverReport(
            manifest.number,
            replies=len(manifest.objects),
            intake_keys=intake_keys,
            acknowledged=manifest.acknowledged.number,
            signed_onions=signed_onions,
            notice=notice.number if notice else None,
        )
        return report, gone

    def _add_replies(self, session: Session, manifest: Manifest) -> list[bytes]:
        """Replies to a mailbox that the source has erased are not kept."""
        refs = {entry.mailbox_ref for entry in manifest.objects}
        known = refs.intersection(session.scalars(select(Mailbox.ref)))
        unwanted = []
        for position, entry in enumerate(manifest.objects):
            if entry.mailbox_ref in known:
                session.merge(
                    Reply(
                        reply_id=entry.object_id,
                        mailbox_ref=entry.mailbox_ref,
                        number=manifest.number,
                        position=position,
                    )
                )
            else:
                unwanted.append(entry.object_id)
        return unwanted


def _refuse_known(session: Session, manifest: Manifest) -> None:
    """A refused bundle's blobs are deleted again: none may be one that was here before."""
    new = {entry.object_id for entry in manifest.objects}
    for column in (Reply.reply_id, SubmittedObject.object_id):
        if not new.isdisjoint(session.scalars(select(column))):
            raise MalformedError("an object has the id of one that is here already")


def _apply_tombstones(session: Session, manifest: Manifest, today: int) -> list[bytes]:
    """The desk withdrew a reply, or destroyed a source: its mailbox goes, but not what the desk has not seen yet."""
    gone: list[bytes] = []
    for tombstone in manifest.tombstones:
        column = Reply.reply_id if tombstone.what is Erased.REPLY else Reply.mailbox_ref
        gone += session.scalars(select(Reply.reply_id).where(column == tombstone.ref))
        session.execute(delete(Reply).where(column == tombstone.ref))
        if tombstone.what is Erased.MAILBOX:
            _remove_mailbox(session, tombstone.ref, today)
    return gone


def _remove_mailbox(session: Session, ref: bytes, today: int) -> None:
    mailbox = session.get(Mailbox, ref, with_for_update=True)
    unseen = select(SubmittedObject.object_id).filter_by(mailbox_ref=ref, bundle=None).limit(1)
    if mailbox is not None and session.scalar(unseen) is None:
        session.delete(mailbox)
        session.add(Grave(ref=ref, bundle=0, came=today, day=today))


def _acknowledge(session: Session, number: int, today: int) -> None:
    """The desk has everything up to this bundle; mailboxes' graves that it was told go two days later."""
    session.execute(update(Grave).where(Grave.bundle <= number, Grave.day.is_(None)).values(day=today))
    forget_old_graves(session, today)
    session.execute(update(OutBundle).where(OutBundle.number <= number).values(acknowledged=True))
