"""How much of a submission has come, on a page that asks for itself anew, in a tab of its own.

A frame beside the form would not do: Tor Browser's engine stops all that a page's frames do once its form is on its way
(docs/decisions/0010-progress.md). Looking is no use of the visit, and what is shown is gone with the upload.
"""

from typing import Final

from flask import Blueprint, Response, after_this_request, render_template, request

from source_interface.answers import no_session
from source_interface.services import visit

SECONDS: Final = 10
_LOOKS: Final = 60  # without anything coming; then the page waits to be asked: a forgotten tab falls silent

pages = Blueprint("progress", __name__)


@pages.get("/sending")
def progress() -> str:
    """What of this visit is coming in. `look` counts how often nothing was."""
    session = visit().session()
    slot = session.slot(request.args.get("slot"))
    if slot is None:
        return no_session()
    again = f"/sending?slot={slot.slot_id}"
    stop = f"{again}&look={_LOOKS}"
    look = request.args.get("look", 0, type=int)
    looks = 0 <= look < _LOOKS
    if looks:
        _look_again(f"{again}&look={0 if session.coming else look + 1:02}")
    return render_template(
        "sending.html",
        slot=slot,
        here=again if looks else stop,
        coming=list(session.coming.values()),
        looks=looks,
        again=again,
        stop=stop,
    )


def _look_again(address: str) -> None:
    """By a header: the sandbox in which pages stand lets no tag do it."""

    @after_this_request
    def refresh(response: Response) -> Response:
        response.headers["Refresh"] = f"{SECONDS};url={address}"
        return response
