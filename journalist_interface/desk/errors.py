"""Errors become pages in plain words; the log gets the type of an error and where it was, never what it held."""

import logging
import traceback
from pathlib import Path

from flask import Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from crypto.errors import CryptoError
from journalist_interface.desk.text import sentence
from store.desk.errors import BusyError, DeskClosedError, DeskError, GoneError

log = logging.getLogger("luwte.desk")

_WORDS = {
    404: "There is no such page at this desk.",
    405: "That page cannot be used in this way.",
    413: "That is more than a form of this desk takes.",
}


def install(app: Flask) -> None:
    """Register a page for every kind of error."""
    app.register_error_handler(DeskError, refused)
    app.register_error_handler(CryptoError, refused)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, unexpected)


def refused(error: Exception) -> ResponseReturnValue:
    """The desk said no; its sentence is fit to be shown."""
    if isinstance(error, DeskClosedError):
        return redirect(url_for("lock.form"), 303)
    status = 404 if isinstance(error, GoneError) else 409 if isinstance(error, BusyError) else 422
    return page(sentence(str(error)), status)


def http_error(error: HTTPException) -> ResponseReturnValue:
    if error.code is not None and 300 <= error.code < 400:
        return error.get_response(request.environ)
    code = error.code or 500
    return page(_WORDS.get(code, "The request could not be understood."), code)


def unexpected(error: Exception) -> ResponseReturnValue:
    """Something of ours broke. Messages of exceptions may quote what sources wrote, so they are not logged."""
    log.error("%s", positions(error))
    return page("Something went wrong inside the desk. Nothing was changed that the desk had not said was done.", 500)


def positions(error: BaseException) -> str:
    """The error's type and the places in the code that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__qualname__} at {places}"


def page(words: str, status: int) -> ResponseReturnValue:
    return render_template("error.html", words=words), status
