"""Coming back with a codename.

Right and wrong codenames take the same steps: one derivation, one look-up, one change of the session, one page, and a wait
until a whole number of time steps has passed. A word that is on no list is pointed out before all that.
"""

from flask import Blueprint, render_template, request

from crypto import codename
from crypto.codename import Codename, CodenameError
from source_interface.answers import busy, stale_form
from source_interface.budgets import BusyError, Expense
from source_interface.language import choose
from source_interface.mailbox_page import mailbox_page
from source_interface.misspelt import misspelt
from source_interface.services import begin_visit, budget, services, visit
from source_interface.small_form import read_small_form
from store.intake.sessions import new_slot

pages = Blueprint("login", __name__)


@pages.get("/login")
def login_form() -> str:
    return render_template("login.html")


@pages.post("/login")
def login() -> str:
    form = read_small_form(request)
    if not visit().owns(form.get("token", "")):
        return stale_form()
    typed = form.get("codename", "")
    try:
        if "language" in form:
            return _in_language(form["language"], typed, form.get("told", ""))
        budget().spend(Expense.LOGINS)
        return _log_in(codename.parse(typed), typed)
    except CodenameError as error:
        return render_template("login.html", typed=typed[: codename.LONGEST_TYPED], **misspelt(error))
    except BusyError:
        return busy()


def _in_language(untrusted_language: str, typed: str, told: str) -> str:
    """The form again, in another language. What was typed is looked at only when the page before told of a mistake in it."""
    choose(untrusted_language)
    if told == "misspelt":
        budget().spend(Expense.LOGINS)
        codename.parse(typed)
    return render_template("login.html", typed=typed[: codename.LONGEST_TYPED], not_known=told == "unknown")


def _log_in(meant: Codename, typed: str) -> str:
    begin_visit()  # a wrong codename takes the room, too
    derivation, place = services().derivation, services().place
    started = derivation.started()
    keys = derivation.derive(meant, budget())
    known = place.mailboxes.find(keys.lookup) is not None
    slot = new_slot(lookup=keys.lookup, seed=keys.identity.seed)
    with visit().changing(begin=True) as session:
        if known:
            session.put(slot)
    answer = mailbox_page(slot) if known else render_template("login.html", typed=typed, not_known=True)
    derivation.wait(started)
    return answer
