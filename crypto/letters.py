"""What a keyboard, an accent or a capital cannot change of what was typed (docs/formats.md §2.3)."""

import unicodedata
from typing import Final

_PLAIN: Final = str.maketrans({"ı": "i", "œ": "oe", "æ": "ae"})  # Unicode does not take these apart itself
_INVISIBLE: Final = ("Mn", "Mc", "Me", "Cf")  # marks on a letter, and signs that say how to draw it


def fold(typed: str) -> list[str]:
    """Words of letters without marks, case or width; everything else separates them. Where there is no letter at all,
    groups of digits, whatever script's digits they were."""
    plain = unicodedata.normalize("NFKD", typed).casefold().translate(_PLAIN)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c) not in _INVISIBLE)
    words = "".join(c if c.isalpha() else " " for c in plain).split()
    return words or "".join(str(unicodedata.digit(c, " ")) for c in plain).split()
