"""Without a mouse, with other colours, and as a screen reader is told it: the pages as people meet them, in a real browser."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from crypto.request import ConsentRequest, Question
from tests.source_interface.conftest import DAY, Intake
from tests.support.browser import MAIN, PAGE_SECONDS, NotInstalledError
from tests.support.chromium import page_size, start_chromium

# In the order of the page: what the Tab key can reach; of several radio buttons, one.
REACHABLE = """
const groups = new Set();
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(one => {
  if (!one.checkVisibility() || one.disabled) return false;
  if (one.type != "radio") return true;
  const group = document.querySelectorAll(`input[name="${one.name}"]`);
  const chosen = [...group].find(other => other.checked) || group[0];
  return one == chosen;
}).map(one => one.outerHTML);
"""
FIRST = "header a, header button"
# Of what has the focus: its HTML, whether it can be seen whole, and how wide the ring around it is.
FOCUSED = """
const one = document.activeElement, box = one.getClientRects()[0], style = getComputedStyle(one);
const top = Math.max(box.top, 0), bottom = Math.min(box.bottom, innerHeight);
const over = document.elementFromPoint(box.left + box.width / 2, (top + bottom) / 2);
const seen = top < bottom && over && (over == one || one.contains(over) || over.contains(one));
return [one.outerHTML, seen, style.outlineStyle == "none" ? 0 : parseFloat(style.outlineWidth)];
"""


class Keyboard:
    """A person who has no mouse. Every key goes to what has the focus."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    def press(self, *keys: str) -> None:
        ActionChains(self.driver).send_keys(*keys).perform()

    def to(self, selector: str) -> None:
        """By the Tab key alone."""
        wanted = self.driver.find_element(By.CSS_SELECTOR, selector)
        for _ in range(200):
            if self.focused == wanted:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"the Tab key does not reach {selector}")

    def go(self, selector: str) -> None:
        """And wait for the page that comes of pressing Enter there."""
        before = self.driver.find_element(By.CSS_SELECTOR, "html")
        self.to(selector)
        self.press(Keys.ENTER)
        self.await_page(before)

    def await_page(self, before: WebElement) -> None:
        def has_come(driver: webdriver.Chrome) -> bool:
            ready = driver.execute_script("return document.readyState") == "complete"
            return ready and driver.find_element(By.CSS_SELECTOR, "html") != before

        WebDriverWait(self.driver, PAGE_SECONDS, 0.1).until(has_come)
        assert self.driver.find_elements(By.CSS_SELECTOR, MAIN), self.driver.current_url

    @property
    def focused(self) -> WebElement:
        return self.driver.switch_to.active_element

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    try:
        driver = start_chromium(tmp_path_factory.mktemp("chromium"))
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield driver
    driver.quit()


@pytest.fixture
def keyboard(driver: webdriver.Chrome, intake: Intake) -> Keyboard:
    driver.delete_all_cookies()
    page_size(driver, 1280)
    return Keyboard(driver, intake.url)


def test_the_whole_way_by_keys(keyboard: Keyboard, intake: Intake) -> None:
    """Each page's order of the Tab key is that of the page; after a mistake the focus is on what is told of it."""
    keyboard.open("/")
    look_at_focus(keyboard)
    keyboard.go('#languages button[value="nl"]')
    keyboard.go('#languages button[value="en"]')
    keyboard.go('form[action="/codename"] button')
    look_at_focus(keyboard)
    words = [item.text for item in keyboard.driver.find_elements(By.CSS_SELECTOR, "ol.codename li")]
    keyboard.go('a[href^="/mailbox"]')

    keyboard.go("#telling button:not([name])")
    assert keyboard.focused.get_dom_attribute("id") == "told"
    assert "This was not sent" in keyboard.focused.text
    keyboard.to('#told a[href="#message"]')
    keyboard.press(Keys.ENTER)
    keyboard.press("What happened.")
    keyboard.to("summary")
    keyboard.press(Keys.ENTER)
    keyboard.to("input[name=q-danger]")
    keyboard.press(Keys.ARROW_DOWN)
    assert keyboard.driver.find_element(By.ID, "q-danger-yes").is_displayed(), "112"
    look_at_focus(keyboard)
    keyboard.to("input[name=q-kind]")
    keyboard.press(Keys.SPACE)
    keyboard.to("textarea[name=q-never-tell]")
    keyboard.press("x" * 401)
    keyboard.go("#telling button:not([name])")
    keyboard.to('#told a[href="#q-never-tell"]')
    keyboard.press(Keys.ENTER)
    keyboard.press(Keys.DELETE)
    assert keyboard.focused.get_property("value") == "x" * 400
    keyboard.go("#telling button:not([name])")
    assert "Your message arrived." in keyboard.focused.text
    keyboard.go('form[action="/leave"] button')
    assert [text for _, text in intake.received()] == ["What happened."]

    intake.reply("an answer")
    intake.ask(ConsentRequest("a text", "somebody", "a purpose", DAY + 9), Question("which?", ("one", "another")))
    keyboard.open("/login")
    look_at_focus(keyboard)
    keyboard.to("#codename")
    keyboard.press(" ".join([*words[:6], "zookeper"]))
    keyboard.go("#login button:not([name])")
    assert "zookeper" in keyboard.focused.text
    keyboard.to('#told a[href="#codename"]')
    keyboard.press(Keys.ENTER)
    keyboard.press(Keys.END, *[Keys.BACKSPACE] * 8, words[6])
    keyboard.go("#login button:not([name])")
    look_at_focus(keyboard)
    keyboard.go("article:nth-of-type(1) a[href^='/answer']")
    look_at_focus(keyboard)
    keyboard.go("#answering button:not([name=language])")
    assert keyboard.focused.get_dom_attribute("id") == "told"
    keyboard.to("#told a")
    keyboard.press(Keys.ENTER)
    keyboard.press("Why?")
    keyboard.go("#answering button[value=ask], #answering button:not([name])")
    keyboard.go('a[href^="/mailbox"]')
    keyboard.go("section.danger-zone form:last-of-type button")
    look_at_focus(keyboard)
    keyboard.go("form[action='/erase'] button")
    assert "is erased" in keyboard.text


def look_at_focus(keyboard: Keyboard) -> None:
    """Once around, from the page's first: everything in its order, and each with a ring that nothing hides."""
    expected = keyboard.driver.execute_script(REACHABLE)
    keyboard.to(FIRST)
    for wanted in expected:
        html, seen, ring = keyboard.driver.execute_script(FOCUSED)
        assert html == wanted
        assert seen, html
        assert ring >= 3, html
        keyboard.press(Keys.TAB)
