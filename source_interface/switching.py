"""Changing the language of the page that stands there. Which one it becomes is in no address, and so in no history.

Pages with a form of their own carry the buttons in it (login.py, codename_pages.py, submission.py), so that what was typed
comes along. All others have a form that leads to `/language` and then to where the page itself is found.
"""

from collections.abc import Callable, Mapping
from typing import Final

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from source_interface import advice_pages, codename_pages, landing, mailbox, progress, responding
from source_interface.answers import NOTICES
from source_interface.filling import fitting
from source_interface.language import choose
from source_interface.mailbox_page import TYPED_BYTES
from source_interface.small_form import read_small_form

_PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "": landing.landing,
    "codename": codename_pages.show_codename,
    "mailbox": mailbox.mailbox,
    "sending": progress.progress,
    "advice": advice_pages.topics,
}

pages = Blueprint("switching", __name__)


@pages.post("/language/")
@pages.post("/language/<path:page>")
def switch(page: str = "") -> str:
    """The same page in the language that was chosen. It changes nothing else, so no token is asked for."""
    form = read_small_form(request, most_bytes=4 * TYPED_BYTES)
    choose(form.get("language", ""))
    typed = fitting(form.get("typed", "").replace("\r\n", "\n"), TYPED_BYTES)
    match page.split("/"):
        case [name] if name in _PAGES:
            return _PAGES[name]()
        case ["erase", what]:
            return mailbox.ask_again(what)
        case ["advice", topic]:
            return advice_pages.topic(topic)
        case ["answer"]:
            return responding.show(typed)
        case ["answered", *before]:
            return responding.show_answered(repeated=bool(before))
        case ["erased"]:
            return render_template("erased.html")
        case ["notice", notice] if notice in NOTICES:
            return render_template("notice.html", notice=notice, typed=typed)
    raise NotFound
