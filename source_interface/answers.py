"""Pages that several views answer with."""

from typing import Final

from flask import render_template

from source_interface.line_words import name_only

NOTICES: Final = ("stale", "session", "busy", "missing", "large", "unclear", "fault")


def stale_form(typed: str = "") -> str:
    """The form's token is missing, forged, or from an earlier visit."""
    return render_template("notice.html", notice="stale", typed=typed)


def no_session(typed: str = "") -> str:
    """The visit ended: idle for too long, or the host was started again."""
    return render_template("notice.html", notice="session", typed=typed)


def busy() -> str:
    """A refusal must cost little."""
    name_only()
    return render_template("notice.html", notice="busy", typed="")
