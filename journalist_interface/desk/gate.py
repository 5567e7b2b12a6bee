"""No page for anybody but the one browser: Host, origin, root and cookie are looked at before anything else."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from flask import Blueprint, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from journalist_interface.desk.gatekeeper import Gatekeeper
from journalist_interface.desk.state import desk

blueprint = Blueprint("gate", __name__)


def below_root(application: WSGIApplication, keeper: Gatekeeper) -> WSGIApplication:
    """The application with its pages below the keeper's root; `guard` refuses every request from elsewhere."""

    def rooted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        untrusted_path = environ.get("PATH_INFO", "")
        environ["SCRIPT_NAME"] = ""
        if keeper.leads_to_root(untrusted_path):
            environ["SCRIPT_NAME"] = keeper.root
            environ["PATH_INFO"] = untrusted_path[len(keeper.root) :]
        return application(environ, start_response)

    return rooted


@blueprint.before_app_request
def guard() -> ResponseReturnValue | None:
    """Refuse what does not come from the one browser's own pages."""
    keeper = desk().gatekeeper
    if not keeper.allows_host(request.headers.get("Host", "")):
        return render_template("gate.html", why="host"), 421
    if request.endpoint == "gate.open_link" and not request.script_root:
        return None
    if not keeper.allows_origin(request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")):
        return render_template("gate.html", why="origin"), 403
    if not keeper.knows(request.script_root, request.cookies.get(keeper.cookie_name)):
        return render_template("gate.html", why="cookie"), 403
    return None


@blueprint.get("/open/<token>")
def open_link(token: str) -> ResponseReturnValue:
    """The one-time link."""
    keeper = desk().gatekeeper
    cookie = keeper.open(token)
    if cookie is None:
        return render_template("gate.html", why="used"), 403
    desk().opened()
    root = f"{keeper.root}/"
    response = make_response(redirect(root, 303))
    # No Secure flag: there is no TLS on loopback, and browsers would drop the cookie.
    response.set_cookie(keeper.cookie_name, cookie, httponly=True, samesite="Strict", path=root)
    return response
