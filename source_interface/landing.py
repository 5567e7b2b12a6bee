"""The first page, and a fresh codename."""

from flask import Blueprint, render_template, request

from crypto import codename
from source_interface.answers import busy, stale_form
from source_interface.budgets import BusyError
from source_interface.line_words import collected
from source_interface.services import begin_visit, services, visit
from source_interface.small_form import read_small_form
from store.intake.sessions import new_slot

pages = Blueprint("landing", __name__)


@pages.get("/")
def landing() -> str:
    place = services().place
    return render_template(
        "landing.html", is_open=place.submissions.shows_open(), words=place.line.fingerprint, collected=collected()
    )


@pages.post("/codename")
def issue_codename() -> str:
    """Issue a codename for this tab. Nothing is kept of it but in the session, until something is sent."""
    if not visit().owns(read_small_form(request).get("token", "")):
        return stale_form()
    try:
        begin_visit()
    except BusyError:
        return busy()
    slot = new_slot(codename.generate())
    with visit().sessions.changing(visit().cookie) as session:
        session.put(slot)
    return render_template("codename.html", slot=slot)


@pages.get("/codename")
def show_codename() -> str:
    """The codename that this tab was given, again; without one the first page."""
    slot = visit().session().slot(request.args.get("slot"))
    if slot is None or slot.codename is None:
        return landing()
    return render_template("codename.html", slot=slot)
