"""Every form carries a token of this browser: a page of another site or port cannot make the desk act."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from journalist_interface.desk.state import desk

FIELD = "csrf"

blueprint = Blueprint("csrf", __name__)


@blueprint.before_app_request
def check() -> ResponseReturnValue | None:
    if request.method in ("GET", "HEAD", "OPTIONS"):
        return None
    keeper = desk().gatekeeper
    cookie = request.cookies.get(keeper.cookie_name, "")
    if keeper.csrf_matches(cookie, request.form.get(FIELD, "")):
        return None
    return render_template("gate.html", why="csrf"), 403


@blueprint.app_context_processor
def tokens() -> dict[str, object]:
    """`csrf_token()` and `form_id()` for templates."""
    keeper = desk().gatekeeper
    cookie = request.cookies.get(keeper.cookie_name, "")
    return {"csrf_token": lambda: keeper.csrf_token(cookie), "form_id": desk().forms.new}
