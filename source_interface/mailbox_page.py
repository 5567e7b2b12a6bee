"""The mailbox page: write, send files, read replies."""

from typing import Final

from flask import render_template, request
from markupsafe import escape

from crypto.xwing import Identity
from source_interface import wording
from source_interface.line_words import collected
from source_interface.reply_pages import ReplyPage, open_replies
from source_interface.services import services, visit
from source_interface.submission import Outcome, Problem
from source_interface.visit import new_form_id
from store.intake.sessions import Slot, Told

TYPED_BYTES: Final = 20_000  # of escaped text that is given back in the page


def mailbox_page(slot: Slot, outcome: Outcome | None = None, *, erased: str = "") -> str:
    """The page for one codename, with what became of a submission or of erasing above it."""
    place = services().place
    ref = place.mailboxes.find(slot.lookup) if slot.lookup else None
    replies = ReplyPage((), 1, older=False, replies=0)
    if ref is not None:
        replies = open_replies(place, ref, Identity.from_seed(slot.seed), request.args.get("page", 1, type=int))
    return render_template(
        "mailbox.html",
        slot=slot,
        exists=ref is not None,
        replies=replies,
        told=_told(slot, outcome),
        erased=erased,
        note=None if _unseen(outcome) else _take_note(slot),
        form_id=new_form_id(),
        is_open=place.submissions.shows_open() and (outcome is None or Problem.CLOSED not in outcome.problems),
        settings=place.settings,
        collected=collected(),
        typed=(typed := _beginning(outcome)),
        typed_cut=outcome is not None and len(typed) < len(outcome.typed),
        typed_lost=outcome is not None and bool(outcome.typed) and not typed and not _kept(outcome),
    )


def returnable(outcome: Outcome | None) -> str:
    """The typed message, when nothing of it was kept, now or from the same form earlier, and all of it fits the page."""
    text = _beginning(outcome)
    return text if outcome is not None and text == outcome.typed else ""


def _beginning(outcome: Outcome | None) -> str:
    """As much of that message as fits the page."""
    return "" if outcome is None or _kept(outcome) else fitting(outcome.typed)


def _kept(outcome: Outcome) -> bool:
    told = outcome.receipt or outcome.earlier
    return told is not None and told.message


def fitting(text: str) -> str:
    """The longest beginning of which the escaped text has at most TYPED_BYTES."""
    text = text[:TYPED_BYTES]
    fits, over = 0, len(text) + 1
    while over - fits > 1:
        middle = (fits + over) // 2
        if len(escape(text[:middle]).encode("utf-8", "replace")) <= TYPED_BYTES:
            fits = middle
        else:
            over = middle
    return text[:fits]


def _unseen(outcome: Outcome | None) -> bool:
    """Nobody sees a page that answers a connection that broke: the note is for the next one."""
    return outcome is not None and Problem.BROKEN_OFF in outcome.problems


def _told(slot: Slot, outcome: Outcome | None) -> Told | None:
    """What became of a submission; when only the language was changed, what the page told before."""
    if outcome is None:
        return None
    if not outcome.untrusted_language:
        return wording.told(outcome)
    return visit().session().shown.get(slot.slot_id) if outcome.tell_again else None


def _take_note(slot: Slot) -> Told | None:
    """What was left for this codename's next page, such as what arrived before a connection broke."""
    if slot.slot_id not in visit().session().notes:
        return None
    with visit().sessions.changing(visit().cookie) as session:
        note = session.notes.pop(slot.slot_id, None)
        if note is not None:
            session.shown[slot.slot_id] = note
        return note
