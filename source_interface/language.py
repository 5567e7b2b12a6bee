"""Which language a page is written in."""


def language() -> str:
    """The language of the page that answers the current request."""
    return "en"
