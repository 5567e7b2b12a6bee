"""The questions in Tor Browser's engine at its Safest level, where no script runs: folded, opened, and 112 shown at once."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from source_interface.questions import shipped
from tests.source_interface.conftest import Intake
from tests.source_interface.test_source_mailbox import Source
from tests.support.browser import PAGE_SECONDS, WIDTHS, NotInstalledError, type_back
from tests.support.firefox import Firefox, Level

WARNING = "#q-danger-yes"


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    try:
        firefox = Firefox(tmp_path_factory.mktemp("firefox"), Level.SAFEST)
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield firefox
    firefox.end()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of pages are kept: LUWTE_SCREENSHOTS, or the test's temporary folder."""
    folder = Path(os.environ.get("LUWTE_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def look(firefox: Firefox, pictures: Path, name: str) -> None:
    for width in WIDTHS:
        assert not firefox.too_wide(width), (name, width)
        firefox.screenshot(pictures / f"questions-{name}-{width}.png", width)


def test_answering_by_hand(firefox: Firefox, intake: Intake, pictures: Path) -> None:
    firefox.open(intake.url)
    firefox.press('form[action="/codename"] button')
    look(firefox, pictures, "codename")
    firefox.click("select[name=list] option[value=zh-hans-1]")
    firefox.press('form[action="/codename"] button')
    shown = firefox.texts("ol.codename li")
    assert [len(group.split()[-1]) for group in shown] == [3, 3, 3]
    look(firefox, pictures, "codename-chinese")
    firefox.press('a[href^="/mailbox"]')
    firefox.fill("[name=codename]", "zookeper")
    firefox.press('form[action="/codename/typed"] button')
    look(firefox, pictures, "mistyped")
    assert firefox.texts("textarea[name=codename]") == ["zookeper"]
    firefox.press('a[href^="/codename"]')
    assert firefox.texts("ol.codename li") == shown
    type_back(firefox)
    assert "Is anyone in danger now?" not in firefox.text, "folded"
    look(firefox, pictures, "folded")
    firefox.click("summary")
    assert "Is anyone in danger now?" in firefox.text
    assert "call 112" not in firefox.text
    look(firefox, pictures, "open")
    firefox.click("input[name=q-danger][value=yes]")
    assert "call 112" in firefox.text, "at once, before anything is sent"
    firefox.click("input[name=q-danger][value=unsure]")
    assert "call 112" not in firefox.text
    firefox.click("input[name=q-danger][value=yes]")
    for kind in ("threats", "relatives-abroad"):
        firefox.click(f"input[name=q-kind][value={kind}]")
    firefox.click("select[name=q-reply-language] option[value=ti]")
    firefox.fill("textarea[name=q-never-tell]", "ቆንስል" * 101)
    firefox.fill("input[name=q-when]", "in March")
    firefox.fill("textarea[name=message]", "ኣብ ቆንስል")
    firefox.press('form[action="/mailbox"] button')
    look(firefox, pictures, "too-long")
    assert firefox.texts("textarea[name=message]") == ["ኣብ ቆንስል"]
    assert "At most 400 characters; this has 404." in firefox.text
    assert firefox.attributes("input[name=q-kind]:checked", "value") == ["threats", "relatives-abroad"]
    assert firefox.attributes("select[name=q-reply-language] option:checked", "value") == ["ti"]
    firefox.fill("textarea[name=q-never-tell]", "ቆንስል")
    firefox.press('form[action="/mailbox"] button')
    look(firefox, pictures, "sent")
    assert "Your message arrived." in firefox.text
    assert "call 112" in firefox.text, "and once more"

    [(_, text)] = intake.received()
    assert text == "ኣብ ቆንስል"
    with intake.road.desk() as desk:
        [source] = desk.inbox.sources()
        [entry] = desk.inbox.conversation(source.source_id)
    assert entry.answers is not None
    assert {
        answer.code: answer.text or [choice.code for choice in answer.chosen] for answer in entry.answers.answers
    } == {
        "danger": ["yes"],
        "kind": ["threats", "relatives-abroad"],
        "when": "in March",
        "never-tell": "ቆንስል",
        "reply-language": ["ti"],
    }


def test_what_ships_fits_a_telephone_unfolded_in_its_fullest_form(firefox: Firefox, intake: Intake) -> None:
    firefox.open(intake.url)
    firefox.press('form[action="/codename"] button')
    type_back(firefox)
    firefox.click("summary")
    for question in shipped().questions:
        if question.most:
            firefox.fill(f"[name={question.name}]", "w" * 800)
    firefox.press('form[action="/mailbox"] button')
    assert not [width for width in WIDTHS if firefox.too_wide(width)]


def test_leaving_by_the_keyboard_hides_and_forgets_and_back_brings_nothing(
    firefox: Firefox, intake: Intake, pictures: Path
) -> None:
    source = Source(intake)
    intake.reply("a secret answer")
    firefox.open(f"{intake.url}/login")
    firefox.fill("[name=codename]", source.typed)
    firefox.press('form[action="/login"] button')
    assert len(firefox.cookies()) == 1
    firefox.open(f"{intake.url}/mailbox")
    assert "a secret answer" in firefox.text
    firefox.fill("textarea[name=message]", "half a message")
    firefox.leave_by_keyboard()
    assert firefox.text.startswith("October 2024")
    for width in WIDTHS:
        firefox.screenshot(pictures / f"left-{width}.png", width)
    assert firefox.cookies() == [], "cleared with the page that came"
    for _ in range(3):
        firefox.back()
        for secret in ("a secret answer", "half a message", source.words[0]):
            assert secret not in firefox.source


def test_a_pressed_leave_now_hides_the_page_before_an_answer_has_come(firefox: Firefox, intake: Intake) -> None:
    """Through Tor that takes seconds."""
    answer, inner = threading.Event(), intake.app.wsgi_app

    def held(environ: dict[str, str], start: Callable[..., object]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/leave":
            answer.wait(PAGE_SECONDS)
        return inner(environ, start)

    intake.app.wsgi_app = held
    try:
        firefox.open(intake.url)
        assert "Report something" in firefox.text
        firefox.click('form[action="/leave"] button')
        assert "Report something" not in firefox.text
        assert "Leave now" in firefox.text
    finally:
        answer.set()
