"""The quick way out, on every page."""

from flask import Blueprint, render_template, request

from source_interface.calendar_page import month_of
from source_interface.services import services, visit
from source_interface.small_form import read_small_form

pages = Blueprint("leaving", __name__)


@pages.post("/leave")
def leave() -> str:
    """Forget the session, from whatever tab: leaving never fails. No other site can make the browser send its cookie."""
    visit().leave()
    read_small_form(request)  # to its end, so that the answer is seen
    return render_template("left.html", month=month_of(services().place.today()))
