"""gunicorn, taught to say nothing of its own: not in a log, not in an answer, not in a header."""

import secrets
import sys
from collections.abc import Callable
from enum import Enum
from functools import cache
from logging import Logger as StandardLogger
from typing import Any

import flask
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData, ParseException

from source_interface import headers
from source_interface.page import fill

# It names its own icon, or a browser would ask for one: a second request.
_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    '<title>-</title><link rel="icon" href="data:,"><style>{style}</style><main>{text}</main>'
)


class Refusal(Enum):
    """Why something is refused before it reaches the application: the status, and the page's words."""

    UNREADABLE = (400, "<h1>We could not read that</h1><p>Nothing was taken. Please try again.</p>")
    BUSY = (
        503,
        "<h1>Please try again in a minute</h1><p>Many people are here at this moment. Nothing is wrong. Nothing was lost.</p>",
    )
    NOT_DIRECT = (
        400,
        "<h1>Please use Tor Browser</h1><p>You came here through another site, or by another name than ours. Somebody between "
        "may read what you write and see where you are. Nothing was taken.</p>"
        "<p>Open Tor Browser and type our address there. It ends in .onion.</p>",
    )


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's messages about its workers, never about a request: not its address, path, headers, errors or time."""

    error_fmt = "%(levelname)s: %(message)s"

    def access(self, *_: object, **__: object) -> None:
        """Requests are not logged."""

    def exception(self, _message: str, *_: object, **__: object) -> None:
        kind = sys.exc_info()[0]
        self.error_log.error("fault while serving: %s", kind.__name__ if kind else "none")

    def warning(self, message: str, *arguments: object, **keywords: Any) -> None:
        if "request" in message.lower():
            return  # "Invalid request from ip=…"
        StandardLogger.warning(self.error_log, message, *arguments, **keywords)

    def debug(self, *_: object, **__: object) -> None:
        """Debug messages name requests."""


class QuietResponse(wsgi.Response):  # type: ignore[misc]  # gunicorn ships no types
    """Says neither what serves here nor what this computer's clock shows: both help to tell computers apart."""

    def default_headers(self) -> list[str]:
        return [line for line in super().default_headers() if not line.startswith(("Server:", "Date:"))]


class QuietInput:
    """A request's body. What is wrong with how it was sent is the sender's fault, not one of ours to log.

    A body in chunks that ends too early, or badly, gives what came before that and then OSError: what arrived whole is as
    whole as in a body of known length.
    """

    def __init__(self, body: Any) -> None:
        self._body = body
        self._broken = False

    def read(self, size: int | None = None) -> bytes:
        return self._ask(self._body.read, size)

    def readline(self, size: int | None = None) -> bytes:
        return self._ask(self._body.readline, size)

    def _ask(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        if self._broken:
            return self._rest(read, size)
        try:
            return read(size)
        except (NoMoreData, ParseException):
            self._broken = True
            return self._rest(read, size)

    def _rest(self, read: Callable[[int | None], bytes], size: int | None) -> bytes:
        """gunicorn's reader has stopped for good, but what it had taken apart by then is still in it."""
        if size == 0:
            return b""
        if rest := read(size):
            return rest
        raise OSError("the body is malformed")


@cache
def _head_and_body(why: Refusal) -> tuple[bytes, bytes]:
    status, text = why.value
    style = "body{font-family:sans-serif;max-width:40em;margin:1em auto;padding:0 1em}"
    response = flask.Response(fill(_PAGE.format(style=style, text=text)))
    headers.secure(response, headers.content_security_policy(style))
    # A cookie as every page has one, under a name that nobody reads: a visit's own must outlive a garbled request.
    response.set_cookie("blank", "%s", httponly=True, samesite="Strict", path="/")
    lines = [f"HTTP/1.1 {status} Page", "Connection: close", *(f"{name}: {value}" for name, value in response.headers)]
    return "\r\n".join(lines).encode() + b"\r\n\r\n", response.get_data()


def refusal(why: Refusal) -> bytes:
    """The whole answer to what is refused, of the size of every page."""
    head, body = _head_and_body(why)
    return head.replace(b"%s", secrets.token_urlsafe(32).encode()) + body
