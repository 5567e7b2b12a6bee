"""The queue of sources, and what waits to be done at this desk."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from journalist_interface.desk.state import place
from store.desk.model import SourceSummary

A_PAGE: Final = 100

blueprint = Blueprint("inbox", __name__)


@dataclass(frozen=True)
class Queue:
    """One page of the queue. `page` counts from 1."""

    sources: list[SourceSummary]
    page: int
    pages: int
    total: int
    unread: int


def queue(page: int = 1) -> Queue:
    """Sources in the order in which they need attention."""
    sources = place().inbox.sources()
    pages = max(1, -(-len(sources) // A_PAGE))
    page = min(max(page, 1), pages)
    shown = sources[(page - 1) * A_PAGE : page * A_PAGE]
    return Queue(shown, page, pages, len(sources), sum(1 for source in sources if source.unread))


@blueprint.get("/")
def index() -> ResponseReturnValue:
    here = place()
    return render_template(
        "inbox.html",
        queue=queue(request.args.get("page", 1, type=int)),
        alarms=here.journal.alarms(),
        waiting=here.exporting.waiting(),
        queued=here.replies.queued(),
        supply=here.epochs.supply(),
        paired=here.host_fingerprint is not None,
        handler=here.handler,
        line_name=here.line_name,
    )
