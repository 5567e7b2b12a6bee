"""Small things that a source waits for: a message, the first submission with its key derivation, coming back."""

import statistics
import time
from collections.abc import Iterator

from deploy.trial.browser import Browser
from deploy.trial.new_source import ask_for_codename, codename_on, type_back
from tests.bench.servers import Server, luwte, writing_form
from tests.bench.table import Figure

_TEXT = "1000 bytes. " * 83 + "Yes."


def run() -> Iterator[Figure]:
    with luwte() as (server, _):
        yield Figure.at_most("message of 1,000 B, source known, answered", _message(server), "ms", 15)
        yield Figure.at_most("first submission, key derivation included", _first(server), "ms", 400)
        right, wrong = _logins(server)
        yield Figure("login, right codename", right, "ms")
        yield Figure("login, wrong codename", wrong, "ms")
        yield Figure.at_most("  … difference / right", abs(right - wrong) / right, "", 0.02)


def _message(server: Server) -> float:
    browser = Browser(server.url)
    page, form = writing_form(browser)
    page = browser.submit(page, form, {"message": "first"})
    times = []
    for _ in range(60):
        form = page.form(having="files")
        began = time.perf_counter()
        page = browser.submit(page, form, {"message": _TEXT})
        times.append(time.perf_counter() - began)
        assert "Your message arrived" in page.text
    return 1000 * statistics.median(times)


def _first(server: Server) -> float:
    times = []
    for _ in range(15):
        browser = Browser(server.url)
        page, form = writing_form(browser)
        began = time.perf_counter()
        page = browser.submit(page, form, {"message": _TEXT})
        times.append(time.perf_counter() - began)
        assert "Your message arrived" in page.text
    return 1000 * statistics.median(times)


def _logins(server: Server) -> tuple[float, float]:
    """Milliseconds of a login that the host knows, and of one that it does not, taken in turns."""
    browser = Browser(server.url)
    issued = ask_for_codename(browser)
    words, page = codename_on(issued), type_back(browser, issued)
    browser.submit(page, page.form(having="files"), {"message": "x"})
    right, wrong = [], []
    for _ in range(15):
        for times, codename, answer in (
            (right, " ".join(words), "Write again"),
            (wrong, " ".join(reversed(words)), "We do not know"),
        ):
            other = Browser(server.url)
            form = other.get("/login").form(having="codename")
            began = time.perf_counter()
            page = other.submit(page, form, {"codename": codename})
            times.append(time.perf_counter() - began)
            assert answer in page.text
    return 1000 * statistics.median(right), 1000 * statistics.median(wrong)
