"""Receiving a submission: the form's token is checked before any byte of it is kept, each file is sealed as it arrives,
and whatever arrived whole is kept, whether the rest was refused or the connection broke.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final, TypeGuard

from crypto.xwing import Identity
from source_interface.budgets import Budget, BusyError, Expense
from source_interface.derivation import Derivation
from source_interface.filling import FIELDS, Filled, Filling
from source_interface.languages import ENGLISH
from source_interface.questions import Questions
from source_interface.receive import BrokenConnectionError, FieldPart, FileBegin, FilePiece, Part, TooMuchError
from source_interface.visit import Visit
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
)
from store.intake.place import IntakePlace
from store.intake.sessions import Coming, Slot, Told
from store.intake.submissions import IncomingFile, Receipt, Submission

_NOTE_EVERY_SECONDS: Final = 5  # how much has come
_DECOY: Final = "subject"  # a honeypot: a person leaves it empty
_FIELDS: Final = frozenset({"token", "slot", "form", "message", "language", "told", "warned", _DECOY})
_NAMELESS: Final = "file"  # for what came without a name
_SHOWN_CHARACTERS: Final = 255  # of a refused file's name


class Problem(Enum):
    """Why a submission, or a part of it, was not taken."""

    STALE_FORM = "stale form"
    NO_SESSION = "no session"
    REPEATED = "repeated"
    EMPTY = "empty"
    DECOY_FILLED = "decoy filled"
    MESSAGE_TOO_LONG = "message too long"
    ANSWER_TOO_LONG = "answer too long"
    ANSWERS_UNCLEAR = "answers unclear"
    FILE_TOO_LARGE = "file too large"
    TOO_MANY_FILES = "too many files"
    MAILBOX_FULL = "mailbox full"
    CLOSED = "closed"
    NO_SPACE = "no space"
    BUSY = "busy"
    TOOK_TOO_LONG = "took too long"
    ERASED = "erased"
    BROKEN_OFF = "broken off"
    TOO_MUCH = "too much"


_NOT_KEPT: Final[dict[type[RefusedSubmissionError], Problem]] = {
    IntakeClosedError: Problem.CLOSED,
    MailboxErasedError: Problem.ERASED,
    MailboxFullError: Problem.MAILBOX_FULL,
    SubmissionTooLateError: Problem.TOOK_TOO_LONG,
    KeyRetiredError: Problem.BUSY,
}


@dataclass
class Outcome:
    """What became of a submission, for the page that answers it.

    `problems` are in the order met, without doubles; `refused` names files that were not kept. `typed` is the message and
    `filled` are its answers, for giving them back when nothing of it was kept. `earlier` is what was told when the same form
    came before. `untrusted_language` is that of the button that was pressed instead of sending: then nothing is taken, and
    what the page told is to be told again if `tell_again`, with the warnings that `untrusted_warned` names.
    """

    filled: Filled
    slot: Slot | None = None
    receipt: Receipt | None = None
    problems: list[Problem] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    typed: str = ""
    form_id: str = ""
    earlier: Told | None = None
    untrusted_language: str = ""
    tell_again: bool = False
    untrusted_warned: tuple[str, ...] = ()

    @property
    def kept(self) -> bool:
        """Whether anything of it was kept."""
        return self.receipt is not None and (self.receipt.message or bool(self.receipt.files))

    def add(self, problem: Problem) -> None:
        if problem not in self.problems:
            self.problems.append(problem)


class Receiver:
    """Takes in one form from the mailbox page. Use once: `take`."""

    def __init__(
        self,
        place: IntakePlace,
        asked: Questions,
        visit: Visit,
        derivation: Derivation,
        budget: Budget,
        *,
        length: int = 0,
    ) -> None:
        """`length` is that of the form in bytes, if its sender said so."""
        self._place, self._visit, self._derivation, self._budget = place, visit, derivation, budget
        self._settings = place.settings
        self._fields: dict[str, str] = {}
        self._filling = Filling(asked)
        self._outcome = Outcome(self._filling.filled())
        self._message_cut = False
        self._submission: Submission | None = None
        self._decided = False
        self._file: IncomingFile | None = None
        self._file_name = ""
        self._nameless = False
        self._files = 0
        self._thrown_away = 0
        self._length, self._received = length, 0
        self._noted = self._derivation.started()

    def take(self, parts: Iterable[Part]) -> Outcome:
        """Read the form to its end, or as far as it comes, and keep what arrived whole."""
        try:
            for part in parts:
                self._part(part)
                if self._thrown_away > self._settings.drain_bytes:
                    self._outcome.add(Problem.TOO_MUCH)
                    break
            self._decide()
        except BrokenConnectionError:
            # Nobody waits for this answer: what arrived whole is kept, and the next page says so. The form's id comes last
            # of what is written: a message is not kept without the answers that belong to it.
            if {"message", "form"} <= self._fields.keys():
                self._decide()
            self._outcome.add(Problem.BROKEN_OFF)
        except TooMuchError:
            self._decide()
            self._outcome.add(Problem.TOO_MUCH)
        except BaseException:
            self._drop_file()
            if self._submission is not None:
                self._submission.abort()
            self._give_back_claim()
            raise
        self._drop_file()
        self._commit()
        return self._outcome

    def _give_back_claim(self) -> None:
        """Nothing of this form was kept: it may come again. Not after `_commit`, which may have kept it."""
        if self._outcome.slot is not None and Problem.REPEATED not in self._outcome.problems:
            with self._visit.changing() as session:
                session.receipts.pop(self._outcome.form_id, None)
                session.coming.pop(self._outcome.form_id, None)

    def _part(self, part: Part) -> None:
        match part:
            case FieldPart():
                self._field(part)
            case FileBegin():
                self._decide()
                self._begin_file(part.untrusted_filename)
            case FilePiece():
                self._piece(part)

    def _field(self, part: FieldPart) -> None:
        """The first field of each name that the form has; what else came is not held in memory."""
        if part.name.startswith(FIELDS) and not self._decided:
            self._filling.add(part.name, part.text, cut=part.cut)
        elif part.name in _FIELDS and part.name not in self._fields:
            self._fields[part.name] = part.text
            self._message_cut |= part.cut and part.name == "message"

    def _decide(self) -> None:
        """Once all fields that stand before the first file are known: take the submission or refuse it."""
        if self._decided:
            return
        self._decided = True
        self._outcome.filled = self._filling.filled()
        self._outcome.typed = self._fields.get("message", "").replace("\r\n", "\n").strip()
        self._outcome.untrusted_language = self._fields.get("language", "")
        if not self._visit.owns(self._fields.get("token", "")):
            self._outcome.add(Problem.STALE_FORM)
            return
        if self._outcome.untrusted_language:
            self._outcome.tell_again = "told" in self._fields
            self._outcome.untrusted_warned = tuple(self._fields.get("warned", "").split())
            self._outcome.slot = self._ready_slot()
            return
        if self._fields.get(_DECOY):
            self._outcome.add(Problem.DECOY_FILLED)
            self._outcome.slot = self._ready_slot()
            return
        try:
            slot = self._claim()
            if slot is not None:
                self._budget.spend(Expense.SUBMISSIONS)
                slot = self._outcome.slot = self._derived(slot)
                identity = Identity.from_seed(slot.seed)
                self._submission = self._place.submissions.begin(slot.lookup, identity.recipient, slot.new_ref)
                self._add_message()
        except BusyError:
            self._outcome.add(Problem.BUSY)
        except IntakeClosedError:
            self._outcome.add(Problem.CLOSED)
        except MailboxFullError:
            self._outcome.add(Problem.MAILBOX_FULL)
        except NoSpaceError:
            self._outcome.add(Problem.NO_SPACE)

    def _ready_slot(self) -> Slot | None:
        slot = self._visit.session().slot(self._fields.get("slot"))
        return slot if _ready(slot) else None

    def _claim(self) -> Slot | None:
        """The slot that this form is for; None when there is none or the form came before."""
        said = self._outcome.typed, self._outcome.filled.as_text(ENGLISH.tag)
        form_id = self._outcome.form_id = self._visit.form_key(self._fields.get("form", ""), *said)
        with self._visit.changing() as session:
            slot = session.slot(self._fields.get("slot"))
            if not _ready(slot):
                self._outcome.add(Problem.NO_SESSION)
                return None
            self._outcome.slot = slot
            if form_id in session.receipts:
                self._outcome.earlier = session.receipts[form_id]
                self._outcome.add(Problem.REPEATED)
                return None
            new_ref = self._place.mailboxes.unburied(slot.new_ref)
            if new_ref != slot.new_ref:
                # Kept at once: a second form of this visit must begin with the same one.
                slot = self._outcome.slot = replace(slot, new_ref=new_ref)
                session.put(slot)
            if form_id:
                session.remember(form_id, Told())
        return slot

    def _derived(self, slot: Slot) -> Slot:
        """The slot with its keys."""
        if slot.codename is None or slot.seed:
            return slot
        keys = self._derivation.derive(slot.codename, self._budget)
        derived = replace(slot, lookup=keys.lookup, seed=keys.identity.seed)
        with self._visit.changing() as session:
            session.put(derived)
        return derived

    def _add_message(self) -> None:
        filled = self._outcome.filled
        if self._message_cut:
            self._outcome.add(Problem.MESSAGE_TOO_LONG)
        if filled.too_long:
            self._outcome.add(Problem.ANSWER_TOO_LONG)
        if filled.unclear:
            self._outcome.add(Problem.ANSWERS_UNCLEAR)
        if self._message_cut or not filled.right or self._submission is None:
            return
        if self._outcome.typed or filled:
            try:
                self._submission.add_message(self._outcome.typed, filled.sealed())
            except MessageTooLongError:
                self._outcome.add(Problem.MESSAGE_TOO_LONG)

    def _begin_file(self, untrusted_filename: str) -> None:
        self._file_name = untrusted_filename[:_SHOWN_CHARACTERS]
        # A browser sends one nameless empty part when no file was chosen; with content it is a file all the same.
        self._nameless = not untrusted_filename
        if self._nameless:
            return
        self._files += 1
        if self._submission is None:
            return
        if self._files > self._settings.files_per_submission:
            self._refuse_file(Problem.TOO_MANY_FILES)
            return
        try:
            self._file = self._submission.open_file(untrusted_filename)
        except MailboxFullError:
            self._refuse_file(Problem.MAILBOX_FULL)
        except NoSpaceError:
            self._refuse_file(Problem.NO_SPACE)

    def _piece(self, piece: FilePiece) -> None:
        self._received += len(piece.data)
        if self._nameless and piece.data:
            self._begin_file(_NAMELESS)
        if self._file is None:
            self._thrown_away += len(piece.data)
            return
        try:
            self._file.write(piece.data)
            if piece.last:
                self._file.finish()
                self._file = None
        except TooLargeError:
            self._refuse_file(Problem.FILE_TOO_LARGE)
        except MailboxFullError:
            self._refuse_file(Problem.MAILBOX_FULL)
        except NoSpaceError:
            self._refuse_file(Problem.NO_SPACE)
        if self._derivation.started() - self._noted >= _NOTE_EVERY_SECONDS:
            coming = Coming(self._received, self._length)
            self._visit.sessions.note_coming(self._visit.cookie, self._outcome.form_id, coming)
            self._noted = self._derivation.started()

    def _refuse_file(self, problem: Problem) -> None:
        self._drop_file()
        self._outcome.add(problem)
        self._outcome.refused.append(self._file_name)

    def _drop_file(self) -> None:
        if self._file is not None:
            self._file.abort()
            self._file = None
            if {Problem.BROKEN_OFF, Problem.TOO_MUCH} & set(self._outcome.problems):
                self._outcome.refused.append(self._file_name)

    def _commit(self) -> None:
        if self._submission is None:
            return
        try:
            receipt = self._outcome.receipt = self._submission.commit()
        except RefusedSubmissionError as error:
            self._outcome.add(_NOT_KEPT[type(error)])
        except NoSpaceError:
            self._submission.abort()
            self._outcome.add(Problem.NO_SPACE)
        else:
            self._outcome.refused += receipt.refused
            if receipt.error is not None:
                self._outcome.add(_NOT_KEPT[type(receipt.error)])
        if not self._outcome.kept and not self._outcome.problems:
            self._outcome.add(Problem.EMPTY)


def _ready(slot: Slot | None) -> TypeGuard[Slot]:
    """Whether this is a slot under which something may be sent: no page has a form for others."""
    return slot is not None and slot.ready
