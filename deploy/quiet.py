"""gunicorn, taught to say nothing of its own: not in a log, not in an answer, not in a header."""

import sys
from collections.abc import Callable
from logging import Logger as StandardLogger
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.errors import NoMoreData, ParseException


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
