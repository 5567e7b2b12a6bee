"""File names from strangers, made harmless: one plain component that no file system, shell or eye reads as another.

`defuse` never fails and never returns a path. What it returns is at most 120 bytes of UTF-8.
"""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

LONGEST: Final = 120  # bytes of UTF-8; room for a number and a temporary mark below the usual limit of 255
LONGEST_EXTENSION: Final = 16
FALLBACK: Final = "file"

_SEPARATORS: Final = re.compile(r"[/\\]")
_RESERVED: Final = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
_UNSAFE: Final = frozenset("<>:\"|?*`$&;!'(){}[]#%~")
# Letters and marks of every script are kept; controls, bidirectional and invisible characters, private use, surrogates go.
_KEPT_CATEGORIES: Final = ("L", "M", "N", "P", "S", "Zs")


def defuse(untrusted_name: str) -> str:
    """A name that is safe to create in a folder and to show in a list."""
    # Only what stands after the last separator of any system: `../../bin/x` is x.
    last = _SEPARATORS.split(untrusted_name)[-1]
    kept = "".join(map(_plain, unicodedata.normalize("NFC", last)))
    # Leading dots hide a file, leading dashes are options, trailing dots and blanks vanish on Windows.
    name = re.sub(r"\s+", " ", kept).strip(" .").lstrip("-. ")
    if _RESERVED.fullmatch(name):
        name = "_" + name
    return _shorten(name) or FALLBACK


def numbered(safe_name: str, number: int) -> str:
    """The name with `-number` before its extension, still short enough: for when the name is taken."""
    if number < 2:
        return safe_name
    stem, extension = _split(safe_name)
    mark = f"-{number}"
    return _cut(stem, LONGEST - len((mark + extension).encode())) + mark + extension


def extension(name: str) -> str:
    """The extension in lower case without its dot, or an empty text."""
    return PurePosixPath(name).suffix[1:].lower()


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if character in _UNSAFE:
        return "_"
    if category == "Zs":
        return " "
    return character if category.startswith(_KEPT_CATEGORIES[:5]) else ""


def _shorten(name: str) -> str:
    stem, suffix = _split(name)
    return _cut(stem, LONGEST - len(suffix.encode())) + suffix


def _split(name: str) -> tuple[str, str]:
    """Stem and extension with its dot; an extension too long to be one belongs to the stem."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix.encode()) > LONGEST_EXTENSION:
        return name, ""
    return stem.rstrip(" ."), dot + suffix


def _cut(text: str, most_bytes: int) -> str:
    """Whole characters only, and no mark without its letter at the end's cost."""
    return text.encode()[:most_bytes].decode(errors="ignore").rstrip(" .")
