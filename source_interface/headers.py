"""Response headers: nothing is stored, nothing is loaded from elsewhere, nothing runs; leaving clears what a browser kept."""

import base64
import hashlib
from typing import Final

from flask import Response

_FIXED: Final = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=()",
    "X-DNS-Prefetch-Control": "off",
}

_CLEAR: Final = ("Clear-Site-Data", '"cache", "cookies", "storage"')
# As long, on every other page: the length of an answer's head must not tell that somebody left.
_FILL: Final = ("X-Filling-Here", "-" * (len("".join(_CLEAR)) - len("X-Filling-Here")))


def content_security_policy(style: str) -> str:
    """Allows this one inline style by its hash, pictures inside the page, forms to ourselves, and nothing else.

    A link may open a tab. That has a sandbox of its own by this policy; with that of its opener, too, a browser would refuse it
    for the opener policy that all pages have.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; sandbox allow-forms allow-same-origin "
        "allow-popups allow-popups-to-escape-sandbox"
    )


def secure(response: Response, policy: str, *, leaving: bool = False) -> None:
    """Set what every response has."""
    response.headers.update(_FIXED)
    name, value = _CLEAR if leaving else _FILL
    response.headers[name] = value
    response.headers["Content-Security-Policy"] = policy
    response.headers["Content-Type"] = "text/html; charset=utf-8"
