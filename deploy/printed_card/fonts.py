"""Finding fonts for a line's name: cards are written in any script, and no font ships with Luwte."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

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
    """As few fonts as have all characters of the name together, in the order of the candidates. NoFontError."""
    missing = {one for one in name if not one.isspace()}
    chosen: list[Path] = []
    for path in candidates:
        has = missing & _characters(path)
        # The first one that has them all is better than several that have some each.
        if has == missing:
            return [path]
        if has and len(chosen) < 8:
            chosen.append(path)
    fonts = []
    for path in chosen:
        if has := missing & _characters(path):
            fonts.append(path)
            missing -= has
    if missing:
        shown = ", ".join(f"{one} (U+{ord(one):04X})" for one in sorted(missing)[:5])
        raise NoFontError(
            f"no font on this machine can show {shown} of the line's name. Install one, such as Debian's fonts-noto-core"
            " or fonts-noto-cjk, or name a font file with --font"
        )
    return fonts


def _characters(path: Path) -> set[str]:
    try:
        with TTFont(path, lazy=True, fontNumber=0) as font:
            return {chr(code) for code in font.getBestCmap() or {}}
    except (TTLibError, OSError, ValueError, KeyError):
        return set()
