"""What is wrong with a codename as it was typed: the public word lists tell it, whoever may own it."""

from crypto.codename import CodenameError, UnknownWordError, WrongCountError


def misspelt(error: CodenameError) -> dict[str, object]:
    """What `_misspelt.html` says of it."""
    match error:
        case UnknownWordError():
            return {"unknown": error.words, "count": error.typed, "expected": error.expected}
        case WrongCountError():
            return {"count": error.found, "expected": error.expected}
        case _:
            return {"too_long": True}
