"""Errors: a page like any other for who asked, and a line without anything of the request for the operator."""

import logging
import traceback
from pathlib import Path
from types import TracebackType

from flask import Flask, render_template
from flask.logging import default_handler
from werkzeug.exceptions import HTTPException


class QuietFlask(Flask):
    """Logs where a fault lies, never what was asked, sent or held in variables."""

    def log_exception(self, exc_info: tuple[type, BaseException, TracebackType] | tuple[None, None, None]) -> None:
        kind, _, trace = exc_info
        frames = reversed(traceback.extract_tb(trace))
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)
        self.logger.error("fault: %s at %s", kind.__name__ if kind else "none", places)


def register(app: Flask) -> None:
    """Answer every error with a page that echoes nothing, and log it without a time, which may be a source's."""
    default_handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> tuple[str, int]:
        status = error.code or 500
        notice = {404: "missing", 405: "missing", 413: "large"}.get(status, "fault" if status >= 500 else "unclear")
        return render_template("notice.html", notice=notice, typed=""), status
