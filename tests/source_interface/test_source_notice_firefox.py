"""The line's own words in Firefox with Tor Browser's Safest settings: at their longest, on a telephone and on a desk's screen."""

from pathlib import Path

import pytest

from tests.source_interface.conftest import DAY, Intake
from tests.source_interface.test_source_notice import carry, publish
from tests.support.browser import WIDTHS, type_back
from tests.support.firefox import Firefox

WORD = "Donaudampfschifffahrtsgesellschaftskapit\u00e4nswitwenversicherung" * 4
TEXTS = {
    "long": {"en": {"name": WORD[:100], "operator": WORD, "hours": WORD, "closed": WORD}},
    "Persian": {
        "fa": {
            "name": "\u062e\u0637 \u06af\u0632\u0627\u0631\u0634",
            "operator": "\u0627\u0646\u062c\u0645\u0646 \u0646\u0645\u0648\u0646\u0647",
            "hours": "\u0631\u0648\u0632\u0647\u0627\u06cc \u06a9\u0627\u0631\u06cc \u0645\u06cc\u200c\u062e\u0648\u0627\u0646\u06cc\u0645.",
            "closed": "\u062a\u0627 \u067e\u0627\u06cc\u0627\u0646 \u062a\u0639\u0637\u06cc\u0644\u0627\u062a \u0628\u0633\u062a\u0647 \u0627\u06cc\u0645.",
        }
    },
    "usual": {
        "en": {
            "name": "The Lee",
            "operator": "the Example Association, with people who know this pressure",
            "hours": "We read what comes in on working days.",
            "closed": "We are with our families. In January we read everything, in the order in which it came.",
        }
    },
}


@pytest.mark.parametrize("texts", TEXTS)
def test_every_page_that_says_it_fits_both_screens(
    intake: Intake, firefox: Firefox, tmp_path: Path, texts: str
) -> None:
    publish(intake, TEXTS[texts], reply_days=9, keep_days=180, closed_until=DAY + 20)
    said = next(iter(TEXTS[texts].values()))
    carry(intake)

    def look(name: str, *wanted: str) -> None:
        for width in WIDTHS:
            firefox.screenshot(tmp_path / f"{name}-{width}.png", width)
            assert not firefox.too_wide(width), (name, width)
        for words in wanted:
            assert words in firefox.text, (name, words)

    firefox.open(intake.url)
    look("first", said["closed"], said["hours"], "Our people last collected on 4 October 2024")
    firefox.press("form[action='/codename'] button")
    type_back(firefox)
    look("new", said["closed"])
    firefox.fill("#message", "what happened")
    firefox.press("form[enctype] button")
    look("waiting", said["closed"], said["hours"], "No answer yet. That is normal.")
    firefox.open(f"{intake.url}/advice/readers")
    look("readers", said["operator"], said["hours"])
    firefox.open(f"{intake.url}/login")
    firefox.press("form[action='/leave'] button")
