"""One browser's visit: its cookie, the token for its forms, and what the host remembers of it meanwhile.

The cookie is sent anew with every page, with one length whether or not a session stands behind it. The form token is
derived from the cookie, which no other site can read or guess: no state is needed to check it.
"""

import hmac
import re
import secrets
from typing import Final

from flask import Request, Response

from crypto.kdf import hkdf
from store.intake.sessions import COOKIE_LENGTH, BrowserSession, Sessions, new_cookie

_COOKIE: Final = "luwte"
_OURS: Final = re.compile(rf"[A-Za-z0-9_-]{{{COOKIE_LENGTH}}}")


class Visit:
    """The visit that a request belongs to."""

    def __init__(self, request: Request, sessions: Sessions) -> None:
        untrusted = request.cookies.get(_COOKIE, "")
        self.cookie = untrusted if _OURS.fullmatch(untrusted) else new_cookie()
        self.sessions = sessions

    @property
    def token(self) -> str:
        """The token that this visit's forms carry."""
        return hkdf(self.cookie.encode("ascii"), "form-token", length=16).hex()

    def owns(self, untrusted_token: str) -> bool:
        """Whether a form came from a page of this visit."""
        return hmac.compare_digest(untrusted_token.encode("utf-8", "replace"), self.token.encode("ascii"))

    def session(self) -> BrowserSession:
        return self.sessions.load(self.cookie)

    def leave(self) -> None:
        """Forget the session and give the browser a fresh cookie."""
        self.sessions.delete(self.cookie)
        self.cookie = new_cookie()

    def finish(self, response: Response) -> None:
        response.set_cookie(_COOKIE, self.cookie, httponly=True, samesite="Strict", path="/")


def new_form_id() -> str:
    """Names one form on one page, so that sending it twice is noticed."""
    return secrets.token_hex(8)
