"""What the tests ask of a real browser, whichever it is. It is driven as a person would: by clicking and typing."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PAGE_SECONDS = 420
MAIN = "main"  # stands on each of our pages
WIDTHS = (320, 1280)  # CSS pixels; the narrow one is that of WCAG 2.2, 1.4.10


class NotInstalledError(Exception):
    """This machine lacks the browser; the message names Debian's package."""


class NoPageError(Exception):
    """The browser shows its own error page instead of what was asked for."""


@dataclass(frozen=True)
class Received:
    """An answer as the browser took it from the network: bytes of the body as they came."""

    url: str
    status: int
    body_bytes: int


class Browser(Protocol):
    """Selectors are CSS. NoPageError when a page cannot be had; every wait has an end."""

    name: str

    @property
    def pid(self) -> int: ...

    def open(self, url: str) -> None: ...

    def press(self, selector: str) -> None:
        """Click the first such element and wait until all of the next page, one of ours, has come."""

    def fill(self, selector: str, text: str) -> None:
        """Put `text` into a field, in place of what is there."""

    def choose(self, selector: str, files: Sequence[Path]) -> None: ...

    def texts(self, selector: str) -> list[str]:
        """What a person reads in each such element, in the page's order."""

    def attributes(self, selector: str, name: str) -> list[str]: ...

    @property
    def url(self) -> str: ...

    @property
    def text(self) -> str:
        """What a person reads on the page."""

    @property
    def source(self) -> str: ...

    def screenshot(self, path: Path, width: int) -> None:
        """The whole page, as it looks in a window of this width."""

    def too_wide(self, width: int) -> bool:
        """Whether the page has to be moved sideways in a window of this width."""

    def received(self) -> list[Received]:
        """Every answer that has come over the network since the last call."""

    def end(self) -> None: ...


def codename_shown(browser: Browser) -> list[str]:
    """The words, or groups of digits or characters, of the codename on the page; each may stand after its number."""
    shown = [text.split()[-1] for text in browser.texts("ol.codename li")]
    assert shown
    return shown


def type_back(browser: Browser) -> None:
    """From the page that shows a codename to the one where one writes."""
    shown = codename_shown(browser)
    browser.press('main a[href^="/mailbox"]')
    browser.fill("[name=codename]", " ".join(shown))
    browser.press('form[action="/codename/typed"] button')
