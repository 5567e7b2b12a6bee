"""Unlocking and locking. Every page but these needs an unlocked desk and holds it open while it answers."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from journalist_interface.desk.asking import typed
from journalist_interface.desk.holder import NotNowError
from journalist_interface.desk.memory import DraftOf
from journalist_interface.desk.state import desk
from store.desk.errors import DeskError, WrongPassphraseError
from store.desk.passphrases import MOST_CHARACTERS

blueprint = Blueprint("lock", __name__)

_WITHOUT_DESK = frozenset({"gate.open_link", "lock.form", "lock.unlock", "lock.lock"})


@blueprint.before_app_request
def hold() -> ResponseReturnValue | None:
    """Hold the unlocked desk for this request, or send the handler to the passphrase."""
    if request.endpoint is None or request.endpoint in _WITHOUT_DESK:
        return None
    held = desk().holder.enter()
    if held is not None:
        g.place = held
        return None
    _keep_draft(request.endpoint, request.view_args or {})
    return redirect(url_for("lock.form"), 303)


@blueprint.teardown_app_request
def release(_error: BaseException | None) -> None:
    held = g.pop("place", None)
    if held is not None:
        desk().holder.leave(held)


@blueprint.get("/unlock")
def form() -> ResponseReturnValue:
    if not desk().holder.locked:
        return redirect(url_for("inbox.index"), 303)
    return _page(None)


@blueprint.post("/unlock")
def unlock() -> ResponseReturnValue:
    refusal = _try(request.form.get("passphrase", ""))
    if refusal is not None:
        return _page(*refusal)
    draft = desk().drafts.newest()
    if draft is None:
        return redirect(url_for("inbox.index"), 303)
    if draft.form == "reply":
        desk().notices.add("Your reply was not sent: the desk was locked. It is kept in the box below.", loud=True)
        return redirect(url_for("conversation.show", source_id=draft.source_id, _anchor="reply"), 303)
    desk().notices.add("Your question was not sent: the desk was locked. It is kept below.", loud=True)
    return redirect(url_for("asking.form", source_id=draft.source_id, what=draft.form), 303)


@blueprint.post("/lock")
def lock() -> ResponseReturnValue:
    desk().holder.lock()
    return redirect(url_for("lock.form"), 303)


def _keep_draft(endpoint: str, named: Mapping[str, Any]) -> None:
    """Keep what a handler sent to a desk that had locked meanwhile."""
    if endpoint == "conversation.reply":
        desk().drafts.keep(DraftOf("reply", named["source_id"]), {"message": request.form.get("message", "")})
    elif endpoint == "asking.send":
        desk().drafts.keep(DraftOf(named["what"], named["source_id"]), typed(request.form))


def _try(passphrase: str) -> tuple[str, int] | None:
    """Unlock; what to say with which status when that failed."""
    if not passphrase.strip():
        return "Type the passphrase first.", 422
    if len(passphrase) > 2 * MOST_CHARACTERS:
        return "No passphrase of this desk is that long.", 422
    refusal: tuple[str, int] | None = None
    try:
        desk().holder.unlock(passphrase)
    except NotNowError as error:
        refusal = str(error), 429
    except WrongPassphraseError:
        refusal = "No handler of this desk has that passphrase. Check capitals and the keyboard's layout.", 403
    except MemoryError:
        refusal = "There is not enough free memory to check a passphrase. Close other programs and try again.", 503
    except DeskError as error:
        refusal = f"The desk could not be opened: {error}.", 500
    return refusal


def _page(problem: str | None, status: int = 200) -> ResponseReturnValue:
    drafts = desk().drafts.newest() is not None
    return render_template("unlock.html", problem=problem, drafts=drafts), status
