"""The questions in Tor Browser's engine at its Safest level, where no script runs: folded, opened, and 112 shown at once."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from source_interface.questions import shipped
from tests.source_interface.conftest import Intake
from tests.support.browser import WIDTHS, NotInstalledError, type_back
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
