"""Answering what a reply asks: for consent, or to choose.

Nothing is remembered of an answer but that its form came, for the visit. So a request looks alike before and after it, and can
be answered again: which answer counts is the desk's to tell (docs/formats.md §3.3).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeGuard

from flask import Blueprint, render_template, request

from crypto.request import LONGEST_REMARK, Question, Response, Say
from crypto.xwing import Identity
from source_interface.answers import no_session, stale_form
from source_interface.budgets import BusyError, Expense
from source_interface.filling import fitting
from source_interface.language import choose
from source_interface.mailbox_page import TYPED_BYTES, mailbox_page
from source_interface.reply_pages import ReplyPart, open_request
from source_interface.services import budget, services, visit
from source_interface.small_form import read_small_form, reply_id
from source_interface.visit import new_form_id
from store.intake.errors import MailboxErasedError, MailboxFullError, NoSpaceError, RefusedSubmissionError
from store.intake.sessions import Slot, Told

pages = Blueprint("responding", __name__)

_CONSENT: Final = frozenset({Say.YES, Say.NO, Say.ASK})
_LONGEST_TYPED: Final = 4_500  # UTF-16 units: whatever a browser sends fits a small form, and is given back


class Problem(Enum):
    """Why an answer was not taken."""

    GONE = "gone"
    NOTHING_CHOSEN = "nothing chosen"
    NOTHING_ASKED = "nothing asked"
    YES_WITH_WORDS = "yes with words"
    TOO_LONG = "too long"
    BUSY = "busy"
    FULL = "full"
    CLOSED = "closed"


class _NotTakenError(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.value)
        self.problem = problem


@pages.get("/answer")
def show(typed: str = "") -> str:
    """One request with its form; or what was `typed` to one that is gone."""
    slot = visit().session().slot(request.args.get("slot"))
    if slot is None or not slot.lookup:
        return no_session()
    ref = services().place.mailboxes.find(slot.lookup)
    if ref is None:
        return mailbox_page(slot)
    asked = _asked(slot, ref, request.args.get("reply", ""))
    return _page(slot, asked, {"remark": typed}, None if _stands(asked) else Problem.GONE)


@pages.post("/answer")
def answer() -> str:
    """Take in an answer. When it is not taken, the request comes back with what was typed."""
    form = read_small_form(request)
    choose(form.get("language", ""))
    if not visit().owns(form.get("token", "")):
        return stale_form(fitting(_remark(form), TYPED_BYTES))
    slot = visit().session().slot(form.get("slot"))
    if slot is None or not slot.lookup:
        return no_session(fitting(_remark(form), TYPED_BYTES))
    ref = services().place.mailboxes.find(slot.lookup)
    if ref is None:
        return mailbox_page(slot)
    asked = _asked(slot, ref, form.get("reply", ""))
    if "language" in form:
        return _page(slot, asked, form, _told(form) if _stands(asked) else Problem.GONE)
    try:
        first = _take(form, slot, ref, asked)
    except _NotTakenError as error:
        return _page(slot, asked, form, error.problem)
    return render_template("answered.html", slot=slot, repeated=not first)


def show_answered(*, repeated: bool) -> str:
    """The page after an answer, again: in another language."""
    slot = visit().session().slot(request.args.get("slot"))
    return render_template("answered.html", slot=slot, repeated=repeated) if slot is not None else no_session()


def _asked(slot: Slot, ref: bytes, untrusted_id: str) -> ReplyPart | None:
    return open_request(services().place, ref, Identity.from_seed(slot.seed), reply_id(untrusted_id))


def _told(form: Mapping[str, str]) -> Problem | None:
    """The problem that the page named which this form was on."""
    return next((problem for problem in Problem if problem.value == form.get("told")), None)


def _stands(asked: ReplyPart | None) -> TypeGuard[ReplyPart]:
    """Whether it can be answered: it is here, and has not ended."""
    return asked is not None and not asked.ended


def _remark(form: Mapping[str, str]) -> str:
    return form.get("remark", "").replace("\r\n", "\n").strip()


def _take(form: Mapping[str, str], slot: Slot, ref: bytes, asked: ReplyPart | None) -> bool:
    """Whether it was sent; False when this form came before."""
    if not _stands(asked):
        raise _NotTakenError(Problem.GONE)
    response = _response(form, asked)
    form_id = visit().form_key(form.get("form", ""), response.say, str(response.choice), response.remark)
    with visit().changing() as session:
        # A no is always taken: after a yes of the next day, the same no again is a withdrawal.
        if form_id in session.receipts and response.say is not Say.NO:
            return False
        session.remember(form_id, Told())
    try:
        _send(response, slot, ref)
    except BaseException:
        # Nothing of this form was kept: it may come again.
        with visit().changing() as session:
            session.receipts.pop(form_id, None)
        raise
    return True


def _response(form: Mapping[str, str], asked: ReplyPart) -> Response:
    remark = _remark(form)
    if len(remark) > LONGEST_REMARK:
        raise _NotTakenError(Problem.TOO_LONG)
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


def _page(slot: Slot, asked: ReplyPart | None, form: Mapping[str, str], problem: Problem | None) -> str:
    return render_template(
        "answer.html",
        slot=slot,
        part=asked,
        problem=problem.value if problem else "",
        typed=fitting(_remark(form), TYPED_BYTES),
        picked=form.get("choice", ""),
        longest_remark=LONGEST_REMARK,
        longest_typed=_LONGEST_TYPED,
        form_id=new_form_id(),
    )
