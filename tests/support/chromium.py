"""Chromium, driven by selenium: a second engine, with JavaScript or without, through a SOCKS port or on loopback."""

import base64
import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from deploy.children import end_with_parent
from tests.support.browser import MAIN, PAGE_SECONDS, NoPageError, NotInstalledError, Received

_CHROMIUM, _DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-features=OptimizationHints,MediaRouter",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pings",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
)
# Its own start page asks the internet for more, and our first page would wait until that has failed: half a minute.
_START_BLANK = {"session.restore_on_startup": 4, "session.startup_urls": ["about:blank"]}
_NO_NAMES = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


def start_chromium(folder: Path, *flags: str, scripts: bool = False) -> webdriver.Chrome:
    """A driven Chromium with a fresh profile below `folder`, which resolves no names. The caller ends it by `quit`."""
    if _CHROMIUM is None or _DRIVER is None:
        raise NotInstalledError("chromium is not installed: install Debian's packages 'chromium' and 'chromium-driver'")
    options = webdriver.ChromeOptions()
    options.binary_location = _CHROMIUM
    for flag in (*_FLAGS, _NO_NAMES, f"--user-data-dir={folder / 'chromium'}", *flags):
        options.add_argument(flag)
    no_scripts = {} if scripts else {"profile.managed_default_content_settings.javascript": 2}
    options.add_experimental_option("prefs", _START_BLANK | no_scripts)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(
        _DRIVER, log_output=os.devnull, popen_kw={"preexec_fn": partial(end_with_parent, os.getpid())}
    )
    driver = webdriver.Chrome(options, service)
    driver.set_page_load_timeout(PAGE_SECONDS)
    return driver


class Chromium:
    """A person's Chromium without JavaScript, which reaches everything through this SOCKS port of a tor."""

    name = "chromium"

    def __init__(self, folder: Path, socks_port: int) -> None:
        # A SOCKS5 proxy is given names, never addresses; loopback is not exempt.
        proxy = (f"--proxy-server=socks5://127.0.0.1:{socks_port}", "--proxy-bypass-list=<-loopback>")
        self._driver = start_chromium(folder, *proxy)

    @property
    def pid(self) -> int:
        return int(self._driver.service.process.pid)

    def open(self, url: str) -> None:
        try:
            self._driver.get(url)
        except WebDriverException as error:
            raise NoPageError(f"{url}: {error.msg}") from error

    def press(self, selector: str) -> None:
        click_to_next_page(self._driver, selector, f"{MAIN}, #main-frame-error")
        if self._driver.find_elements(By.ID, "main-frame-error"):
            raise NoPageError(f"after {selector}: {self.text}")

    def fill(self, selector: str, text: str) -> None:
        field = self._find(selector)
        field.clear()
        field.send_keys(text)

    def choose(self, selector: str, files: Sequence[Path]) -> None:
        self._find(selector).send_keys("\n".join(map(str, files)))

    def texts(self, selector: str) -> list[str]:
        return [element.text for element in self._driver.find_elements(By.CSS_SELECTOR, selector)]

    def attributes(self, selector: str, name: str) -> list[str]:
        found = self._driver.find_elements(By.CSS_SELECTOR, selector)
        return [element.get_attribute(name) or "" for element in found]

    @property
    def url(self) -> str:
        return self._driver.current_url

    @property
    def text(self) -> str:
        return self._find("body").text

    @property
    def source(self) -> str:
        return self._driver.page_source

    def screenshot(self, path: Path, width: int) -> None:
        size = self._be_wide(width)
        whole = {"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1}
        image = self._ask("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": whole})
        path.write_bytes(base64.b64decode(image["data"]))

    def too_wide(self, width: int) -> bool:
        return bool(self._be_wide(width)["width"] > width)

    def _be_wide(self, width: int) -> dict[str, Any]:
        return page_size(self._driver, width)

    def received(self) -> list[Received]:
        answers: dict[str, Received] = {}
        for entry in self._driver.get_log("performance"):
            event = json.loads(entry["message"])["message"]
            given = event["params"]
            number = given.get("requestId", "")
            if event["method"] == "Network.responseReceived" and given["response"]["url"].startswith("http"):
                answers[number] = Received(given["response"]["url"], given["response"]["status"], 0)
            elif event["method"] == "Network.dataReceived" and number in answers:
                so_far = answers[number]
                answers[number] = Received(so_far.url, so_far.status, so_far.body_bytes + given["dataLength"])
        return list(answers.values())

    def end(self) -> None:
        with contextlib.suppress(WebDriverException):
            self._driver.quit()

    def _find(self, selector: str) -> WebElement:
        return self._driver.find_element(By.CSS_SELECTOR, selector)

    def _ask(self, method: str, given: dict[str, object]) -> dict[str, Any]:
        answer: dict[str, Any] = self._driver.execute_cdp_cmd(method, given)
        return answer


def click_to_next_page(driver: webdriver.Chrome, selector: str, awaited: str) -> None:
    """And wait until something that `awaited` selects stands on the next page."""
    before = driver.find_element(By.CSS_SELECTOR, "html")
    driver.find_element(By.CSS_SELECTOR, selector).click()
    # While a page is replaced, chromedriver may know its elements no more in ways that are no staleness to it.
    wait = WebDriverWait(driver, PAGE_SECONDS, 0.1, ignored_exceptions=[WebDriverException])
    wait.until(lambda _: _has_gone(before))
    wait.until(expected_conditions.presence_of_element_located((By.CSS_SELECTOR, awaited)))


def _has_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except WebDriverException:
        return True
    return False


def page_size(driver: webdriver.Chrome, width: int) -> dict[str, Any]:
    """The size of the page shown, after the screen has been made this wide, in CSS pixels."""
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    size: dict[str, Any] = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    return size
