"""A person's way through the pages in a real browser without JavaScript: by clicking, on a telephone's and a desk's screen."""

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from crypto.request import ConsentRequest, Question
from store.desk.consent import Standing
from tests.source_interface.conftest import DAY, Intake
from tests.source_interface.test_source_mailbox import Source
from tests.source_interface.test_source_requests import ask, standings
from tests.support.browser import MAIN, WIDTHS
from tests.support.chromium import click_to_next_page, page_size

WORD = "Donaudampfschifffahrtsgesellschaftskapitänswitwenversicherung" * 4


class Person:
    """Clicks and types; after each page, looks whether it fits every screen in both directions."""

    def __init__(self, driver: webdriver.Chrome, intake: Intake, asked: list[str]) -> None:
        self.driver, self.intake, self.asked = driver, intake, asked
        self.pages = 0

    def open(self, path: str) -> None:
        self.driver.get(self.intake.url + path)
        self._look()

    def find(self, selector: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def click(self, selector: str) -> None:
        """And wait until the next page stands there to its last line."""
        click_to_next_page(self.driver, selector, MAIN)
        self._look()

    def get_codename(self) -> list[str]:
        """From the first page to the one that asks for it: what was shown meanwhile."""
        self.click('form[action="/codename"] button')
        shown = [item.text for item in self.driver.find_elements(By.CSS_SELECTOR, "ol.codename li")]
        left = [item.rect["x"] for item in self.driver.find_elements(By.CSS_SELECTOR, "ol.codename li")]
        assert left[0] < left[1], "a codename runs from left to right on every page"
        assert len(shown) == 7
        self.click('a[href^="/mailbox"]')
        assert not self.driver.find_elements(By.CSS_SELECTOR, "ol.codename li")
        return shown

    def type_back(self, typed: str) -> None:
        field = self.find("[name=codename]")
        field.clear()
        field.send_keys(typed)
        self.click('form[action="/codename/typed"] button')

    @property
    def text(self) -> str:
        return self.find("main").text

    def _look(self) -> None:
        self.pages += 1
        assert not overflows(self.driver), self.driver.current_url


def overflows(driver: webdriver.Chrome) -> list[str]:
    """Where the page shown is wider than the screen: at which width, in which direction."""
    found = []
    own = driver.find_element(By.CSS_SELECTOR, "html").get_dom_attribute("dir") or "ltr"
    for width in WIDTHS:
        page_size(driver, width)
        for direction in ("rtl", "ltr", own):
            root = driver.execute_cdp_cmd("DOM.getDocument", {"depth": 1})["root"]
            html = next(child for child in root["children"] if child["nodeName"] == "HTML")
            turned = {"nodeId": html["nodeId"], "name": "dir", "value": direction}
            driver.execute_cdp_cmd("DOM.setAttributeValue", turned)
            if page_size(driver, width)["width"] > width:
                found.append(f"{width} {direction}")
    return found


@pytest.fixture
def person(driver: webdriver.Chrome, open_intake: Callable[..., Intake]) -> Person:
    intake, asked = open_intake(), []
    inner = intake.app.wsgi_app

    def recording(environ: dict[str, str], start: Callable) -> Iterable[bytes]:
        asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        return inner(environ, start)

    intake.app.wsgi_app = recording
    driver.delete_all_cookies()
    said(driver)
    return Person(driver, intake, asked)


def said(driver: webdriver.Chrome) -> tuple[list[str], set[str]]:
    """The console's complaints, and where requests of pages went, since the last look."""
    console = [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    requests = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return console, {urlsplit(url).netloc or urlsplit(url).scheme for url in requests}


def test_scripts_do_not_run_here(driver: webdriver.Chrome) -> None:
    """The browser of these tests is what it claims to be."""
    driver.get("data:text/html,<title>before</title><script>document.title='after'</script>")
    assert driver.title == "before"


def test_a_page_that_is_too_wide_would_be_noticed(driver: webdriver.Chrome) -> None:
    head = "<!doctype html><meta name=viewport content='width=device-width,initial-scale=1'>"
    driver.get(f"data:text/html,{head}<div style='width:900px'>wide</div>")
    assert overflows(driver) == ["320 rtl", "320 ltr", "320 ltr"]


def test_a_style_that_the_policy_does_not_allow_would_be_noticed(person: Person) -> None:
    person.intake.app.jinja_env.globals["style"] = "body{color:red}"
    person.open("/")
    assert said(person.driver)[0]


def test_the_whole_way_by_clicking(person: Person, tmp_path: Path) -> None:
    photo, large = tmp_path / f"{WORD[:200]}.jpg", tmp_path / ("x" * 200)
    photo.write_bytes(os.urandom(70_000))
    large.write_bytes(bytes(300_000))

    person.open("/")
    words = person.get_codename()
    person.type_back(" ".join(reversed(words)))
    assert "not the codename" in person.text
    person.type_back(WORD[:60])
    assert "is not one of our words" in person.text
    person.type_back("  " + "-".join(words).upper())
    person.find("textarea[name=message]").send_keys(f"What happened.\n\n{WORD}")
    person.find("input[type=file]").send_keys(f"{photo}\n{large}")
    person.find("summary").click()
    assert not person.find("#q-danger-yes").is_displayed()
    person.find("input[name=q-danger][value=yes]").click()
    assert person.find("#q-danger-yes").is_displayed(), "112 and what else to do, before anything is sent"
    person.find("[name=q-never-tell]").send_keys(WORD[:300])
    assert not overflows(person.driver), "unfolded"
    person.click('form[action="/mailbox"] button')
    assert person.driver.find_elements(By.CSS_SELECTOR, "[role=alert]"), "the large file"
    person.click('form[action="/leave"] button')

    names = dict(person.intake.received())
    assert names[""] == f"What happened.\n\n{WORD}"
    assert names[photo.name] == photo.read_bytes()
    person.intake.reply("a first answer", f"{WORD}\nhttps://{'long-address.' * 20}example/\n" + "نحن نقرأ " * 1_200)

    person.open("/")
    person.click('a[href="/login"]')
    person.find("[name=codename]").send_keys(f"{words[0]} {words[1]} zookeper")
    person.click('form[action="/login"] button')
    field = person.find("[name=codename]")
    field.clear()
    field.send_keys("  " + "-".join(words).upper())
    person.click('form[action="/login"] button')
    assert WORD in person.text
    assert not person.driver.find_elements(By.CSS_SELECTOR, 'main a[href^="http"]')
    person.click('a[href*="page=2"]')
    person.click("input[name=what][value=reply] ~ input ~ button")
    assert "a first answer" in person.text
    assert WORD not in person.text
    for what in ("all", "mailbox"):
        person.click(f"input[name=what][value={what}] ~ button")
        person.click("input[name=sure] ~ button")
    assert person.intake.mailbox_of(words) is None
    person.click('main a[href="/"]')

    console, asked = said(person.driver)
    assert console == []
    assert asked <= {f"127.0.0.1:{person.intake.port}", "data"}
    assert len(person.asked) == person.pages, "one request a page, no icon, no style, nothing else"


def test_requests_are_answered_by_clicking_and_fit_the_screen(person: Person) -> None:
    source = Source(person.intake)
    consent = ConsentRequest(f"{WORD}\n\nكسی تهدید شد.", WORD[:100], WORD, DAY + 30)
    ask(source, consent, Question(f"{WORD}?", (WORD[:150], "No")))
    person.open("/login")
    person.find("[name=codename]").send_keys(source.typed)
    person.click('form[action="/login"] button')
    question, consent = (
        link.get_dom_attribute("href")
        for link in person.driver.find_elements(By.CSS_SELECTOR, 'main a[href^="/answer"]')
    )
    person.click(f'main a[href="{question}"]')
    person.click('form[action="/answer"] button')
    assert "Choose one" in person.text
    person.find("input[type=radio][value='2']").click()
    person.find("textarea[name=remark]").send_keys(WORD)
    person.click('form[action="/answer"] button')
    assert "Your answer arrived" in person.text
    person.click('main a[href^="/mailbox"]')
    person.click(f'main a[href="{consent}"]')
    person.click("button[value=ask]")
    assert "Write your question" in person.text
    person.find("textarea[name=remark]").send_keys(WORD)
    person.click("button[value=yes]")
    assert "exactly as it stands" in person.text
    assert person.find("textarea[name=remark]").get_property("value") == WORD
    person.find("textarea[name=remark]").clear()
    person.click("button[value=yes]")
    assert "Your answer arrived" in person.text
    assert standings(source) == [Standing.YES, Standing.CHOSEN]
    console, asked = said(person.driver)
    assert console == []
    assert asked <= {f"127.0.0.1:{person.intake.port}", "data"}


def test_every_other_page_fits_the_screen_too(person: Person) -> None:
    """Errors, refusals and long unbroken words."""
    person.open("/login")
    for typed in (WORD[:60], "zoology", "x" * 999, "abacus abdomen abdominal abide abiding ability ablaze"):
        field = person.find("[name=codename]")
        field.clear()
        field.send_keys(typed)
        person.click('form[action="/login"] button')
    person.open("/nothing/" + WORD)
    person.open("/mailbox")
    person.open("/")
    person.type_back(" ".join(person.get_codename()))
    person.find("textarea[name=message]").send_keys(WORD)
    person.driver.delete_all_cookies()
    person.click('form[action="/mailbox"] button')
    assert WORD in person.driver.page_source, "the form was stale, and the text is given back"
    console, asked = said(person.driver)
    assert not [message for message in console if "404" not in message]
    assert asked <= {f"127.0.0.1:{person.intake.port}", "data"}
    assert len(person.asked) == person.pages


@pytest.mark.parametrize("language", ["en", "nl"])
def test_all_advice_fits_the_screen_and_is_one_request_a_page(person: Person, language: str) -> None:
    person.open("/")
    if language != "en":
        person.click(f'#languages button[value="{language}"]')
    person.click('a[href="/advice"]')
    topics = [link.get_dom_attribute("href") for link in person.driver.find_elements(By.CSS_SELECTOR, ".topics a")]
    for topic in topics:
        person.click(f'.topics a[href="{topic}"]')
        assert person.find("article").get_dom_attribute("lang") == language
        person.click('main a[href="/advice"]')
    console, asked = said(person.driver)
    assert console == []
    assert asked <= {f"127.0.0.1:{person.intake.port}", "data"}
    assert len(person.asked) == person.pages == 2 + 2 * 15 + (language != "en")


def test_a_journey_in_arabic_with_the_language_changed_in_the_middle_of_writing(person: Person, tmp_path: Path) -> None:
    """What was typed is still there, nothing was sent by it, no file went over the wire, and no address names the language."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(os.urandom(70_000))
    written = "ما حدث لي.\n\nفي القنصلية 2024"

    person.open("/")
    person.click('#languages button[value="ar"]')
    assert person.find("html").get_dom_attribute("dir") == "rtl"
    words = person.get_codename()
    assert all(re.fullmatch("[0-9]{4}", group) for group in words)
    typed = "".join(words).translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    person.find("[name=codename]").send_keys(typed[:9])
    person.click('#languages button[value="nl"]')
    person.click('#languages button[value="ar"]')
    assert person.find("[name=codename]").get_property("value") == typed[:9]
    person.type_back(typed)
    person.find("textarea[name=message]").send_keys(written)
    person.find("input[type=file]").send_keys(str(photo))
    person.click('#languages button[value="nl"]')
    assert person.find("textarea[name=message]").get_property("value") == written
    person.click('#languages button[value="ar"]')
    assert person.find("textarea[name=message]").get_property("value") == written
    assert person.intake.blobs() == 0
    person.find("input[type=file]").send_keys(str(photo))
    person.click('form[action="/mailbox"] button')
    assert "وصلت رسالتك." in person.text
    person.click('form[action="/leave"] button')

    assert dict(person.intake.received()) == {"": written, photo.name: photo.read_bytes()}
    person.intake.reply("جواب لك")
    person.open("/")
    person.click('#languages button[value="ar"]')
    person.click('main a[href="/login"]')
    person.find("[name=codename]").send_keys(" ".join(words))
    person.click('form[action="/login"] button')
    assert "جواب لك" in person.text
    console, asked = said(person.driver)
    assert console == []
    assert asked <= {f"127.0.0.1:{person.intake.port}", "data"}
    assert len(person.asked) == person.pages
    addresses = [entry["url"] for entry in history(person.driver)]
    assert not [address for address in addresses if re.search(r"\b(ar|nl)\b", urlsplit(address).path)]


def history(driver: webdriver.Chrome) -> list[dict[str, str]]:
    entries: list[dict[str, str]] = driver.execute_cdp_cmd("Page.getNavigationHistory", {})["entries"]
    return entries


def test_nothing_of_a_visit_stays_in_the_browser_after_leaving(person: Person) -> None:
    source = Source(person.intake)
    person.intake.reply("a secret answer")
    person.open("/login")
    person.find("[name=codename]").send_keys(source.typed)
    person.click('form[action="/login"] button')
    first = person.driver.get_cookies()
    assert [(cookie["name"], cookie["httpOnly"], cookie["sameSite"]) for cookie in first] == [("luwte", True, "Strict")]
    assert "expiry" not in first[0]
    person.open("/mailbox")
    assert "a secret answer" in person.text
    person.open("/")
    person.type_back(" ".join(person.get_codename()))
    person.click('form[action="/leave"] button')
    assert person.text.startswith("October 2024")
    assert person.driver.title == "October 2024"
    assert person.driver.get_cookies() == [], "cleared with the page that came"
    for _ in history(person.driver)[:-1]:
        person.driver.back()
        assert not person.driver.find_elements(By.CSS_SELECTOR, "ol.codename li"), "Back shows no codename"
        assert "a secret answer" not in person.driver.page_source
        assert source.words[0] not in person.driver.page_source
