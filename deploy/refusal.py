"""What a source is answered who is refused before the application sees the request: a whole page, of the size of every page.

Nothing is known of who asks, not even the language: the page says it in English, then shortly in every language that is
offered where a line says nothing.
"""

from enum import Enum
from functools import cache
from html import escape

import flask

from source_interface import headers
from source_interface.catalogues import catalogues, offered
from source_interface.languages import ENGLISH
from source_interface.page import fill
from source_interface.visit import cookie_value
from store.intake.sessions import new_cookie

# It names its own icon, or a browser would ask for one: a second request.
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<title>-</title><link rel="icon" href="data:,"><style>{style}</style><main>{text}</main>'
)


class Refusal(Enum):
    """Why something is refused before it reaches the application: status, the page's words, and a text of the catalogues."""

    UNREADABLE = (
        400,
        "<h1>We could not read that</h1><p>Nothing was taken. Please try again.</p>",
        "Your browser sent something that we could not read. Nothing was taken. Please try again.",
    )
    BUSY = (
        503,
        "<h1>Please try again in a minute</h1><p>Many people are here at this moment. Nothing is wrong. Nothing was lost.</p>",
        "Please try again in a minute",
    )
    NOT_DIRECT = (
        400,
        "<h1>Please use Tor Browser</h1><p>You came here through another site, or by another name than ours. Somebody between "
        "may read what you write and see where you are. Nothing was taken.</p>"
        "<p>Open Tor Browser and type our address there. It ends in .onion.</p>",
        "",
    )


def _in_other_languages(message: str) -> str:
    if not message:
        return ""
    said = {language: catalogues()[language.tag].translations.gettext(message) for language in offered({})}
    return "".join(
        f'<p lang="{language.tag}" dir="{language.direction}">{escape(words)}</p>'
        for language, words in said.items()
        if language is not ENGLISH
    )


@cache
def _head_and_body(why: Refusal) -> tuple[bytes, bytes]:
    status, text, message = why.value
    style = "body{font-family:sans-serif;max-width:40em;margin:1em auto;padding:0 1em}"
    response = flask.Response(fill(_PAGE.format(style=style, text=text + _in_other_languages(message))))
    headers.secure(response, headers.content_security_policy(style))
    # A cookie as every page has one, under a name that nobody reads: a visit's own must outlive a garbled request.
    response.set_cookie("blank", "%s", httponly=True, samesite="Strict", path="/")
    lines = [f"HTTP/1.1 {status} Page", "Connection: close", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n", response.get_data()


def refusal(why: Refusal) -> bytes:
    """The whole answer to what is refused, of the size of every page."""
    head, body = _head_and_body(why)
    return head.replace(b"%s", cookie_value(new_cookie(), "").encode()) + body
