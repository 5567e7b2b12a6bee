"""How days, sizes, names and texts from strangers are written on a page. Templates escape HTML; this is about the rest."""

import unicodedata
from typing import Final

from store.clock import date_of

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_UNITS: Final = ("bytes", "KiB", "MiB", "GiB", "TiB")
_OVERRIDES: Final = "\u202d\u202e"
_TYPES: Final = {
    "application/pdf": "PDF document",
    "image/png": "PNG image",
    "image/jpeg": "JPEG image",
    "image/gif": "GIF image",
    "image/webp": "WebP image",
    "image/heic": "HEIC image",
    "text/plain": "plain text",
    "text/html": "web page (HTML)",
    "text/x-script": "script, a program",
    "application/zip": "ZIP archive",
    "application/x-elf": "program (Linux)",
    "application/vnd.microsoft.portable-executable": "program (Windows)",
    "application/x-mach-binary": "program (macOS or Java)",
    "application/vnd.android.package-archive": "program (Android)",
    "application/x-ms-shortcut": "shortcut (Windows), can start a program",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel sheet",
    "application/vnd.oasis.opendocument.text": "OpenDocument text",
    "application/x-ole-storage": "old Office document",
    "application/octet-stream": "unknown",
    "inode/x-empty": "empty",
}

_PROGRAMS: Final = frozenset({
    "text/x-script",
    "application/x-elf",
    "application/x-mach-binary",
    "application/x-ms-shortcut",
    "application/java-archive",
    "application/vnd.android.package-archive",
    "application/vnd.microsoft.portable-executable",
})


def day(number: int) -> str:
    """`23 November 2026`, whatever the machine's language."""
    when = date_of(number)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def size(length: int) -> str:
    """`1.4 MiB (1,468,006 bytes)`: a size for people, and the true one."""
    exact = f"{length:,} byte{'' if length == 1 else 's'}"
    value, unit = float(length), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return exact if unit == 0 else f"{value:.1f} {_UNITS[unit]} ({exact})"


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def file_type(media_type: str) -> str:
    return _TYPES.get(media_type, media_type)


def runs(media_type: str) -> bool:
    """Whether a file of that type is a program as it is. Documents can carry programs too: this is no promise."""
    return media_type in _PROGRAMS


def plain(untrusted: str) -> str:
    """A stranger's text without what could redraw the page: controls become signs, direction overrides are taken out."""
    return "".join(map(_sign, untrusted.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(untrusted: str, most: int = 160) -> str:
    """A stranger's file name, every invisible or turning character written as its number, cut if long."""
    shown = "".join(
        one if one == " " or unicodedata.category(one)[0] in "LMNPS" else f"[{ord(one):X}]" for one in untrusted[:most]
    )
    return shown + ("…" if len(untrusted) > most else "")


def sentence(words: str) -> str:
    """An error's words with a capital and a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "?", "!")) else ".")


def _sign(one: str) -> str:
    if one in "\n\t":
        return one
    if one < " ":
        return chr(0x2400 + ord(one))
    return "\ufffd" if one in _OVERRIDES or unicodedata.category(one) in ("Cc", "Cs", "Co", "Cn") else one
