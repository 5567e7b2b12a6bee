"""Answering what a reply asks: for consent, or to choose.

Nothing is remembered of an answer but that its form came, for the visit. So a request looks alike before and after it, and can
be answered again: which answer counts is the desk's to tell (docs/formats.md §3.3).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from flask import Blueprint, render_template, request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from crypto.request import LONGEST_REMARK, Question, Response, Say
from crypto.xwing import Identity
from source_interface.answers import no_session, stale_form
from source_interface.budgets import BusyError, Expense
from source_interface.mailbox_page import TYPED_BYTES, fitting, mailbox_page
from source_interface.receive import BrokenConnectionError, FieldPart, TooMuchError, receive
from source_interface.reply_pages import ReplyPart, open_request
from source_interface.services import budget, services, visit
from source_interface.small_form import reply_id
from source_interface.visit import new_form_id
from store.intake.errors import MailboxErasedError, MailboxFullError, NoSpaceError, RefusedSubmissionError
from store.intake.sessions import Slot

pages = Blueprint("responding", __name__)

_CONSENT: Final = frozenset({Say.YES, Say.NO, Say.ASK})


class Problem(Enum):
    """Why an answer was not taken."""

    GONE = "gone"
    ENDED = "ended"
    NOTHING_CHOSEN = "nothing chosen"
    NOTHING_ASKED = "nothing asked"
    YES_WITH_WORDS = "yes with words"
    TOO_LONG = "too long"
    REPEATED = "repeated"
    BUSY = "busy"
    FULL = "full"
    CLOSED = "closed"


class _NotTakenError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@pages.post("/answer")
def answer() -> str:
    """Take in an answer. When it is not taken, the request comes back with what was typed."""
    form = _fields()
    remark = form.get("remark", "").replace("\r\n", "\n").strip()
    if not visit().owns(form.get("token", "")):
        return stale_form(fitting(remark))
    slot = visit().session().slot(form.get("slot"))
    if slot is None or not slot.lookup:
        return no_session(fitting(remark))
    place = services().place
    ref = place.mailboxes.find(slot.lookup)
    if ref is None:
        return mailbox_page(slot)
    asked = open_request(place, ref, Identity.from_seed(slot.seed), reply_id(form.get("reply", "")))
    try:
        _take(form, remark, slot, ref, asked)
    except _NotTakenError as error:
        return _page(slot, asked, error.problem, form, remark)
    return _page(slot, asked, None, form, "")


def _take(form: Mapping[str, str], remark: str, slot: Slot, ref: bytes, asked: ReplyPart | None) -> None:
    if asked is None:
        raise _NotTakenError(Problem.GONE)
    response = _response(form, remark, asked)
    form_id = form.get("form", "")[:32]
    with visit().sessions.changing(visit().cookie) as session:
        if form_id in session.receipts:
            raise _NotTakenError(Problem.REPEATED)
        session.remember(form_id, "")
    try:
        _send(response, slot, ref)
    except BaseException:
        # Nothing of this form was kept: it may come again.
        with visit().sessions.changing(visit().cookie) as session:
            session.receipts.pop(form_id, None)
        raise


def _response(form: Mapping[str, str], remark: str, asked: ReplyPart) -> Response:
    if len(remark) > LONGEST_REMARK:
        raise _NotTakenError(Problem.TOO_LONG)
    if asked.ended:
        raise _NotTakenError(Problem.ENDED)
    say, choice = _said(form, asked)
    if say is Say.YES and remark:
        raise _NotTakenError(Problem.YES_WITH_WORDS)
    if say is Say.ASK and not remark:
        raise _NotTakenError(Problem.NOTHING_ASKED)
    # Lone surrogates can't come from a browser; whoever sends them gets them replaced.
    written = remark.encode("utf-8", "replace").decode()
    return Response(bytes.fromhex(asked.reply_id), asked.digest, say, choice, written)


def _said(form: Mapping[str, str], asked: ReplyPart) -> tuple[Say, int | None]:
    if isinstance(asked.request, Question):
        for number in range(1, len(asked.request.choices) + 1):
            if form.get("choice") == str(number):
                return Say.CHOICE, number
    else:
        for say in _CONSENT:
            if form.get("say") == say:
                return say, None
    raise _NotTakenError(Problem.NOTHING_CHOSEN)


def _send(response: Response, slot: Slot, ref: bytes) -> None:
    try:
        budget().spend(Expense.SUBMISSIONS)
        # The known reference: should the mailbox be erased at this moment, no other one is made in its place.
        submission = services().place.submissions.begin(slot.lookup, Identity.from_seed(slot.seed).recipient, ref)
        try:
            submission.add_response(response)
            submission.commit()
        except (RefusedSubmissionError, NoSpaceError):
            submission.abort()
            raise
    except BusyError as error:
        raise _NotTakenError(Problem.BUSY) from error
    except MailboxErasedError as error:
        raise _NotTakenError(Problem.GONE) from error
    except MailboxFullError as error:
        raise _NotTakenError(Problem.FULL) from error
    except (RefusedSubmissionError, NoSpaceError) as error:
        raise _NotTakenError(Problem.CLOSED) from error


def _page(slot: Slot, asked: ReplyPart | None, problem: Problem | None, form: Mapping[str, str], remark: str) -> str:
    typed = fitting(remark)
    return render_template(
        "answer.html",
        slot=slot,
        part=asked,
        problem=problem.value if problem else "",
        typed=typed,
        typed_cut=len(typed) < len(remark),
        picked=form.get("choice", ""),
        longest_remark=LONGEST_REMARK,
        form_id=new_form_id(),
    )


def _fields() -> Mapping[str, str]:
    """The first of each name. What is too long comes cut, and is then too long still. RequestEntityTooLarge, BadRequest."""
    fields: dict[str, str] = {}
    try:
        for part in receive(request, most_field_bytes=2 * TYPED_BYTES):
            if not isinstance(part, FieldPart):
                raise BadRequest
            fields.setdefault(part.name, part.text)
    except BrokenConnectionError as error:
        raise BadRequest from error
    except TooMuchError as error:
        raise RequestEntityTooLarge from error
    return fields
