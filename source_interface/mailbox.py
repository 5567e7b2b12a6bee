"""Sending, reading and erasing."""

from dataclasses import replace
from typing import Final

from flask import Blueprint, render_template, request

from source_interface import wording
from source_interface.answers import no_session, stale_form
from source_interface.codename_pages import as_far_as_it_came
from source_interface.language import choose
from source_interface.mailbox_page import TYPED_BYTES, mailbox_page, returnable
from source_interface.receive import UPLOADS, FieldPart, Part, receive
from source_interface.services import budget, services, visit
from source_interface.small_form import read_small_form, reply_id
from source_interface.submission import Outcome, Problem, Receiver
from store.intake.sessions import Slot

_ASKED: Final = ("all", "mailbox")  # what is not erased before a second page

pages = Blueprint("mailbox", __name__)


@pages.get("/mailbox")
def mailbox() -> str:
    """The mailbox; of a codename that was not typed back yet, the form that asks for it."""
    return as_far_as_it_came(visit().session().slot(request.args.get("slot")))


@pages.post(UPLOADS)
def submit() -> str:
    """Take in a submission. What arrived whole is kept whatever happens to the rest."""
    settings = services().place.settings
    receiver = Receiver(
        services().place,
        services().questions,
        visit(),
        services().derivation,
        budget(),
        length=request.content_length or 0,
    )
    # Four bytes a character at most, and browsers send two bytes for each line end. What is cut is too long to be given back.
    most_bytes = max(5 * settings.message_characters, 2 * TYPED_BYTES)
    is_multipart = request.mimetype == "multipart/form-data"
    outcome = receiver.take(receive(request, most_field_bytes=most_bytes) if is_multipart else _fields_only(most_bytes))
    choose(outcome.untrusted_language)
    if Problem.STALE_FORM in outcome.problems:
        return stale_form(returnable(outcome))
    if outcome.slot is None:
        return no_session(returnable(outcome))
    slot = outcome.slot
    if not outcome.untrusted_language and not _remember(outcome, slot):
        slot = replace(slot, codename=None, lookup=b"", seed=b"")  # who left is told what arrived, and shown no answers
    return mailbox_page(slot, outcome)


@pages.post("/erase")
def erase() -> str:
    """Erase a reply at once; everything or the mailbox after asking."""
    form = read_small_form(request)
    if not visit().owns(form.get("token", "")):
        return stale_form()
    slot = visit().session().slot(form.get("slot"))
    if slot is None:
        return no_session()
    what = form.get("what", "")
    replies = services().place.replies
    ref = services().place.mailboxes.find(slot.lookup) if slot.lookup else None
    if ref is None or what not in ("reply", *_ASKED):
        return mailbox_page(slot)
    if what == "reply":
        replies.erase(ref, reply_id(form.get("reply", "")))
        return mailbox_page(slot, erased="reply")
    if form.get("sure") != "yes":
        return render_template("erase.html", slot=slot, what=what)
    if what == "all":
        replies.erase_all(ref)
        return mailbox_page(slot, erased="all")
    replies.erase_mailbox(ref)
    with visit().changing() as session:
        session.slots = [other for other in session.slots if other.lookup != slot.lookup]
    return render_template("erased.html")


def _fields_only(most_bytes: int) -> list[Part]:
    """A form comes urlencoded when the language is changed, so that no file is sent. A byte may become three."""
    return [
        FieldPart(name, text) for name, text in read_small_form(request, most_bytes=3 * most_bytes).items(multi=True)
    ]


def _remember(outcome: Outcome, slot: Slot) -> bool:
    """Keep the receipt for a repeated form, and what this page tells; as a note for the next one when nobody may see this one.

    A form of which nothing was kept may be sent again: from the browser's history, with a file less, in a minute. Once
    something was kept, the codename can no longer be shown. False when the visit no longer has this codename: it was left
    while the form was coming in, or its mailbox was erased.
    """
    told = wording.told(outcome)
    form_id = outcome.form_id
    with visit().changing() as session:
        used = session.slot(slot.slot_id)
        if outcome.kept and used is not None:
            session.put(replace(used, codename=None))
        if Problem.REPEATED not in outcome.problems:
            session.coming.pop(form_id, None)
            if form_id and outcome.kept:
                session.remember(form_id, told)
            else:
                session.receipts.pop(form_id, None)
        where = session.notes if Problem.BROKEN_OFF in outcome.problems else session.shown
        where[slot.slot_id] = told
        return used is not None


def ask_again(what: str) -> str:
    """The page that asks whether to erase, again: in another language."""
    slot = visit().session().slot(request.args.get("slot"))
    if slot is None:
        return no_session()
    return render_template("erase.html", slot=slot, what=what) if what in _ASKED else mailbox_page(slot)
