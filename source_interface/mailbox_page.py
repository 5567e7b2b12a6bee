"""The mailbox page: write, send files, read replies."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from flask import render_template, request

from crypto.xwing import Identity
from source_interface import wording
from source_interface.filling import Filled, fitting, html_bytes
from source_interface.language import language
from source_interface.line_words import collected
from source_interface.page import PAGE_BYTES
from source_interface.questions import Words
from source_interface.reply_pages import ReplyPage, open_replies
from source_interface.services import services, visit
from source_interface.submission import Outcome, Problem
from source_interface.visit import new_form_id
from store.intake.sessions import Slot, Told

TYPED_BYTES: Final = 20_000  # of escaped text that is given back in the page: answers first, then the message
_CUT_BYTES: Final = 500  # of the sentence that only the beginning is there


@dataclass(frozen=True)
class GivenBack:
    """What was typed and not kept, as far as it fits the page. `texts` are the free answers."""

    message: str
    filled: Filled
    texts: Mapping[str, str]

    @classmethod
    def of(cls, outcome: Outcome | None, most: int = TYPED_BYTES) -> "GivenBack":
        """Nothing, when there was nothing or it was kept, now or from the same form earlier. Of the message, what fits."""
        if outcome is None or _kept(outcome):
            return cls("", Filled(services().questions), {})
        texts = outcome.filled.given_back()
        taken = sum(map(html_bytes, texts.values()))
        return cls(fitting(outcome.typed, max(0, most - taken)), outcome.filled, texts)

    def __bool__(self) -> bool:
        return bool(self.message or self.filled)

    @property
    def to_copy(self) -> str:
        """All of it as one text."""
        return "\n\n".join(part for part in (self.message, self.filled.as_text(language())) if part)


def mailbox_page(slot: Slot, outcome: Outcome | None = None, *, erased: str = "") -> str:
    """The page for one codename, with what became of a submission or of erasing above it."""
    place = services().place
    ref = place.mailboxes.find(slot.lookup) if slot.lookup else None
    back = GivenBack.of(outcome)
    replies, left_out = ReplyPage((), 1, older=False, replies=0), False
    if ref is not None:
        replies = open_replies(place, ref, Identity.from_seed(slot.seed), request.args.get("page", 1, type=int))
        left_out = bool(back) and replies.replies > 0  # a page has no room for both
    facts: dict[str, object] = {
        "slot": slot,
        "exists": ref is not None,
        "replies": replies,
        "replies_left_out": left_out,
        "told": _told(slot, outcome),
        "filled": outcome.filled if outcome is not None else back.filled,
        "warnings": _warnings(outcome) if outcome is not None else {},
        "erased": erased,
        "note": None if _unseen(outcome) else _take_note(slot),
        "form_id": new_form_id(),
        "is_open": place.submissions.shows_open() and (outcome is None or Problem.CLOSED not in outcome.problems),
        "settings": place.settings,
        "collected": collected(),
        "questions": services().questions,
        "question_form": services().question_form,
    }
    html = _with(back, outcome, facts)
    # A long text gives way to what a line's own words and questions, and all that went wrong at once, need of the page.
    if (over := len(html.encode("utf-8", "replace")) - PAGE_BYTES) > 0:
        html = _with(GivenBack.of(outcome, TYPED_BYTES - over - _CUT_BYTES), outcome, facts)
    return html


def _with(back: GivenBack, outcome: Outcome | None, facts: Mapping[str, object]) -> str:
    return render_template(
        "mailbox.html",
        **facts,
        given_back=back,
        typed=back.message,
        typed_cut=outcome is not None and len(back.message) < len(outcome.typed),
        typed_lost=outcome is not None and bool(outcome.typed) and not back.message and not _kept(outcome),
    )


def returnable(outcome: Outcome) -> str:
    """The typed message and answers to copy, when nothing of it was kept and all of it fits the page."""
    back = GivenBack.of(outcome)
    text = back.to_copy
    return text if back.message == outcome.typed and html_bytes(text) <= 2 * TYPED_BYTES else ""


def _kept(outcome: Outcome) -> bool:
    told = outcome.receipt or outcome.earlier
    return told is not None and told.message


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


def _warnings(outcome: Outcome) -> dict[str, Words]:
    """What the page warns of, by name: also what it warned of before its language was changed, when all else is told again."""
    named = {*outcome.filled.warned, *outcome.untrusted_warned}
    return {name: words for name, words in services().questions.warnings.items() if name in named}


def _take_note(slot: Slot) -> Told | None:
    """What was left for this codename's next page, such as what arrived before a connection broke."""
    if slot.slot_id not in visit().session().notes:
        return None
    with visit().changing() as session:
        note = session.notes.pop(slot.slot_id, None)
        if note is not None:
            session.shown[slot.slot_id] = note
        return note
