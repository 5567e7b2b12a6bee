"""Headers of every answer: nothing is loaded, nothing is stored, nothing is framed."""

import base64
import hashlib
from typing import Final

from flask import Flask, Response

_FIXED: Final = {
    "Cache-Control": "no-store",
    # Another port is another origin and is not told the root. Not no-referrer: that would turn the Origin of the desk's
    # own forms into "null", which the gate refuses.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), clipboard-read=(), geolocation=(), microphone=(), usb=()",
    "X-DNS-Prefetch-Control": "off",
}


def policy(style: str) -> str:
    """The content security policy under which `style`, and no other, applies."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def install(app: Flask, style: str) -> None:
    """Set the headers on every answer of the application, errors included."""
    headers = {**_FIXED, "Content-Security-Policy": policy(style)}

    def add(response: Response) -> Response:
        response.headers.update(headers)
        return response

    app.after_request(add)
