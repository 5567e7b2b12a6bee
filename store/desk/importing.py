"""Importing a collect bundle: verified before parsed, taken in whole or not at all, once (docs/formats.md §6).

Files are staged under random names, fsynced, and named by rows of one transaction that ends the import. A kill before its
commit leaves files that no row names (swept later); a kill after it leaves work that the next opening does: keys to
destroy, acknowledged bundles to remove.
"""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select

from crypto.answers import LONGEST as LONGEST_ANSWERS
from crypto.bundle import BundleReader
from crypto.chain import ForkError, Placement, check_acknowledgement, place, same_as_before
from crypto.manifest import ChainPosition, Direction, Manifest
from store.clock import Clock, today
from store.desk.booking import Book
from store.desk.database import Database
from store.desk.epochs import EpochKeys
from store.desk.errors import DeskError
from store.desk.journal import write_note
from store.desk.line_keys import LineKeys
from store.desk.manifests import settle
from store.desk.model import ImportReport, Severity
from store.desk.pipeline import OpenedAhead
from store.desk.saving import in_own_words
from store.desk.stored import StoredFiles
from store.desk.sweeping import Workplace
from store.desk.tables import CollectRow, DispatchRow
from store.desk.taking import KeyRing, Taken, Taker
from store.plain_files import open_plain

BOOKED_AT_ONCE: Final = 64 * 1024 * 1024  # weight, about bytes, of what is held before it goes to the database
_ANSWERS: Final = 4 * LONGEST_ANSWERS  # what a message's answers take at most
_ONE_OBJECT: Final = 1_024  # what an object takes besides its text or name: some 500 were measured, doubled


class Importer:
    """Takes in collect bundles."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        work: Workplace,
        stored: StoredFiles,
        epochs: EpochKeys,
        line_keys: Callable[[], LineKeys],
    ) -> None:
        self._database = database
        self._clock = clock
        self._work = work
        self._stored = stored
        self._epochs = epochs
        self._line_keys = line_keys

    def import_bundle(self, path: Path, *, accept_gap: range | None = None) -> ImportReport:
        """Take in one bundle file; `accept_gap` names the missing ones that are given up for lost, which is logged.

        Raises a CryptoError and changes nothing when the bundle is refused: TruncatedError, MalformedError, ForgedError,
        WrongKeyError for damage and forgery; GapError when an earlier bundle is missing; ForkError, an alarm that also
        goes to the journal. Raises a DeskError for trouble with this desk or the stick (BusyError, NoSpaceError, ...).
        """
        keys = self._line_keys()
        _ = keys.paired
        with self._work.alone():
            try:
                report = self._import(path, keys, accept_gap=accept_gap)
                return replace(report, keys_destroyed=self._destroy_due())
            except ForkError as error:
                self._alarm(str(error))
                raise
            finally:
                # By what the database names: also right when the error came after the commit.
                with suppress(OSError, DeskError):
                    self._work.sweep()

    def _import(self, path: Path, keys: LineKeys, *, accept_gap: range | None) -> ImportReport:
        try:
            untrusted_file = open_plain(path)
        except OSError as error:
            raise DeskError(f"{path} cannot be read: {error.strerror}") from error
        with untrusted_file, OpenedAhead(keys.bundle, untrusted_file) as chunks:
            reader = BundleReader(iter(chunks), keys.paired.verify_key, line=keys.line, direction=Direction.COLLECT)
            gap = self._place(reader, accept_gap=accept_gap)
            if gap is None:
                return ImportReport(reader.manifest.number, already_had=True)
            return self._take(reader, keys, gap)

    def _place(self, reader: BundleReader, *, accept_gap: range | None) -> range | None:
        """The numbers that are skipped over, none as a rule; or None for a bundle that was taken in before."""
        manifest = reader.manifest
        with self._database.reading() as connection:
            tip = _tip(connection)
            if place(tip, manifest, accept_gap=accept_gap) is Placement.PAST:
                before = connection.scalar(select(CollectRow.sha256).where(CollectRow.number == manifest.number))
                same_as_before(reader.position, before)
                reader.read_through()  # a damaged copy is called damaged, also of what is here already
                return None
            check_acknowledgement(manifest.acknowledged, lambda number: _made(connection, number))
        return range(tip.number + 1, manifest.number)

    def _take(self, reader: BundleReader, keys: LineKeys, gap: range) -> ImportReport:
        manifest = reader.manifest
        taker = Taker(self._stored, KeyRing(self._epochs.identities(manifest.epoch)), keys.line)
        try:
            with ExitStack() as stack:
                book = self._read(reader, taker, stack)
                settled = settle(book.connection, manifest, reader.position.sha256, gap, today(self._clock), keys)
        except OSError as error:
            raise in_own_words(error, self._stored.folder) from error
        tally = book.tally
        return ImportReport(
            number=manifest.number,
            messages=tally.messages,
            files=tally.files,
            damaged=tally.damaged,
            doubles=tally.doubles,
            new_sources=tally.new_sources,
            mailboxes_closed=settled.mailboxes_closed,
            replies_taken_in=settled.replies_taken_in,
            asks_for_onion_card=manifest.onion_to_sign is not None,
            gap=(gap[0], gap[-1]) if gap else None,
            alarms=(*tally.alarms, *settled.alarms),
        )

    def _read(self, reader: BundleReader, taker: Taker, stack: ExitStack) -> Book:
        """Take all objects, and return the book once the bundle is known to be whole. Its transaction is on `stack`.

        The transaction begins late, so that handlers who write meanwhile do not wait for a slow stick.
        """
        waiting: list[Taken] = []
        weight = 0
        book: Book | None = None
        for entry, untrusted_pieces in reader.objects():
            one = taker.take(entry, untrusted_pieces)
            waiting.append(one)
            weight += _weight(one)
            if weight > BOOKED_AT_ONCE:
                book = book or self._begin(reader.manifest, stack)
                book.write(waiting)
                waiting, weight = [], 0
        reader.finish()
        if taker.staged:
            self._stored.sync()
        book = book or self._begin(reader.manifest, stack)
        book.write(waiting)
        return book

    def _begin(self, manifest: Manifest, stack: ExitStack) -> Book:
        return Book(stack.enter_context(self._database.writing()), manifest, today(self._clock))

    def _destroy_due(self) -> int:
        """The next opening would do it too: an error here does not undo the import."""
        with suppress(OSError, DeskError):
            return self._epochs.destroy_due()
        return 0

    def _alarm(self, words: str) -> None:
        with self._database.writing() as connection:
            write_note(connection, today(self._clock), Severity.ALARM, words)


def _weight(one: Taken) -> int:
    weight = _ONE_OBJECT + len(one.text or "")
    if one.header is not None:
        weight += len(one.header.name or "")
        weight += _ANSWERS if one.header.answers else 0
    return weight


def _tip(connection: Connection) -> ChainPosition:
    query = select(CollectRow.number, CollectRow.sha256).order_by(CollectRow.number.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return ChainPosition(row[0], row[1]) if row else ChainPosition.beginning()


def _made(connection: Connection, number: int) -> bytes | None:
    return connection.scalar(select(DispatchRow.sha256).where(DispatchRow.number == number))
