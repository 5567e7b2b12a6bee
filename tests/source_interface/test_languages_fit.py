"""Every page in every language fits the narrowest telephone, seen by a real browser."""

import base64
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium import webdriver

from deploy.trial.browser import Page
from source_interface.languages import TAGS
from store.intake.settings import KIB
from tests.source_interface.conftest import Intake
from tests.source_interface.test_languages import walk
from tests.support.browser import NotInstalledError
from tests.support.chromium import page_size, start_chromium

NARROW, WIDE = 320, 1280


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    try:
        driver = start_chromium(tmp_path_factory.mktemp("chromium"))
    except NotInstalledError as error:
        pytest.skip(str(error))
    driver.get("about:blank")
    yield driver
    driver.quit()


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
def test_no_page_has_to_be_moved_sideways(
    driver: webdriver.Chrome, open_intake: Callable[..., Intake], tag: str
) -> None:
    intake = open_intake(message_characters=1_000, mailbox_bytes=64 * 1024 * KIB)
    browser = intake.browser()
    if tag != "en":
        browser.switch(browser.get("/"), tag)
    kept = os.environ.get("LUWTE_SCREENSHOTS")
    for number, page in enumerate(walk(intake, browser)):
        show(driver, page.body.decode())
        assert page_size(driver, NARROW)["width"] == NARROW, described(page)
        if kept:
            for width in (360, WIDE):
                picture(driver, Path(kept) / f"{tag}-{number:02}-{width}.png", width)


def described(page: Page) -> str:
    return f"{page.path}: {page.text[:200]}"
