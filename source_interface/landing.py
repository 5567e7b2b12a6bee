"""The first page."""

from flask import Blueprint, render_template

from source_interface.line_words import collected
from source_interface.services import services

pages = Blueprint("landing", __name__)


@pages.get("/")
def landing() -> str:
    place = services().place
    return render_template(
        "landing.html", is_open=place.submissions.shows_open(), words=place.line.fingerprint, collected=collected()
    )
