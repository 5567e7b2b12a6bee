"""One source: what came, what was answered, and answering. Nothing of a file is opened here."""

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from journalist_interface.desk.inbox import queue
from journalist_interface.desk.memory import DraftOf
from journalist_interface.desk.state import desk, place
from journalist_interface.desk.text import sentence
from store.desk.errors import CannotReplyError
from store.desk.model import Entry, EntryKind, Outlined
from store.desk.replying import LONGEST_REPLY as STORE_LIMIT

A_PAGE: Final = 100  # entries
LARGEST_PAGE: Final = 2_000_000  # octets of text, unless a single entry has more
LONGEST_REPLY: Final = min(8_000, STORE_LIMIT)  # characters: it must fit one of the source's pages, all of one size

MOST_HEEDED: Final = 20  # answers at the head of a conversation

blueprint = Blueprint("conversation", __name__)


@dataclass(frozen=True)
class Thread:
    """One page of a conversation, counted from 1, the oldest first."""

    entries: list[Entry]
    page: int
    pages: int


@blueprint.get("/source/<row:source_id>")
def show(source_id: int) -> ResponseReturnValue:
    """The conversation. What is on the page counts as read from now on, and is still marked new on this page."""
    answer = _page(source_id, draft=desk().drafts.get(DraftOf("reply", source_id)).get("message", ""))
    return answer, 200


@blueprint.post("/source/<row:source_id>/reply")
def reply(source_id: int) -> ResponseReturnValue:
    """Queue a reply. What was typed comes back with the reason when it is refused."""
    message = request.form.get("message", "").replace("\r\n", "\n")
    if not message.strip():
        return _page(source_id, draft=message, problem="Write something first: an empty reply is not sent."), 422
    if (length := len(message.strip())) > LONGEST_REPLY:
        problem = f"A reply has at most {LONGEST_REPLY:,} characters, this one has {length:,}. Nothing was cut or sent."
        return _page(source_id, draft=message, problem=problem), 422
    try:
        with desk().forms.once(request.form.get("form_id", "")) as first:
            if first:
                place().replies.reply(source_id, message)
    except CannotReplyError as error:
        return _page(source_id, draft=message, problem=sentence(str(error))), 422
    desk().drafts.drop(DraftOf("reply", source_id))
    if first:
        desk().notices.add("The reply is queued. It leaves with the next export.")
    else:
        desk().notices.add("That form was sent before: the reply is queued once.")
    return redirect(url_for("conversation.show", source_id=source_id, _anchor="notice"), 303)


@blueprint.post("/source/<row:source_id>/unread")
def unread(source_id: int) -> ResponseReturnValue:
    """Leave the newest thing of this source for later."""
    came = [one.entry_id for one in place().inbox.outline(source_id) if one.kind is not EntryKind.REPLY]
    if came:
        place().inbox.mark_unread(came[-1])
    return redirect(url_for("inbox.index"), 303)


@blueprint.get("/source/<row:source_id>/delete")
def ask_delete(source_id: int) -> ResponseReturnValue:
    return render_template("delete_source.html", source=place().inbox.source(source_id), queue=queue())


@blueprint.post("/source/<row:source_id>/delete")
def delete(source_id: int) -> ResponseReturnValue:
    """Delete everything of a source, after the box was ticked."""
    source = place().inbox.source(source_id)
    if request.form.get("sure") != "yes":
        problem = "Tick the box to delete: it cannot be undone."
        return render_template("delete_source.html", source=source, queue=queue(), problem=problem), 422
    place().inbox.delete_source(source_id)
    desk().drafts.drop_all(source_id)
    desk().notices.add(f"{source.name} was deleted from this desk, with everything that came and was told.")
    return redirect(url_for("inbox.index"), 303)


@blueprint.get("/source/<row:source_id>/entry/<row:entry_id>/delete")
def ask_delete_entry(source_id: int, entry_id: int) -> ResponseReturnValue:
    source, entry = place().inbox.source(source_id), place().inbox.entry(entry_id, of=source_id)
    return render_template("delete_entry.html", source=source, entry=entry, queue=queue())


@blueprint.post("/source/<row:source_id>/entry/<row:entry_id>/delete")
def delete_entry(source_id: int, entry_id: int) -> ResponseReturnValue:
    """Delete one thing that came, or take a reply back."""
    entry = place().inbox.entry(entry_id, of=source_id)
    if entry.kind is EntryKind.REPLY:
        place().replies.withdraw(entry_id)
        desk().notices.add("The reply is taken back. If it had left already, the source may have read it.")
    else:
        place().inbox.delete_entry(entry_id)
        desk().notices.add("Deleted from this desk.")
    return redirect(url_for("conversation.show", source_id=source_id), 303)


def _page(source_id: int, *, draft: str, problem: str | None = None) -> str:
    here = place()
    source = here.inbox.source(source_id)
    thread = _thread(source_id, request.args.get("page", 0, type=int))
    # Numbers are in the order of arrival, pages in that of reading: the highest one on a page says nothing of the others.
    if shown := [entry.entry_id for entry in thread.entries if entry.unread]:
        here.inbox.mark_read(source_id, shown)
    return render_template(
        "conversation.html",
        source=source,
        thread=thread,
        queue=queue(),
        requests=here.requests.on_page([entry.entry_id for entry in thread.entries]),
        draft=draft,
        problem=problem,
        longest=LONGEST_REPLY,
        heeded=here.inbox.heeded(source_id, MOST_HEEDED),
        alarms=[note for note in here.journal.alarms() if note.source_id == source_id],
        save_folder=desk().save_folder,
    )


def _thread(source_id: int, page: int) -> Thread:
    """The asked page; by default the one with the first unread entry, else the last. Texts are read for it alone."""
    pages = _pages(place().inbox.outline(source_id))
    if not 1 <= page <= len(pages):
        page = next((at for at, one in enumerate(pages, 1) if any(entry.unread for entry in one)), len(pages))
    return Thread(place().inbox.entries([entry.entry_id for entry in pages[page - 1]]), page, len(pages))


def _pages(outline: list[Outlined]) -> list[list[Outlined]]:
    """The entries in pages that fit memory and a browser; one page at least."""
    pages: list[list[Outlined]] = [[]]
    octets = 0
    for entry in outline:
        octets += entry.octets
        if pages[-1] and (len(pages[-1]) == A_PAGE or octets > LARGEST_PAGE):
            pages.append([])
            octets = entry.octets
        pages[-1].append(entry)
    return pages
