"""Finding fonts for a line's name: cards are written in any script, and no font ships with Luwte."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from fontTools import unicodedata
from fontTools.ttLib import TTFont, TTLibError

FOLDERS: Final = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))
_SUFFIXES: Final = frozenset({".ttf", ".otf", ".ttc"})
_UNWANTED: Final = ("Italic", "Oblique", "Mono", "Serif", "Bold", "Condensed", "Light", "Thin", "Black", "Medium")


class NoFontError(Exception):
    """No font at hand has a character of the line's name; the message says which and what to do."""


def is_plain(name: str) -> bool:
    """Whether every reader of PDF shows it without a font in the file (Latin-1)."""
    return all(" " <= one <= "~" or "\u00a1" <= one <= "\u00ff" for one in name)


def installed(folders: Iterable[Path] = FOLDERS) -> Iterator[Path]:
    """Fonts of this machine, those that suit a heading first."""
    found = (path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in _SUFFIXES)
    return iter(sorted(found, key=lambda path: (any(word in path.stem for word in _UNWANTED), str(path))))


def for_name(name: str, candidates: Iterable[Path]) -> Sequence[Path]:
    """The first font that has all characters of the name, else several that have them together. NoFontError."""
    wanted = {one for one in name if not one.isspace()}
    chosen: list[Path] = []
    missing = set(wanted)
    for path in candidates:
        has = _characters(path)
        # The first one that has them all is better than several that have some each.
        if wanted <= has:
            return [path]
        if missing & has:
            chosen.append(path)
            missing -= has
    if missing:
        raise NoFontError(
            f"no font that was looked at can show {', '.join(map(_named, sorted(missing)[:5]))} of the line's name. Install"
            " one, such as Debian's fonts-noto-core or fonts-noto-cjk, or name a font file for each such script with --font"
        )
    return chosen


def _named(character: str) -> str:
    script = unicodedata.script_name(unicodedata.script(character))
    return f"{character} (U+{ord(character):04X}, {script})"


def _characters(path: Path) -> set[str]:
    try:
        with path.open("rb") as file, TTFont(file, lazy=True, fontNumber=0) as font:
            return {chr(code) for code in font.getBestCmap() or {}}
    except (TTLibError, OSError, ValueError, KeyError):
        return set()
