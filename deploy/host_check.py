"""Behind the onion, only what a browser asks the onion itself for is answered.

Another host name means that somebody sends visitors here in another name; a gateway's header means that somebody between (a
"tor2web" site) reads along. Both get the refusal that is no answer to what was asked.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

Application = Callable[..., Iterable[bytes]]

_GATEWAY: Final = (
    "HTTP_X_TOR2WEB",
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_",
    "HTTP_X_REAL_IP",
    "HTTP_X_CLIENT_IP",
)


def only_for(onion: str | None, app: Application, refuse: Callable[[dict[str, Any]], bytes]) -> Application:
    """The application, for requests to this onion address alone; others get what `refuse` makes, a whole HTTP answer, from the
    WSGI environment. Without an address (a trial on this machine) everything is let through."""
    if onion is None:
        return app

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if is_for(onion, environ):
            return app(environ, start_response)
        head, _, body = refuse(environ).partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
        # gunicorn says by itself that it closes the connection.
        start_response(status.partition(" ")[2], [pair for pair in pairs if pair[0] != "Connection"])
        return [body]

    return guarded


def is_for(onion: str, environ: dict[str, Any]) -> bool:
    """Whether a request was made to this address, by a browser and no gateway."""
    if any(name.startswith(_GATEWAY) for name in environ):
        return False
    if not str(environ.get("RAW_URI", "/")).startswith("/"):
        return False  # the form for proxies, which would name a host past the Host header
    return environ.get("HTTP_HOST", "").lower() in (onion, f"{onion}:80")
