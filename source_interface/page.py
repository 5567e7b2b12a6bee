"""Every page has one size, so that who counts bytes cannot tell one from another."""

from typing import Final

PAGE_BYTES: Final = 65_536


class PageOverflowError(Exception):
    """A page came out larger than pages may be: a fault of the program, never of who asked."""


def fill(html: str) -> bytes:
    """The page as UTF-8, with blanks after its end up to PAGE_BYTES."""
    body = html.encode("utf-8", "replace")
    if len(body) > PAGE_BYTES:
        raise PageOverflowError
    return body.ljust(PAGE_BYTES)
