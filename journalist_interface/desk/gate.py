"""No page for anybody but the one browser: Host, origin and cookie are looked at before anything else."""

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from journalist_interface.desk.state import desk

blueprint = Blueprint("gate", __name__)


@blueprint.before_app_request
def guard() -> ResponseReturnValue | None:
    """Refuse what does not come from the one browser's own pages."""
    keeper = desk().gatekeeper
    if not keeper.allows_host(request.headers.get("Host", "")):
        return render_template("gate.html", why="host"), 421
    if request.endpoint == "gate.open_link":
        return None
    if not keeper.allows_origin(request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")):
        return render_template("gate.html", why="origin"), 403
    if not keeper.knows(request.cookies.get(keeper.cookie_name)):
        return render_template("gate.html", why="cookie"), 403
    return None


@blueprint.get("/open/<token>")
def open_link(token: str) -> ResponseReturnValue:
    """The one-time link."""
    keeper = desk().gatekeeper
    cookie = keeper.open(token)
    if cookie is None:
        mine = keeper.knows(request.cookies.get(keeper.cookie_name))
        return render_template("gate.html", why="mine" if mine else "used"), 403
    response = make_response(redirect("/", 303))
    # No Secure flag: there is no TLS on loopback, and browsers would drop the cookie.
    response.set_cookie(keeper.cookie_name, cookie, httponly=True, samesite="Strict", path="/")
    return response
