"""A source at a browser, who clicks through our pages; each page is looked at, measured and photographed."""

from collections.abc import Sequence
from itertools import count
from pathlib import Path

from source_interface.catalogues import catalogues
from source_interface.page import PAGE_BYTES
from tests.support.browser import WIDTHS, Browser, codename_shown


class Person:
    """Reads the pages in one language. `screenshots` is where pictures of every page go, at a telephone's width and a desk's;
    none without it."""

    def __init__(self, browser: Browser, url: str, screenshots: Path | None = None, language: str = "en") -> None:
        self.browser, self._url, self._screenshots, self._language = browser, url, screenshots, language
        self._numbers = count(1)
        self.words: list[str] = []

    def open(self, path: str, name: str) -> None:
        self.browser.open(self._url + path)
        self._look(name)

    def press(self, selector: str, name: str) -> None:
        self.browser.press(selector)
        self._look(name)

    def begin(self, path: str, name: str) -> None:
        """Open a first page, and choose the language there if it is in another."""
        self.open(path, name)
        if self._language not in self.browser.attributes("html", "lang"):
            self.press(f'button[name=language][value="{self._language}"]', f"{name} in {self._language}")

    def get_codename(self) -> None:
        self.begin("/", "first page")
        self.press('form[action="/codename"] button', "codename")
        self.words = codename_shown(self.browser)
        self.press('a[href^="/mailbox"]', "type it back")
        assert not self.browser.texts("ol.codename li")
        self.browser.fill("[name=codename]", " ".join(self.words))
        self.press('form[action="/codename/typed"] button', "new mailbox")

    @property
    def mailbox(self) -> str:
        """The address of the mailbox whose page is shown."""
        (slot,) = set(self.browser.attributes("input[name=slot]", "value"))
        return f"{self._url}/mailbox?slot={slot}"

    def send(self, message: str, files: Sequence[Path] = ()) -> None:
        self.browser.fill("textarea[name=message]", message)
        if files:
            self.browser.choose("input[type=file]", files)
        self.press('form[action="/mailbox"] button', "sent")
        assert catalogues()[self._language].translations.gettext("Your message arrived.") in self.browser.text
        assert not self.browser.texts("[role=alert]")

    def log_in(self) -> None:
        self.begin("/login", "log in")
        self.browser.fill("[name=codename]", " ".join(self.words))
        self.press('form[action="/login"] button', "mailbox")

    def leave(self) -> None:
        self.press('form[action="/leave"] button', "left")

    def erase_mailbox(self) -> None:
        self.press("input[name=what][value=mailbox] ~ button", "erase")
        self.press("input[name=sure] ~ button", "erased")

    def _look(self, name: str) -> None:
        """One request a page, of the one size, from the onion alone; and it fits every screen."""
        answers = self.browser.received()
        assert [answer.body_bytes for answer in answers] == [PAGE_BYTES], answers
        assert all(answer.url.startswith(self._url + "/") for answer in answers), answers
        number = next(self._numbers)
        for width in WIDTHS:
            assert not self.browser.too_wide(width), (name, width)
            if self._screenshots is not None:
                title = f"{self.browser.name}-{self._language}-{number:02}-{name.replace(' ', '-')}-{width}.png"
                self.browser.screenshot(self._screenshots / title, width)
