"""The one browser that may use the desk. Pure: text in, yes or no out.

A one-time link, printed to the handler's own terminal, gives one browser a cookie and leads it to the root under which
the pages are: `/` and 128 random bits. Whoever lacks either gets no page: another local user can reach the loopback port,
but draw neither. Cookies ignore ports, so a page that such a user serves on another port would get the cookie, were it not
for that root: a browser sends the cookie only to paths below it.
"""

import hashlib
import hmac
import secrets
import threading

SAME_ORIGIN = frozenset({"same-origin", "none"})


class Gatekeeper:
    """Knows the allowed names of this server, the one-time link and the cookie that it gave. Thread-safe."""

    def __init__(self, port: int, open_token: str) -> None:
        if len(open_token) < 22:
            raise ValueError("the one-time link needs a token of 128 bits or more")
        self.hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self.cookie_name = f"luwte-desk-{port}"  # cookies are shared between ports: two desks keep apart
        self.root = "/" + secrets.token_urlsafe(16)
        self._origins = frozenset(f"http://{host}" for host in self.hosts)
        self._lock = threading.Lock()
        self._token: bytes | None = _digest(open_token)
        self._cookie: bytes | None = None
        self._csrf_key = secrets.token_bytes(32)

    def allows_host(self, untrusted_host: str) -> bool:
        """Whether the Host header names this server: any other name is another site's that points here (DNS rebinding)."""
        return untrusted_host.lower() in self.hosts

    def allows_origin(self, untrusted_origin: str | None, untrusted_fetch_site: str | None) -> bool:
        """Whether the browser says that the request comes from the desk's own pages, or from its address bar.

        A header that is missing says nothing: browsers send one of them with every form, other programs none.
        """
        if untrusted_origin is not None and untrusted_origin.lower() not in self._origins:
            return False
        return untrusted_fetch_site is None or untrusted_fetch_site in SAME_ORIGIN

    def open(self, untrusted_token: str) -> str | None:
        """The cookie for the first use of the one-time link, None for anything else."""
        with self._lock:
            if self._token is None or not hmac.compare_digest(self._token, _digest(untrusted_token)):
                return None
            self._token = None
            cookie = secrets.token_urlsafe(32)
            self._cookie = _digest(cookie)
            return cookie

    def leads_to_root(self, untrusted_path: str) -> bool:
        """Whether a path is the pages' root or below it."""
        return hmac.compare_digest(_digest(self.root), _digest("/" + untrusted_path[1:].partition("/")[0]))

    def knows(self, untrusted_root: str, untrusted_cookie: str | None) -> bool:
        """Whether this is the browser that used the link: it asks below the root, and has the cookie."""
        if not self.leads_to_root(untrusted_root):
            return False
        with self._lock:
            if self._cookie is None or untrusted_cookie is None:
                return False
            return hmac.compare_digest(self._cookie, _digest(untrusted_cookie))

    def csrf_token(self, cookie: str) -> str:
        """The token that each form of this browser carries."""
        return hmac.digest(self._csrf_key, cookie.encode(), "sha256").hex()

    def csrf_matches(self, cookie: str, untrusted_token: str) -> bool:
        return hmac.compare_digest(self.csrf_token(cookie).encode(), untrusted_token.encode(errors="replace"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="replace")).digest()
