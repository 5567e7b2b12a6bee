"""A fresh codename: shown, exchanged for another, and typed back once before anything can be sent under it.

It is kept in the session alone, until something was sent. Who types it back is asked nothing secret: whoever has this
session's cookie can have the codename shown, so that typing may be helped as far as public word lists help.
"""

from dataclasses import replace

from flask import Blueprint, render_template, request

from crypto import codename
from crypto.codename import CodenameError
from crypto.wordlists import DIGITS
from source_interface import codename_lists
from source_interface.answers import busy, no_session, stale_form
from source_interface.budgets import BusyError, Expense
from source_interface.landing import landing
from source_interface.language import choose, language
from source_interface.mailbox_page import mailbox_page
from source_interface.misspelt import misspelt
from source_interface.services import begin_visit, budget, visit
from source_interface.small_form import read_small_form
from store.intake.sessions import Slot, new_slot

pages = Blueprint("codename_pages", __name__)


@pages.post("/codename")
def issue_codename() -> str:
    """Issue a codename for this tab. Nothing is kept of it but in the session, until something is sent."""
    form = read_small_form(request)
    if not visit().owns(form.get("token", "")):
        return stale_form()
    try:
        begin_visit()
    except BusyError:
        return busy()
    slot = new_slot(codename.generate(codename_lists.chosen(form.get("list", ""), language())))
    with visit().changing(begin=True) as session:
        session.put(slot)
    return _shown(slot)


@pages.get("/codename")
def show_codename() -> str:
    """The codename that this tab was given, again; without one the first page."""
    slot = visit().session().slot(request.args.get("slot"))
    return landing() if slot is None or slot.codename is None else _shown(slot)


@pages.get("/codename/typed")
def asked_for() -> str:
    """What stands at the address of the form when no form was sent."""
    return as_far_as_it_came(visit().session().slot(request.args.get("slot")))


@pages.post("/codename/typed")
def type_back() -> str:
    """What was typed against what was given: the page to write on, or the form again with what is wrong."""
    form = read_small_form(request)
    choose(form.get("language", ""))
    if not visit().owns(form.get("token", "")):
        return stale_form()
    slot = visit().session().slot(form.get("slot"))
    if slot is None or slot.ready:
        return as_far_as_it_came(slot)
    typed, switching = form.get("codename", ""), "language" in form
    if switching and form.get("told") != "wrong":
        return _typing_page(slot, typed)
    try:
        budget().spend(Expense.LOGINS)  # naming the nearest words is work
        right = codename.parse(typed) == slot.codename
    except CodenameError as error:
        return _typing_page(slot, typed, **misspelt(error))
    except BusyError:
        return busy()
    if switching or not right:
        return _typing_page(slot, typed, another=not right)
    with visit().changing() as session:
        kept = session.slot(slot.slot_id)
        if kept is not None:
            kept = replace(kept, typed_back=True)
            session.put(kept)
    return as_far_as_it_came(kept)


def as_far_as_it_came(slot: Slot | None) -> str:
    """The page to write on, or before it the form that asks for the codename."""
    if slot is None:
        return no_session()
    return mailbox_page(slot) if slot.ready else _typing_page(slot)


def _typing_page(slot: Slot, typed: str = "", **wrong: object) -> str:
    """The form that asks for the codename once, and never shows it. `wrong` is what is to be said of what was typed."""
    return render_template("typed_back.html", slot=slot, typed=typed[: codename.LONGEST_TYPED], **wrong)


def _shown(slot: Slot) -> str:
    return render_template(
        "codename.html", slot=slot, lists=codename_lists.of_words(), names=codename_lists.NAMES, digits=DIGITS
    )
