"""Submissions: what a source sends at once. Each part is sealed as it arrives; all rows appear in one transaction.

A crash before that transaction leaves blobs without rows, which `sweep` removes; a connection that breaks is not a crash:
the caller commits what arrived whole.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crypto.answers import Answers
from crypto.card import LineCard
from crypto.epoch import EpochCertificate
from crypto.request import Response
from crypto.sealed_object import ID_LENGTH, ContentType, Kind, ObjectHeader, seal_object, sealed_length
from crypto.xwing import Recipient
from store.intake.blobs import Blobs, BlobWriter, FloorWriter
from store.intake.courier_days import day_of_coming
from store.intake.database import Database
from store.intake.errors import (
    IntakeClosedError,
    KeyRetiredError,
    MailboxErasedError,
    MailboxFullError,
    MessageTooLongError,
    NoSpaceError,
    RefusedSubmissionError,
    SubmissionTooLateError,
    TooLargeError,
    UnsettledError,
)
from store.intake.intake_keys import LONGEST_SUBMISSION_DAYS, IntakeKeys
from store.intake.mailboxes import find_mailbox, keep_or_make_mailbox
from store.intake.sealing import SealedFile
from store.intake.settings import KIB, Settings
from store.intake.shown_room import shown_room
from store.intake.tables import SubmittedObject

_LONGEST_NAME: Final = 4_096  # characters
_LEAST: Final = 20 * KIB  # what the shortest message takes, sealed


@dataclass(frozen=True)
class Receipt:
    """What was kept: whether a message, and each whole file's untrusted name and length in bytes.

    `error` says why not all of it was: others took the room while it came in. `refused` are the untrusted names of the files
    that are not kept for it.
    """

    message: bool
    files: tuple[tuple[str, int], ...]
    refused: tuple[str, ...] = ()
    error: RefusedSubmissionError | None = None


class Submissions:
    """Opens submissions while intake is open and there is room."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: IntakeKeys,
        line: LineCard,
        settings: Settings,
        today: Callable[[], int],
    ) -> None:
        self._database, self._blobs, self._keys = database, blobs, keys
        self._line, self._settings, self._today = line, settings, today

    def is_open(self) -> bool:
        """Whether a new source can send something now. For the operator: sources are shown `shows_open`."""
        with self._database.reading() as session:
            room = self._host_room(session)
        return room >= _LEAST and self._keys.current().certificate is not None

    def shows_open(self) -> bool:
        """What pages say before anybody submits: whether there is a key, and whether there was room before today."""
        if self._keys.current().certificate is None:
            return False
        today = self._today()
        return shown_room(self._database, today, lambda session: self._had_room(session, today))

    def begin(self, lookup: bytes, reply_key: Recipient, new_ref: bytes) -> "Submission":
        """Raises IntakeClosedError or MailboxFullError; keeps nothing yet.

        `new_ref` (16 random bytes) becomes the mailbox_ref if this is the first submission. Whoever sends twice at the same
        moment with a new codename must give the same one, and never one that is buried (`Mailboxes.unburied`).
        """
        day = self._today()  # before the key: its use is then noted for this day or a later one
        certificate = self._keys.current().certificate
        if certificate is None:
            raise IntakeClosedError("no intake key may be used")
        with self._database.reading() as session:
            host_room = self._host_room(session)
            mailbox_ref = find_mailbox(session, lookup)
            used = _stored(session, mailbox_ref) if mailbox_ref else 0
        if host_room < _LEAST:
            raise IntakeClosedError("the host is nearly full")
        if used > self._settings.mailbox_bytes - _LEAST:
            raise MailboxFullError("the mailbox is full")
        room = min(host_room, self._settings.mailbox_bytes - used)
        author = _Author(
            self._line.line, lookup, mailbox_ref or new_ref, reply_key, has_mailbox=mailbox_ref is not None
        )
        return Submission(
            self._database, self._blobs, self._keys, author, certificate, self._settings, room, day, self._today
        )

    def _had_room(self, session: Session, today: int) -> bool:
        """Whether there would be room if nothing had come today."""
        query = select(func.coalesce(func.sum(SubmittedObject.size), 0)).where(SubmittedObject.came >= today)
        return self._host_room(session) + int(session.scalar(query) or 0) >= _LEAST

    def _host_room(self, session: Session) -> int:
        return min(
            self._settings.host_bytes - _stored(session, None),
            self._blobs.free_bytes() - self._settings.free_bytes_floor,
        )


@dataclass(frozen=True)
class _Author:
    line: bytes
    lookup: bytes
    mailbox_ref: bytes
    reply_key: Recipient
    has_mailbox: bool


@dataclass(frozen=True)
class _Part:
    object_id: bytes
    kind: Kind
    size: int
    name: str
    content_length: int


class Submission:
    """One submission being received. End it with `commit` or `abort`; both may follow any refusal."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        keys: IntakeKeys,
        author: _Author,
        certificate: EpochCertificate,
        settings: Settings,
        room: int,
        day: int,
        today: Callable[[], int],
    ) -> None:
        self._database, self._blobs, self._keys = database, blobs, keys
        self._author, self._certificate, self._settings = author, certificate, settings
        self._room, self._day, self._today = room, day, today
        self._submission_id = secrets.token_bytes(ID_LENGTH)
        self._parts: list[_Part] = []

    def add_message(self, text: str, answers: Answers | None = None) -> None:
        """Seal a message, with answers to questions if there are any.

        MessageTooLongError when it has too many characters; MailboxFullError, NoSpaceError.
        """
        if len(text) > self._settings.message_characters:
            raise MessageTooLongError("the message has too many characters")
        header = replace(self._header(Kind.MESSAGE, None), answers=answers)
        # Lone surrogates can't come from a browser; whoever sends them gets them replaced, not an error page.
        self._add(header, text.encode("utf-8", "replace"))

    def add_response(self, response: Response) -> None:
        """Seal what answers a request, in a message like any other. MailboxFullError, NoSpaceError."""
        header = replace(self._header(Kind.MESSAGE, None), content_type=ContentType.RESPONSE)
        self._add(header, response.encode())

    def _add(self, header: ObjectHeader, content: bytes) -> None:
        sealed = seal_object(self._certificate.recipient, header, content)
        if len(sealed) > self._room:
            raise MailboxFullError("the mailbox is full")
        writer = self._create(header.object_id)
        try:
            writer.write(sealed)
            writer.finish()
        except BaseException:
            writer.abort()
            raise
        self._keep(_Part(header.object_id, Kind.MESSAGE, len(sealed), "", len(content)))

    def open_file(self, untrusted_name: str) -> "IncomingFile":
        """Begin to seal a file; one at a time. MailboxFullError when there is no room even for an empty one."""
        name = untrusted_name.encode("utf-8", "replace").decode()[:_LONGEST_NAME]
        header = self._header(Kind.FILE, name)
        room, length_with = self._room, sealed_length(header)

        def check_room(content_length: int) -> None:
            if length_with(content_length) > room:
                raise MailboxFullError("the mailbox is full")

        check_room(0)
        sealed = SealedFile(self._certificate.recipient, header, self._create(header.object_id))

        def kept() -> None:
            self._keep(_Part(header.object_id, Kind.FILE, sealed.sealed_length, name, sealed.content_length))

        return IncomingFile(sealed, kept, self._settings.file_bytes, check_room)

    def commit(self) -> Receipt:
        """Keep all whole parts for which there is still room, in one transaction; the mailbox appears with the first.

        What was committed meanwhile counts: MailboxFullError or IntakeClosedError when nothing fits any more.
        SubmissionTooLateError when it took more than a day; KeyRetiredError when a bundle has told that nothing comes in
        any more for its key: the desk destroys keys on that promise. MailboxErasedError when the mailbox that it was for
        was erased meanwhile, or another one took its place. Nothing remains after any of these. After an UnsettledError,
        `abort` leaves everything: what no row names is swept at the next start.
        """
        if self._today() > self._day + LONGEST_SUBMISSION_DAYS:
            self.abort()
            raise SubmissionTooLateError("the submission took longer than a day")
        if not self._parts:
            return Receipt(message=False, files=())
        try:
            kept, error = self._make_known()
        except RefusedSubmissionError:
            self.abort()
            raise
        except UnsettledError:
            self._parts.clear()  # a row that appears after a crash must find its blob
            raise
        # What is known now is never aborted any more; what stays of the rest is swept.
        refused = self._parts = [part for part in self._parts if part not in kept]
        with suppress(NoSpaceError):
            self._delete(refused)
        return Receipt(
            message=any(part.kind is Kind.MESSAGE for part in kept),
            files=tuple((part.name, part.content_length) for part in kept if part.kind is Kind.FILE),
            refused=tuple(part.name for part in refused if part.kind is Kind.FILE),
            error=error,
        )

    def abort(self) -> None:
        """Nothing of it remains."""
        self._delete(self._parts)
        self._parts.clear()

    def _create(self, object_id: bytes) -> BlobWriter:
        return FloorWriter(self._blobs.create(object_id), self._blobs.free_bytes, self._settings.free_bytes_floor)

    def _delete(self, parts: list[_Part]) -> None:
        for part in parts:
            self._blobs.delete(part.object_id)

    def _make_known(self) -> tuple[list[_Part], RefusedSubmissionError | None]:
        """The one transaction. What it keeps, and why not all."""
        with self._database.writing() as session:
            if self._certificate.epoch < self._keys.told_floor(session):
                raise KeyRetiredError("the key to which the submission is sealed may be destroyed")
            author = self._author
            if not keep_or_make_mailbox(session, author.lookup, author.mailbox_ref, known=author.has_mailbox):
                raise MailboxErasedError("the mailbox was erased while the submission came in")
            kept, error = self._fitting(session)
            if error is not None and not kept:
                raise error
            came = day_of_coming(session, self._today())
            session.add_all(
                SubmittedObject(
                    object_id=part.object_id,
                    mailbox_ref=author.mailbox_ref,
                    kind=str(part.kind),
                    size=part.size,
                    epoch=self._certificate.epoch,
                    came=came,
                )
                for part in kept
            )
        return kept, error

    def _fitting(self, session: Session) -> tuple[list[_Part], RefusedSubmissionError | None]:
        """The parts that fit now, and why others don't. Two never measure the same room: `told_floor` keeps others out."""
        mailbox_room = self._settings.mailbox_bytes - _stored(session, self._author.mailbox_ref)
        host_room = self._settings.host_bytes - _stored(session, None)
        kept: list[_Part] = []
        error: RefusedSubmissionError | None = None
        for part in self._parts:
            if part.size > mailbox_room:
                error = error or MailboxFullError("the mailbox is full")
            elif part.size > host_room:
                error = error or IntakeClosedError("the host is nearly full")
            else:
                kept.append(part)
                mailbox_room -= part.size
                host_room -= part.size
        return kept, error

    def _header(self, kind: Kind, name: str | None) -> ObjectHeader:
        return ObjectHeader(
            kind=kind,
            line=self._author.line,
            mailbox_ref=self._author.mailbox_ref,
            object_id=secrets.token_bytes(ID_LENGTH),
            day=self._day,
            submission_id=self._submission_id,
            epoch=self._certificate.epoch,
            reply_key=self._author.reply_key,
            name=name,
        )

    def _keep(self, part: _Part) -> None:
        self._parts.append(part)
        self._room -= part.size


class IncomingFile:
    """A file that arrives in pieces. After an error from `write`, call `abort`."""

    def __init__(
        self, sealed: SealedFile, kept: Callable[[], None], most: int, check_room: Callable[[int], None]
    ) -> None:
        self._sealed, self._kept, self._most, self._check_room = sealed, kept, most, check_room

    def write(self, data: bytes) -> None:
        """TooLargeError, MailboxFullError or NoSpaceError as soon as the file cannot be kept."""
        length = self._sealed.content_length + len(data)
        if length > self._most:
            raise TooLargeError("the file is too large")
        self._check_room(length)
        self._sealed.write(data)

    def finish(self) -> None:
        self._sealed.finish()
        self._kept()

    def abort(self) -> None:
        self._sealed.abort()


def _stored(session: Session, mailbox_ref: bytes | None) -> int:
    """Sealed bytes kept for one mailbox, or for all."""
    query = select(func.coalesce(func.sum(SubmittedObject.size), 0))
    if mailbox_ref is not None:
        query = query.filter_by(mailbox_ref=mailbox_ref)
    return int(session.scalar(query) or 0)
