"""The line: its card, the paired intake host and its onion address, intake keys, alarms, and checking the whole desk."""

from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from journalist_interface.desk.state import desk, place
from journalist_interface.desk.text import sentence
from store.desk.errors import OnionError, PairingError
from store.desk.model import Finding

NOTES_SHOWN: Final = 50
WARN_DAYS: Final = (30, 14)
CARD_DAYS: Final = ("", "365", "90")  # the choices on the page; the first one sets no end

blueprint = Blueprint("line", __name__)


def keys_warning(days_ahead: int) -> str | None:
    """What a handler should know about the intake keys, when they run short."""
    first, second = WARN_DAYS
    if days_ahead < 0:
        return "The last intake key is past its day. Export and carry a bundle now: intake closes soon, or has closed."
    if days_ahead <= second:
        return "Intake keys run out within two weeks. Export and carry a bundle to the intake host now."
    if days_ahead <= first:
        return "Intake keys run out within a month. Export and carry a bundle to the intake host."
    return None


@blueprint.get("/line")
def show() -> ResponseReturnValue:
    return _page()


@blueprint.post("/line/pair")
def pair() -> ResponseReturnValue:
    """Take in the intake host's card."""
    card = request.form.get("host_card", "")
    try:
        place().pair(card)
    except PairingError as error:
        return _page(problem=sentence(str(error)), host_card=card), 422
    desk().notices.add("Paired. Now compare the intake host's eight words with its operator, by voice.", loud=True)
    return redirect(url_for("line.show", _anchor="host"), 303)


@blueprint.post("/line/onion/sign")
def sign_onion() -> ResponseReturnValue:
    """Sign the address that the intake host asks for, if the handler typed the same."""
    typed, days = request.form.get("address", ""), request.form.get("days", "")
    if days not in CARD_DAYS:
        return _page(onion_problem="Choose how long the card holds.", typed=typed), 422
    try:
        card = place().onion_cards.confirm(typed, days=int(days) if days else None)
    except OnionError as error:
        return _page(onion_problem=sentence(str(error)), typed=typed), 422
    desk().notices.add(f"Signed: {' '.join(card.address.groups)}. The next export carries the card to the intake host.")
    return redirect(url_for("line.show", _anchor="onion"), 303)


@blueprint.post("/line/onion/decline")
def decline_onion() -> ResponseReturnValue:
    """Do not sign it."""
    place().onion_cards.decline()
    desk().notices.add("Not signed. The journal says so.")
    return redirect(url_for("line.show", _anchor="onion"), 303)


@blueprint.post("/line/verify")
def verify() -> ResponseReturnValue:
    """Read everything and name what is wrong. It may take minutes with many files."""
    return _page(findings=place().verify())


@blueprint.post("/alarm/<row:note_id>/seen")
def seen(note_id: int) -> ResponseReturnValue:
    place().journal.see_to(note_id)
    source_id = request.form.get("source", type=int)
    if source_id is not None:
        return redirect(url_for("conversation.show", source_id=source_id), 303)
    return redirect(url_for("line.show", _anchor="alarms"), 303)


def _page(
    *,
    problem: str | None = None,
    host_card: str = "",
    onion_problem: str | None = None,
    typed: str = "",
    findings: list[Finding] | None = None,
) -> str:
    here = place()
    supply = here.epochs.supply()
    return render_template(
        "line.html",
        line_name=here.line_name,
        card=here.line_card_text,
        words=here.line_fingerprint,
        host_words=here.host_fingerprint,
        asked=here.onion_cards.asked(),
        signed=here.onion_cards.signed(),
        standing=here.line_notices.newest(),
        damaged_notice=here.line_notices.damaged(),
        damaged=[sentence(words) for words in here.onion_cards.damaged()],
        onion_problem=onion_problem,
        typed=typed,
        supply=supply,
        warning=keys_warning(supply.days_ahead),
        alarms=here.journal.alarms(),
        notes=here.journal.notes(NOTES_SHOWN),
        handler=here.handler,
        handlers=here.handlers.names(),
        problem=problem,
        host_card=host_card,
        findings=findings,
    )
