"""Asking a source for consent to an exact text, or to choose: written, looked at as the source will see it, then queued."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from crypto.errors import MalformedError
from crypto.request import MOST_CHOICES, ConsentRequest, Question, Request
from journalist_interface.desk.inbox import queue
from journalist_interface.desk.memory import DraftOf
from journalist_interface.desk.state import desk, place
from journalist_interface.desk.text import sentence
from store.clock import date_of, day_of
from store.desk.errors import CannotReplyError

_CHOICES: Final = tuple(f"choice{number}" for number in range(1, MOST_CHOICES + 1))
_FIELDS: Final = ("text", "recipient", "purpose", "until", *_CHOICES)
_USUAL_DAYS: Final = 30
_MOST_DAYS: Final = 366  # a yes should not outlive what the source had in mind

blueprint = Blueprint("asking", __name__)


@blueprint.get("/source/<row:source_id>/ask/<any(consent, question):what>")
def form(source_id: int, what: str) -> ResponseReturnValue:
    usual = date_of(place().requests.today + _USUAL_DAYS)
    fields = {"until": usual.isoformat()} | dict(desk().drafts.get(DraftOf(what, source_id)))
    return _form(source_id, what, fields), 200


@blueprint.post("/source/<row:source_id>/ask/<any(consent, question):what>")
def send(source_id: int, what: str) -> ResponseReturnValue:
    """Show how it will look, go back to change it, or queue it. A refusal brings back what was typed, with the reason."""
    fields = typed(request.form)
    step = request.form.get("step", "")
    if step == "change":
        return _form(source_id, what, fields), 200
    try:
        asked = _consent(fields) if what == "consent" else _question(fields)
        if step != "queue":
            return _preview(source_id, what, fields, asked), 200
        with desk().forms.once(request.form.get("form_id", "")) as first:
            if first:
                place().requests.ask(source_id, asked)
    except (CannotReplyError, MalformedError) as error:
        return _form(source_id, what, fields, sentence(str(error))), 422
    desk().drafts.drop(DraftOf(what, source_id))
    if first:
        desk().notices.add("The question is queued. It leaves with the next export.")
    else:
        desk().notices.add("That form was sent before: the question is queued once.")
    return redirect(url_for("conversation.show", source_id=source_id, _anchor="notice"), 303)


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """The fields of both forms, line ends as the desk keeps them."""
    return {name: form.get(name, "").replace("\r\n", "\n") for name in _FIELDS}


def _consent(fields: Mapping[str, str]) -> ConsentRequest:
    """MalformedError, fit to be shown."""
    today = place().requests.today
    try:
        until = day_of(date.fromisoformat(fields["until"].strip()))
    except ValueError as error:
        raise MalformedError("give the last day as a date: year, month, day") from error
    if not today <= until <= today + _MOST_DAYS:
        raise MalformedError("the last day is between today and a year from now")
    text, recipient, purpose = (fields[name].strip() for name in ("text", "recipient", "purpose"))
    return ConsentRequest(text, recipient, purpose, until)


def _question(fields: Mapping[str, str]) -> Question:
    """MalformedError, fit to be shown."""
    return Question(fields["text"].strip(), tuple(filter(None, (fields[name].strip() for name in _CHOICES))))


def _form(source_id: int, what: str, fields: Mapping[str, str], problem: str | None = None) -> str:
    return render_template(
        "ask.html",
        source=place().inbox.source(source_id),
        what=what,
        fields=fields,
        choices=_CHOICES,
        problem=problem,
        queue=queue(),
    )


def _preview(source_id: int, what: str, fields: Mapping[str, str], asked: Request) -> str:
    source = place().inbox.source(source_id)
    return render_template("ask_preview.html", source=source, what=what, fields=fields, asked=asked, queue=queue())
