"""Advice that can be read without telling anything. Nothing is kept of what was read, not even in the session."""

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from source_interface.advice import with_words
from source_interface.advice_library import ABOUT
from source_interface.language import language
from source_interface.languages import ENGLISH
from source_interface.line_words import advice_words
from source_interface.services import services

pages = Blueprint("advice", __name__)


@pages.get("/advice")
def topics() -> str:
    texts = services().advice.all_in(language())
    texts.sort(key=lambda text: text.language != language())  # what can be read comes first
    return render_template("advice.html", texts=texts, about=ABOUT, elsewhere=ENGLISH)


@pages.get("/advice/<topic>")
def topic(topic: str) -> str:
    text = services().advice.get(language(), topic)
    if text is None:
        raise NotFound
    return render_template("advice_topic.html", text=with_words(text, advice_words(text.language)))
