"""Collecting: what came in since the last time leaves as signed, numbered, encrypted bundles.

A bundle is made in three steps that a crash may separate: claim the objects under the next number, write the file, write
down its hashes. Only the last makes it a bundle; before that the next run gives the claim back and begins again.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from crypto.bundle import SignedManifest, write_bundle
from crypto.card import LineCard
from crypto.manifest import (
    MOST_OBJECTS,
    MOST_TOMBSTONES,
    NO_HASH,
    Direction,
    Erased,
    Manifest,
    ObjectEntry,
    Tombstone,
)
from crypto.sealed_object import Kind
from store.bundle_names import bundle_name
from store.files import exclusively, write_whole
from store.intake.acknowledged import delete_acknowledged
from store.intake.blobs import Blobs, MissingBlobError
from store.intake.bundles import room_for, sweep_outbox, taken_in
from store.intake.collected import forget_later_collections, is_noted, note_collection
from store.intake.courier_days import forget_later_answers, keeps_something_back, note_answer
from store.intake.database import Database
from store.intake.errors import UnreadableError
from store.intake.host_keys import HostKeys
from store.intake.intake_keys import IntakeKeys
from store.intake.line_notices import LineNotices
from store.intake.mailboxes import forget_old_graves
from store.intake.marks import mark
from store.intake.onion_cards import OnionCards
from store.intake.settings import Settings
from store.intake.tables import Grave, InBundle, Mark, OperatorNote, OutBundle, SubmittedObject
from store.plain_files import ChangedFileError, copy_to_stick

_ACKNOWLEDGED = "acknowledged_to_desk"


@dataclass(frozen=True)
class CollectReport:
    """`made`: numbers of new bundles. `files`: every unacknowledged bundle, now in the folder. `objects` are in new ones.

    `missing`: numbers of unacknowledged bundles whose file this host's disk has lost or changed.
    """

    made: tuple[int, ...]
    files: tuple[Path, ...]
    objects: int
    missing: tuple[int, ...] = ()


@dataclass(frozen=True)
class Outgoing:
    """A bundle that the desk has not acknowledged: the file at `path`, of `size` bytes, never changes while it is one."""

    number: int
    size: int
    sha256: bytes
    path: Path


class Collector:
    """Makes collect bundles and puts them where the courier takes them."""

    def __init__(
        self,
        state: Path,
        database: Database,
        blobs: Blobs,
        keys: HostKeys,
        intake_keys: IntakeKeys,
        onion_cards: OnionCards,
        line: LineCard,
        settings: Settings,
        line_notices: LineNotices,
        today: Callable[[], int],
    ) -> None:
        self._lock, self._outbox = state / "carry.lock", state / "outbox"
        self._database, self._blobs, self._keys, self._intake_keys = database, blobs, keys, intake_keys
        self._onion_cards, self._line_notices = onion_cards, line_notices
        self._line, self._settings, self._today = line, settings, today

    def collect(self, to: Path) -> CollectReport:
        """Make bundles of all that waits, then put every bundle that the desk has not acknowledged into the folder `to`.

        Repeating it loses and doubles nothing. LockedError while another collect or deliver runs; NoSpaceError.
        """
        with exclusively(self._lock):
            made, objects = self._make_of_all()
            files, missing = self._copy_out(to)
        return CollectReport(tuple(made), tuple(files), objects, tuple(missing))

    def make(self) -> CollectReport:
        """Make bundles of all that waits and copy none: a courier over Tor gets them. Raises what `collect` does."""
        with exclusively(self._lock):
            made, objects = self._make_of_all()
        return CollectReport(tuple(made), (), objects)

    def make_for_courier(self) -> tuple[int, ...]:
        """Make bundles of what came before this UTC day (`courier_days`) and copy none: their numbers.

        However often it is called in a day, what sources send or erase that day changes nothing. Raises what `collect` does.
        """
        with exclusively(self._lock):
            today = self._today()
            with self._database.writing() as session:
                note_answer(session, today)
            return tuple(self._make(today, all_of_it=False)[0])

    def outgoing(self) -> tuple[Outgoing, ...]:
        """Every bundle that the desk has not acknowledged, in order. UnreadableError when one has gone from the disk."""
        found, gone = [], set()
        for number, sha256 in self._unacknowledged():
            path = self._outbox / bundle_name(Direction.COLLECT, number)
            try:
                found.append(Outgoing(number, path.stat().st_size, sha256, path))
            except OSError:
                gone.add(number)
        # A delivery may have acknowledged one meanwhile; any other must be there.
        if gone and (lost := gone.intersection(number for number, _ in self._unacknowledged())):
            raise UnreadableError(f"bundle {min(lost)} is missing in the outbox of the intake host")
        return tuple(found)

    def _make_of_all(self) -> tuple[list[int], int]:
        today = self._today()
        made = self._make(today, all_of_it=True)
        with self._database.writing() as session:
            forget_later_answers(session, today)
        return made

    def _make(self, today: int, *, all_of_it: bool) -> tuple[list[int], int]:
        """Of what came before today, or of all. `today` is from before: what came in meanwhile may have missed the bundles."""
        self._give_back_claims()
        delete_acknowledged(self._database, self._blobs)
        self._intake_keys.current()
        before = None if all_of_it else today
        with self._database.writing() as session:
            forget_later_collections(session, today)
            # What a source sends or erases has today's day at the latest, unless a clock was ahead: it does not decide this.
            counts = all_of_it or not keeps_something_back(session, today)
            first = counts and not is_noted(session, today)
        made: list[int] = []
        objects = 0
        while (claim := self._claim(before, even_empty=first and not made)) is not None:
            number, entries = claim
            self._write(number, entries)
            made.append(number)
            objects += len(entries)
        if first:
            with self._database.writing() as session:
                note_collection(session, today, made[-1])
        return made, objects

    def _give_back_claims(self) -> None:
        with self._database.writing() as session:
            unfinished = list(session.scalars(select(OutBundle.number).where(OutBundle.sha256.is_(None))))
            for number in unfinished:
                session.execute(update(SubmittedObject).filter_by(bundle=number).values(bundle=None))
                session.execute(update(Grave).filter_by(bundle=number).values(bundle=None))
            self._onion_cards.give_back(session, unfinished)
            session.execute(delete(OutBundle).where(OutBundle.number.in_(unfinished)))
            self._onion_cards.ask_for_own(session)
            forget_old_graves(session, self._today())
            session.flush()
            sweep_outbox(self._outbox, session)

    def _claim(self, before: int | None, *, even_empty: bool) -> tuple[int, list[SubmittedObject]] | None:
        """Take what waits, as much as one bundle holds, under the next number. None when it would be empty and may not."""
        with self._database.writing() as session:
            objects = select(SubmittedObject).filter_by(bundle=None).limit(MOST_OBJECTS).with_for_update()
            erased = select(Grave).filter_by(bundle=None).limit(MOST_TOMBSTONES)
            if before is not None:
                objects, erased = objects.where(SubmittedObject.came < before), erased.where(Grave.came < before)
            chosen: list[SubmittedObject] = []
            size = 0
            for row in session.scalars(objects):
                size += row.size
                # One that is larger than a bundle may be (the limit was lowered since) leaves alone, not never.
                if chosen and size > self._settings.bundle_bytes:
                    break
                chosen.append(row)
            graves = list(session.scalars(erased))
            asks = self._onion_cards.waits(session)
            content = chosen or graves or asks or self._owes_acknowledgement(session)
            if not content and not even_empty:
                return None
            number = (session.scalar(select(func.max(OutBundle.number))) or 0) + 1
            session.add(OutBundle(number=number, acknowledged=False))
            for row in chosen:
                row.bundle = number
            for grave in graves:
                grave.bundle = number
            self._onion_cards.claim(session, number)
            return number, chosen

    def _owes_acknowledgement(self, session: Session) -> bool:
        """Whether a bundle with content came in that no collect bundle has acknowledged.

        A bundle that holds nothing but an acknowledgement asks for none: otherwise two idle places would never stop.
        """
        told = mark(session, _ACKNOWLEDGED)
        query = select(InBundle.number).where(InBundle.number > told, InBundle.content).limit(1)
        return session.scalar(query) is not None

    def _write(self, number: int, rows: list[SubmittedObject]) -> None:
        """Write the bundle's file, then the row that makes it one. A damaged object is left out and noted."""
        entries = [entry for row in rows if (entry := self._entry(row)) is not None]
        with self._database.writing() as session:
            manifest = SignedManifest(
                self._keys.signing_key, self._manifest(session, number, entries, self._floor(session))
            )
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            blobs = (self._blobs.read(entry.object_id) for entry in entries)
            for piece in write_bundle(self._line.bundle_recipient, manifest, blobs):
                digest.update(piece)
                yield piece

        with room_for("the disk of the intake host"):
            write_whole(self._outbox / bundle_name(Direction.COLLECT, number), pieces())
        with self._database.writing() as session:
            hashes = {"sha256": manifest.position.sha256, "file_sha256": digest.digest()}
            session.execute(update(OutBundle).filter_by(number=number).values(hashes))
            session.merge(Mark(name=_ACKNOWLEDGED, value=manifest.manifest.acknowledged.number))

    def _entry(self, row: SubmittedObject) -> ObjectEntry | None:
        size, digest = 0, hashlib.sha256()
        try:
            for piece in self._blobs.read(row.object_id):
                size += len(piece)
                digest.update(piece)
        except MissingBlobError:
            size = -1
        if size == row.size:
            return ObjectEntry(row.object_id, Kind(row.kind), size, digest.digest(), row.mailbox_ref)
        with self._database.writing() as session:
            session.execute(delete(SubmittedObject).filter_by(object_id=row.object_id))
            text = "A sealed object was missing or damaged on this host's disk and could not be collected."
            session.add(OperatorNote(day=self._today(), text=text))
        return None

    def _floor(self, session: Session) -> int:
        """The lowest epoch that anything in no bundle is or can still be sealed to.

        It is marked as told before the bundle leaves: what is in progress is then either seen here or held to the mark.
        """
        self._intake_keys.told_floor(session)
        floor = self._intake_keys.floor(session)
        lowest = session.scalar(select(func.min(SubmittedObject.epoch)).filter_by(bundle=None))
        floor = min(floor, lowest) if lowest is not None else floor
        self._intake_keys.tell_floor(session, floor)
        return floor

    def _manifest(self, session: Session, number: int, entries: list[ObjectEntry], floor: int) -> Manifest:
        graves = session.scalars(select(Grave).filter_by(bundle=number))
        previous = session.get(OutBundle, number - 1)
        return Manifest(
            line=self._line.line,
            direction=Direction.COLLECT,
            number=number,
            previous=previous.sha256 if previous and previous.sha256 else NO_HASH,
            acknowledged=taken_in(session),
            day=self._today(),
            epoch=self._intake_keys.high_water(session),
            floor=floor,
            objects=tuple(entries),
            tombstones=tuple(Tombstone(Erased.MAILBOX, grave.ref) for grave in graves),
            onion_to_sign=self._onion_cards.claimed(session, number),
            notice_kept=self._line_notices.kept_number(session),
        )

    def _unacknowledged(self) -> list[tuple[int, bytes]]:
        with self._database.reading() as session:
            query = select(OutBundle).where(~OutBundle.acknowledged).order_by(OutBundle.number)
            return [(row.number, row.file_sha256) for row in session.scalars(query) if row.file_sha256]

    def _copy_out(self, to: Path) -> tuple[list[Path], list[int]]:
        files, missing = [], []
        with room_for("the folder for bundles"):
            to.mkdir(parents=True, exist_ok=True)
            for number, file_sha256 in self._unacknowledged():
                name = bundle_name(Direction.COLLECT, number)
                try:
                    copy_to_stick(self._outbox / name, file_sha256, to)
                    files.append(to / name)
                except ChangedFileError:
                    missing.append(number)
        return files, missing
