"""Without a mouse, with other colours, and as a screen reader is told it: the pages as people meet them, in a real browser."""

import re
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
from tests.support.browser import MAIN, PAGE_SECONDS
from tests.support.chromium import page_size

# In the order of the page: what the Tab key can reach; of several radio buttons, one.
REACHABLE = """
const groups = new Set();
return [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(one => {
  if (!one.checkVisibility() || one.disabled || one.tabIndex < 0) return false;
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


@pytest.fixture
def keyboard(driver: webdriver.Chrome, intake: Intake) -> Keyboard:
    driver.delete_all_cookies()
    page_size(driver, 1280)
    return Keyboard(driver, intake.url)


def test_the_whole_way_by_keys(keyboard: Keyboard, intake: Intake) -> None:
    """Each page's order of the Tab key is that of the page; after a mistake the focus is on what is told of it."""
    words = report(keyboard)
    assert [text for _, text in intake.received()] == ["What happened."]
    intake.reply("an answer")
    intake.ask(ConsentRequest("a text", "somebody", "a purpose", DAY + 9), Question("which?", ("one", "another")))
    come_back(keyboard, words)


def report(keyboard: Keyboard) -> list[str]:
    """With mistakes; the codename."""
    keyboard.open("/")
    look_at_focus(keyboard)
    keyboard.go('#languages button[value="nl"]')
    keyboard.go('#languages button[value="en"]')
    keyboard.go('form[action="/codename"] button')
    look_at_focus(keyboard)
    words = codename_shown(keyboard)
    keyboard.go('main a[href^="/mailbox"]')
    look_at_focus(keyboard)
    keyboard.go("#typed button:not([name])")
    keyboard.to('#told a[href="#codename"]')
    keyboard.press(Keys.ENTER)
    keyboard.press(" ".join(words))
    keyboard.go("#typed button:not([name])")

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
    return words


def codename_shown(keyboard: Keyboard) -> list[str]:
    return [item.text for item in keyboard.driver.find_elements(By.CSS_SELECTOR, "ol.codename li")]


def type_back(keyboard: Keyboard) -> None:
    """From the page that shows a codename to the one where one writes."""
    words = codename_shown(keyboard)
    keyboard.go('main a[href^="/mailbox"]')
    keyboard.to("#codename")
    keyboard.press(" ".join(words))
    keyboard.go("#typed button:not([name])")


def come_back(keyboard: Keyboard, words: list[str]) -> None:
    """With mistakes; in the end nothing is left."""
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


def test_what_a_screen_reader_is_told(keyboard: Keyboard) -> None:
    """Every field has a name; one with a mistake says so and which; what stands in another language says in which."""
    keyboard.open("/")
    keyboard.go('#languages button[value="fa"]')
    fingerprint = keyboard.driver.find_elements(By.CSS_SELECTOR, "ol.fingerprint li")
    assert fingerprint[0].rect["x"] < fingerprint[1].rect["x"], "from left to right, as on the printed card"
    keyboard.open("/login")
    keyboard.go("#login button:not([name])")
    [field] = tree(keyboard.driver, "textbox")
    error, hint = (keyboard.driver.find_element(By.CSS_SELECTOR, at).text for at in ("#told", "#how"))
    assert flat(field["description"]["value"]) == flat(f"{hint} {error}")
    assert told(keyboard.driver, "textbox", "invalid")[0]["value"] == "true"
    keyboard.open("/")
    keyboard.go('form[action="/codename"] button')
    keyboard.driver.find_element(By.CSS_SELECTOR, "#list option[lang=tr]").click()
    keyboard.go('form[action="/codename"] button')
    assert keyboard.driver.find_element(By.CSS_SELECTOR, "ol.codename").get_dom_attribute("lang") == "tr"
    type_back(keyboard)
    keyboard.to("summary")
    keyboard.press(Keys.ENTER)
    fields = tree(keyboard.driver, "textbox", "radio", "checkbox", "combobox", "button", "link")
    assert len(fields) > 60
    assert not [part for part in fields if not part["name"].get("value")]


def tree(driver: webdriver.Chrome, *roles: str) -> list[dict[str, Any]]:
    """What the browser tells a screen reader, of these roles."""
    nodes = driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    return [node for node in nodes if not node["ignored"] and node["role"]["value"] in roles]


def told(driver: webdriver.Chrome, role: str, name: str) -> list[dict[str, Any]]:
    return [own["value"] for node in tree(driver, role) for own in node["properties"] if own["name"] == name]


def flat(text: str) -> str:
    return re.sub(r"\s", "", text)


# Of each: its text, and the colours of its ground, its letters and its four borders.
COLOURS = """
return [...document.querySelectorAll(arguments[0])].filter(one => one.checkVisibility()).map(one => {
  const style = getComputedStyle(one), border = [];
  for (const side of ["Top", "Bottom", "Left", "Right"])
    if (parseFloat(style[`border${side}Width`]) >= 1) border.push(style[`border${side}Color`]);
  return [one.textContent.trim(), style.backgroundColor, style.color, border];
});
"""


def test_in_the_colours_of_a_person_who_chose_their_own(keyboard: Keyboard) -> None:
    """What only colour shows elsewhere has a border there: buttons, fields, notices; the focus stays visible."""
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    forced = {"features": [{"name": "forced-colors", "value": "active"}, dark]}
    keyboard.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", forced)
    keyboard.open("/")
    assert keyboard.driver.execute_script("return matchMedia('(forced-colors: active)').matches")
    look_at_colours(keyboard, "button, .button, .notice, .card")
    look_at_focus(keyboard)
    keyboard.go('form[action="/codename"] button')
    look_at_colours(keyboard, "ol.codename li")
    type_back(keyboard)
    keyboard.go("#telling button:not([name])")
    look_at_colours(keyboard, "button, .notice, textarea, input[type=file], details")
    keyboard.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def look_at_colours(keyboard: Keyboard, selector: str) -> None:
    found = keyboard.driver.execute_script(COLOURS, selector)
    assert found
    for text, ground, letters, borders in found:
        assert letters != ground, text
        assert any(border != ground for border in borders), text


def test_nothing_moves(intake: Intake) -> None:
    """So there is nothing to switch off for who asked for less motion."""
    style = str(intake.app.jinja_env.globals["style"])
    assert not re.search(r"animation|transition|scroll-behavior|@keyframes", style)
