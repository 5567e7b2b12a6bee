"""The way of a new source to the page where one writes: a codename, typed back once."""

import html
import re

from deploy.trial.browser import Browser, Page


def ask_for_codename(browser: Browser) -> Page:
    """The page that shows a fresh one."""
    first = browser.get("/")
    return browser.submit(first, first.form(action="/codename"))


def codename_on(page: Page) -> list[str]:
    """The words, or groups of characters or digits, that a page shows as a codename; none when it shows no codename."""
    shown = re.search(r'<ol class="codename.*?</ol>', page.body.decode(), re.DOTALL)
    return list(map(html.unescape, re.findall(r"<li>(.*?)</li>", shown[0]))) if shown else []


def type_back(browser: Browser, issued: Page) -> Page:
    """Go on from the page that shows a codename and type it: the page where one writes."""
    asked = browser.get(next(link for link in issued.links if link.startswith("/mailbox")))
    return browser.submit(asked, asked.form(action="/codename/typed"), {"codename": " ".join(codename_on(issued))})
