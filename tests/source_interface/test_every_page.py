"""Every page in every language in a real browser: it fits the narrowest telephone and twice the size, and axe-core finds nothing.

LUWTE_SCREENSHOTS names a folder for pictures, LUWTE_AXE one for what axe-core found (axe.json, and axe.txt to read).
"""

import base64
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from selenium import webdriver

from deploy.trial.browser import Page
from source_interface.languages import TAGS
from store.intake.settings import KIB
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import SourceBrowser, language_of
from tests.source_interface.test_languages import walk
from tests.support import axe
from tests.support.chromium import page_size

NARROW, TWICE, WIDE = 320, 640, 1280  # TWICE: a desk's screen whose page is shown at 200 %
# Decided by a person: an ornament beside the language's name, of the same colour, and hidden from screen readers.
JUDGED = {("color-contrast", '<span aria-hidden="true"> ▾</span>')}
# A page shows all that it can: each part unfolded, and what a choice brings up.
UNFOLD = """
for (const part of document.querySelectorAll("details")) part.open = true;
for (const choice of document.querySelectorAll("input[type=checkbox], input[value=yes]")) choice.checked = true;
"""
Findings = dict[str, list[dict[str, object]]]


@pytest.fixture(scope="module")
def scripts() -> bool:
    """axe-core is one."""
    return True


@pytest.fixture(scope="module")
def driver(driver: webdriver.Chrome) -> webdriver.Chrome:
    driver.get("about:blank")
    return driver


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Findings]:
    """What was found on each page, by language; written when all have been looked at."""
    found: Findings = {}
    yield found
    folder = Path(os.environ.get("LUWTE_AXE") or tmp_path_factory.mktemp("axe"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "axe.json").write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
    lines = [f"{'language':10}{'pages':>7}{'violations':>12}{'to judge':>10}{'judged':>8}"]
    for tag, pages in found.items():
        count = Counter(one["verdict"] for page in pages for one in page["findings"])
        lines += [f"{tag:10}{len(pages):7}{count['violation']:12}{count['to judge']:10}{count['judged']:8}"]
    (folder / "axe.txt").write_text("\n".join(lines) + "\n", "utf-8")


def walk_out(intake: Intake, browser: SourceBrowser) -> Iterator[Page]:
    """And then leave, to a page on which no language can be chosen."""
    yield from walk(intake, browser)
    yield browser.leave(browser.get("/"))


def show(driver: webdriver.Chrome, html: str) -> None:
    """The page as it came, without asking for it again: what forms answer can be looked at too."""
    frame = driver.execute_cdp_cmd("Page.getFrameTree", {})["frameTree"]["frame"]["id"]
    driver.execute_cdp_cmd("Page.setDocumentContent", {"frameId": frame, "html": html})


def picture(driver: webdriver.Chrome, path: Path, width: int) -> None:
    clip = {"x": 0, "y": 0, "width": width, "height": page_size(driver, width)["height"], "scale": 1}
    image = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(image["data"]))


def test_a_page_that_is_too_wide_would_be_noticed(driver: webdriver.Chrome, standing: Intake) -> None:
    page = standing.browser().get("/").body.decode()
    show(driver, page)
    assert page_size(driver, NARROW)["width"] == NARROW
    show(driver, page.replace("<h1>", f"<h1 style='white-space:nowrap'>{'wide ' * 20}"))
    assert page_size(driver, NARROW)["width"] > NARROW


@pytest.mark.parametrize("tag", TAGS)
def test_every_page_in_every_language(
    driver: webdriver.Chrome, open_intake: Callable[..., Intake], report: Findings, tag: str
) -> None:
    """`check_page` has looked at each too: one size, its language and direction, and nothing untranslated."""
    intake = open_intake(message_characters=1_000, mailbox_bytes=64 * 1024 * KIB)
    browser = intake.browser()
    if tag != "en":
        browser.switch(browser.get("/"), tag)
    kept = os.environ.get("LUWTE_SCREENSHOTS")
    pages = report.setdefault(tag, [])
    for number, page in enumerate(walk_out(intake, browser)):
        assert language_of(page) == tag
        show(driver, page.body.decode())
        if kept:
            for width in (360, WIDE):
                picture(driver, Path(kept) / f"{tag}-{number:02}-{width}.png", width)
        driver.execute_script(UNFOLD)
        for width in (TWICE, NARROW):
            assert page_size(driver, width)["width"] <= width, described(page)
        found = axe.findings(driver)
        pages.append({"page": page.path, "findings": [asdict(one) | {"verdict": verdict(one)} for one in found]})
    assert not [one for page in pages for one in page["findings"] if one["verdict"] != "judged"]
    assert len(pages) > 40


def verdict(found: axe.Finding) -> str:
    if found.sure:
        return "violation"
    return "judged" if (found.rule, found.element) in JUDGED else "to judge"


def test_what_axe_forbids_would_be_noticed(driver: webdriver.Chrome, standing: Intake) -> None:
    page = standing.browser().get("/login").body.decode()
    spoilt = page.replace('<label for="codename">', "<label>").replace("<h1>", "<h1 style='color:#ddd'>")
    assert spoilt != page
    show(driver, spoilt)
    assert {"color-contrast", "label"} <= {found.rule for found in axe.findings(driver) if found.sure}


def described(page: Page) -> str:
    return f"{page.path}: {page.text[:200]}"
