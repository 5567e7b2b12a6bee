"""The card as one page of A4 in black and white."""

import datetime
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import segno
from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos

from deploy.printed_card import fonts
from deploy.printed_card.content import SUBTITLE, CardContent
from store.clock import date_of

_MARGIN: Final = 18.0  # millimetres, as all lengths here
_QR_SIDE: Final = 60.0
_QUIET: Final = 4  # modules around the code that stay white (ISO/IEC 18004)
_SANS: Final = "helvetica"  # every reader of PDF has these two (ISO 32000-1, 9.6.2.2)
_MONO: Final = "courier"


def as_pdf(content: CardContent, font_files: Iterable[Path] | None = None) -> bytes:
    """The page, the same bytes each time. The name is drawn in `font_files`, else in fonts of this machine, embedded.

    NoFontError when they do not have all of its characters.
    """
    page = FPDF(format="A4")
    page.set_margin(_MARGIN)
    page.set_auto_page_break(auto=False)
    page.set_creation_date(datetime.datetime.combine(date_of(content.onion.day), datetime.time(tzinfo=datetime.UTC)))
    page.set_producer("Luwte")
    page.set_lang("en")
    page.set_title(SUBTITLE)
    page.add_page()
    _name(page, content.name, font_files)
    _address(page, content)
    for heading, sentences in content.sections:
        _section(page, heading, sentences)
    _signed(page, content)
    return bytes(page.output())


def _name(page: FPDF, name: str, font_files: Iterable[Path] | None) -> None:
    size = 24 if len(name) <= 40 else 16
    if fonts.is_plain(name):
        page.set_font(_SANS, "B", size)
    else:
        chosen = fonts.for_name(name, fonts.installed() if font_files is None else font_files)
        for number, path in enumerate(chosen):
            page.add_font(f"name{number}", fname=path)
        page.set_font("name0", size=size)
        page.set_fallback_fonts([f"name{number}" for number in range(1, len(chosen))])
        page.set_text_shaping(use_shaping_engine=True)
    _lines(page, name, size * 0.45, Align.C)
    page.set_text_shaping(use_shaping_engine=False)
    page.set_font(_SANS, size=12)
    _lines(page, SUBTITLE, 6, Align.C)
    page.ln(4)


def _address(page: FPDF, content: CardContent) -> None:
    """The code on the left; the address in groups and the words on the right."""
    top, left = page.get_y(), _MARGIN + _QR_SIDE + 4
    _code(page, content.onion.address.url, _MARGIN, top)
    groups, words = content.onion.address.groups, content.line.fingerprint
    page.set_left_margin(left)
    _heading(page, "Address")
    page.set_font(_MONO, "B", 21)
    rows = [" ".join(groups[at : at + 2]) for at in range(0, len(groups), 2)]
    _lines(page, "\n".join(rows) + ".onion", 8.5)
    page.set_font(_SANS, size=9)
    _lines(page, content.address_note, 5)
    page.ln(2)
    _heading(page, "The line's eight words")
    page.set_font(_MONO, "B", 12)
    _lines(page, "\n".join([" ".join(words[:4]), " ".join(words[4:])]), 5)
    page.set_left_margin(_MARGIN)
    page.set_y(max(page.get_y(), top + _QR_SIDE) + 2)
    page.line(_MARGIN, page.get_y(), page.w - _MARGIN, page.get_y())
    page.ln(1)


def _code(page: FPDF, url: str, left: float, top: float) -> None:
    matrix = segno.make(url, error="m", micro=False).matrix
    module = _QR_SIDE / (len(matrix) + 2 * _QUIET)
    page.set_fill_color(0)
    for y, row in enumerate(matrix):
        for start, length in _runs(row):
            page.rect(left + (start + _QUIET) * module, top + (y + _QUIET) * module, length * module, module, style="F")


def _runs(row: Sequence[int]) -> list[tuple[int, int]]:
    """Where dark modules begin and how many follow: neighbours drawn in one piece leave no white hairline."""
    runs: list[tuple[int, int]] = []
    for at, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == at:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((at, 1))
    return runs


def _section(page: FPDF, heading: str, sentences: Sequence[str]) -> None:
    page.ln(3)
    _heading(page, heading)
    page.set_font(_SANS, size=11.5)
    for number, sentence in enumerate(sentences, 1):
        label = f"{number}. " if len(sentences) > 1 else ""
        _lines(page, label + sentence, 5.6)
        page.ln(0.8)


def _signed(page: FPDF, content: CardContent) -> None:
    page.ln(3)
    page.line(_MARGIN, page.get_y(), page.w - _MARGIN, page.get_y())
    page.ln(2)
    page.set_font(_SANS, size=9)
    _lines(page, content.made, 5)
    page.set_font(_MONO, size=9)
    _lines(page, content.onion.text.rstrip("\n"), 4)


def _heading(page: FPDF, text: str) -> None:
    page.set_font(_SANS, "B", 12)
    _lines(page, text, 6.5)


def _lines(page: FPDF, text: str, height: float, align: Align = Align.L) -> None:
    page.multi_cell(0, height, text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
