"""One browser's visit: its cookie, the token for its forms, and what the host remembers of it meanwhile.

The cookie is set when it is new or says another language; all other pages have as many bytes in its place. An answer that
comes late, after the visit was left, thus brings nothing back into the browser, and ends no visit that began meanwhile. The
form token is derived from the cookie, which no other site can read or guess: no state is needed to check it. The language of
the pages stands in the cookie too: whoever has not begun anything has no session, and one that ended must still be told of
in the language that was chosen.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from flask import Request, Response

from crypto.kdf import hkdf
from source_interface.languages import ENGLISH, LONGEST_TAG, Language
from store.intake.sessions import COOKIE_LENGTH, BrowserSession, Sessions, new_cookie

_COOKIE: Final = "luwte"
_OURS: Final = re.compile(rf"([A-Za-z0-9_-]{{{COOKIE_LENGTH}}})\.([A-Za-z_-]{{{LONGEST_TAG}}})")
_FILL: Final = "_"
_FILLER: Final = "X-Fill-Too"  # as long as Set-Cookie


class Visit:
    """The visit that a request belongs to. `language` is one of `offered`; `has_left`: with this request."""

    def __init__(self, request: Request, sessions: Sessions, offered: Iterable[Language]) -> None:
        self._came = request.cookies.get(_COOKIE, "")
        ours = _OURS.fullmatch(self._came)
        self.cookie, untrusted_tag = ours.groups() if ours else (new_cookie(), "")
        tag = untrusted_tag.rstrip(_FILL)
        self.language = next((language for language in offered if language.tag == tag), ENGLISH)
        self.sessions = sessions
        self.has_left = False
        self._session: BrowserSession | None = None

    @property
    def token(self) -> str:
        """The token that this visit's forms carry."""
        return hkdf(self.cookie.encode("ascii"), "form-token", length=16).hex()

    def owns(self, untrusted_token: str) -> bool:
        """Whether a form came from a page of this visit."""
        return hmac.compare_digest(untrusted_token.encode("utf-8", "replace"), self.token.encode("ascii"))

    def form_key(self, untrusted_form_id: str, *said: str) -> str:
        """Names a form with what it says: sent again after Back, but changed, it is another one. Empty when it has no id.

        It stands in the session, and tells nothing of what was said: only the cookie opens that, and makes this.
        """
        if not untrusted_form_id:
            return ""
        text = "\0".join((untrusted_form_id[:32], *said)).encode("utf-8", "replace")
        return hashlib.blake2b(text, digest_size=16, key=self.cookie.encode("ascii")).hexdigest()

    def session(self) -> BrowserSession:
        """What stands in it, read once in a request until this request changes it."""
        if self._session is None:
            self._session = self.sessions.load(self.cookie)
        return self._session

    @contextmanager
    def changing(self, *, begin: bool = False) -> Iterator[BrowserSession]:
        """As `Sessions.changing`."""
        try:
            with self.sessions.changing(self.cookie, begin=begin) as session:
                yield session
        finally:
            self._session = None

    def leave(self) -> None:
        """Forget the session and give the browser a fresh cookie, in which the language is forgotten, too."""
        self.sessions.delete(self.cookie)
        self.cookie = new_cookie()
        self._session = None
        self.has_left = True

    def finish(self, response: Response) -> None:
        value = cookie_value(self.cookie, ENGLISH.tag if self.has_left else self.language.tag)
        response.set_cookie(_COOKIE, value, httponly=True, samesite="Strict", path="/")
        if value == self._came:
            response.headers[_FILLER] = "-" * len(response.headers.pop("Set-Cookie"))


def cookie_value(secret: str, tag: str) -> str:
    """What stands in the cookie: as long for every language."""
    return f"{secret}.{tag.ljust(LONGEST_TAG, _FILL)}"


def new_form_id() -> str:
    """Names one form on one page, so that sending it twice is noticed."""
    return secrets.token_hex(8)
