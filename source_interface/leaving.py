"""The quick way out, on every page."""

from flask import Blueprint, render_template, request

from source_interface.services import visit
from source_interface.small_form import read_small_form

pages = Blueprint("leaving", __name__)


@pages.post("/leave")
def leave() -> str:
    """Forget the session. Works with a stale form too: then there is nothing to forget."""
    if visit().owns(read_small_form(request).get("token", "")):
        visit().leave()
    return render_template("left.html")
