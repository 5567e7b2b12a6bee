"""The card that people are given: readable by eye, by camera and by the commands, which say when it is not genuine."""

import re
import subprocess
import unicodedata
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image

from crypto import onion_card
from crypto.card import make_line_card
from crypto.onion_card import OnionAddress
from crypto.signed import SigningKey
from crypto.xwing import Identity
from deploy.printed_card import fonts
from deploy.printed_card.content import CardContent, as_text
from deploy.printed_card.pdf import as_pdf
from tests.deploy.test_commands import fails, ok, places  # noqa: F401 - a fixture
from tests.support.road import dispatch_bundles
from tests.vectors.common import HOST_KEY, LINE_KEY
from tests.vectors.make_onion import ADDRESS, address


def content(name="De Luwte", until=None):
    line = make_line_card(name, LINE_KEY, Identity(bytes(32)).recipient)
    return CardContent(line, onion_card.make(LINE_KEY, OnionAddress(ADDRESS), 20_780, until))


@pytest.mark.parametrize("name", ["De Luwte", "خط الإبلاغ — Luwte", "ሉውተ", "W" * 100])
def test_the_page_is_one_and_holds_name_address_words_block_and_code(tmp_path, name):
    card = content(name)
    (tmp_path / "card.pdf").write_bytes(as_pdf(card))
    told = subprocess.run(["pdftotext", "-layout", tmp_path / "card.pdf", "-"], capture_output=True, text=True).stdout
    assert told.count("\f") == 1
    assert all(part in told for part in (*card.onion.address.groups, *card.line.fingerprint))
    assert all(line in told for line in card.onion.text.splitlines())
    assert "torproject.org" in told
    subprocess.run(["pdftoppm", "-r", "150", "-gray", tmp_path / "card.pdf", tmp_path / "page"], check=True)
    [page] = tmp_path.glob("page*.pgm")
    [code] = zxingcpp.read_barcodes(Image.open(page))
    assert code.text == f"http://{ADDRESS}.onion/"


def test_the_page_is_the_same_each_time_and_tells_no_time():
    assert as_pdf(content()) == as_pdf(content())
    assert b"D:20261123" in as_pdf(content())


CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
ARABIC = Path("/usr/share/fonts/truetype/noto/NotoSansArabic-Regular.ttf")
ETHIOPIC = Path("/usr/share/fonts/truetype/noto/NotoSansEthiopic-Regular.ttf")
LATIN = Path("/usr/share/fonts/truetype/noto/NotoSans-Regular.ttf")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("避风港举报热线", [CJK]),
        ("風下の窓口 ルウテ", [CJK]),
        ("바람막이 신고", [CJK]),
        ("خط الإبلاغ الآمن", [ARABIC]),
        ("خط گزارش — Luwte", [ARABIC, LATIN]),
        ("ሓገዝ ሉውተ", [ETHIOPIC]),
        ("Luwte ሉውተ خط 避风 Затишье", [LATIN, ETHIOPIC, ARABIC, CJK]),
        ("避风港举报热线" * 14, None),
        ("Luwte ሉውተ خط 避风 Затишье", None),
    ],
)
def test_every_character_of_a_name_is_drawn_on_the_page(tmp_path, caplog, name, files):
    """The library that draws warns of a character for which a font has no glyph, and draws a box in its place."""
    (tmp_path / "card.pdf").write_bytes(as_pdf(content(name), files))

    assert [record.getMessage() for record in caplog.records] == []
    told = subprocess.run(["pdftotext", "-bbox", tmp_path / "card.pdf", "-"], capture_output=True, text=True).stdout
    height = float(re.search(r'<page width="[\d.]+" height="([\d.]+)"', told)[1])
    assert (
        max(float(bottom) for bottom in re.findall(r'yMax="([\d.]+)"', told)) < height - 20
    )  # points: printers leave an edge
    # An Arabic letter may be told by its form in the word.
    drawn = unicodedata.normalize("NFKC", "".join(re.findall(r">([^<]+)</word>", told)))
    assert set(name) - {" "} <= set(drawn)


@pytest.mark.parametrize(
    ("name", "files", "told"),
    [
        ("避风", [ARABIC, LATIN], r"避 \(U\+907F, Han\), 风 \(U\+98CE, Han\)"),
        ("خط", [CJK], r"خ \(U\+062E, Arabic\)"),
        ("ሉውተ", [CJK, ARABIC], r"ሉ \(U\+1209, Ethiopic\)"),
        ("Luwte ሉ", [ETHIOPIC], r"Latin"),
        ("ሉ", [Path(__file__)], r"Ethiopic"),
        ("\U0002ceb0", [], r"U\+2CEB0.*--font"),
    ],
)
def test_a_name_that_no_font_can_show_is_said_with_the_script_that_lacks_one(name, files, told):
    with pytest.raises(fonts.NoFontError, match=told):
        as_pdf(content(name), files)


def test_a_card_is_made_signed_and_verified_by_the_commands(places, tmp_path):  # noqa: F811 - the fixture
    root, desk = places
    intake, to = ("--state", root / "intake"), tmp_path / "card"
    assert "knows no onion address" in fails("luwte-intake", "card", *intake, "--to", to)
    assert "not signed" in fails("luwte-intake", "card", *intake, "--to", to, "--onion", ADDRESS)
    assert not to.exists()
    assert "wrong checksum" in fails(
        "luwte-intake", "card", *intake, "--to", to, "--onion", address(checksum=b"xx"), code=2
    )
    assert "nothing was signed" in fails("luwte-desk", "sign-onion", *desk, "x" * 56, code=3)
    assert "BEGIN LUWTE ONION CARD" in ok("luwte-desk", "sign-onion", *desk, ADDRESS)
    ok("luwte-desk", "export", *desk, "--to", tmp_path)
    for bundle in dispatch_bundles(tmp_path):
        ok("luwte-intake", "deliver", *intake, bundle)
    ok("luwte-intake", "card", *intake, "--to", to)
    line = ("--line-card", root / "desk" / "line.card")
    for told in (
        ok("luwte-intake", "verify-card", to / "luwte-card.txt", *line),
        ok("luwte-desk", "verify-card", *desk, to / "luwte-card.txt"),
    ):
        assert 'Genuine: signed by the line "De Luwte".' in told
        assert " ".join(OnionAddress(ADDRESS).groups) in told
    assert (to / "luwte-card.pdf").read_bytes().startswith(b"%PDF")


def test_cards_that_are_not_genuine_or_over_are_refused(tmp_path):
    card = content(until=20_790)
    line, file = tmp_path / "line.card", tmp_path / "card.txt"
    line.write_text(card.line.text)
    other = address(SigningKey(b"\x06" * 32).public.raw)
    text = as_text(card)
    forged = onion_card.make(HOST_KEY, OnionAddress(ADDRESS), 20_780).text
    for bent, words in (
        (text.replace(f"http://{ADDRESS}", f"http://{other}"), "names another onion address"),
        (text.replace(" ".join(card.onion.address.groups[4:]), " ".join(OnionAddress(other).groups[4:])), "another"),
        (text + card.onion.text, "exactly one"),
        (forged, "signature"),
        ("", "exactly one"),
    ):
        file.write_text(bent)
        assert words in fails("luwte-intake", "verify-card", file, "--line-card", line, code=3)
