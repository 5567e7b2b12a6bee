"""Tor Browser's engine at its Safest level, where no script runs: the questions folded and opened, and how much has arrived."""

import os
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from source_interface import progress, submission
from source_interface.question_file import shipped
from store.intake.settings import MIB
from tests.source_interface.conftest import Intake
from tests.source_interface.test_source_mailbox import Source
from tests.support.browser import PAGE_SECONDS, WIDTHS, type_back
from tests.support.firefox import REPLACED, Firefox
from tests.support.waiting import tried_until, wait_until

WARNING = "#q-danger-yes"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where pictures of pages are kept: LUWTE_SCREENSHOTS, or the test's temporary folder."""
    folder = Path(os.environ.get("LUWTE_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def look(firefox: Firefox, pictures: Path, name: str) -> None:
    for width in WIDTHS:
        assert not firefox.too_wide(width), (name, width)
        firefox.screenshot(pictures / f"{name}-{width}.png", width)


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
    look(firefox, pictures, "questions-folded")
    firefox.click("summary")
    assert "Is anyone in danger now?" in firefox.text
    assert "call 112" not in firefox.text
    look(firefox, pictures, "questions-open")
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
    look(firefox, pictures, "questions-too-long")
    assert firefox.texts("textarea[name=message]") == ["ኣብ ቆንስል"]
    assert "At most 400 characters; this has 404." in firefox.text
    assert firefox.attributes("input[name=q-kind]:checked", "value") == ["threats", "relatives-abroad"]
    assert firefox.attributes("select[name=q-reply-language] option:checked", "value") == ["ti"]
    firefox.fill("textarea[name=q-never-tell]", "ቆንስል")
    firefox.press('form[action="/mailbox"] button')
    look(firefox, pictures, "questions-sent")
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


def await_text(firefox: Firefox, pattern: str) -> None:
    """Also on a page that is being replaced."""
    wait_until(lambda: re.search(pattern, tried_until(lambda: firefox.text, REPLACED)), words=lambda: firefox.text)


class Held:
    """Lets so much of a long body through to the application, and the rest when it may go on."""

    def __init__(self, body: Any, free: int, go_on: threading.Event) -> None:
        self._body, self._free, self._go_on = body, free, go_on

    def read(self, size: int = -1) -> bytes:
        if self._free <= 0:
            assert self._go_on.wait(300)
        data: bytes = self._body.read(size)
        self._free -= len(data)
        return data


def test_a_tab_of_its_own_shows_how_much_has_arrived_while_the_form_is_on_its_way(
    firefox: Firefox,
    open_intake: Callable[..., Intake],
    pictures: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Frames of the page itself are stopped then, which is why it is a tab."""
    monkeypatch.setattr(progress, "SECONDS", 1)
    monkeypatch.setattr(submission, "_NOTE_EVERY_SECONDS", 0)
    intake = open_intake(file_bytes=16 * MIB, mailbox_bytes=64 * MIB, bundle_bytes=64 * MIB)
    go_on, application = threading.Event(), intake.app.wsgi_app

    def holding(environ: dict[str, Any], start_response: Any) -> Any:
        if int(environ.get("CONTENT_LENGTH") or 0) > MIB:
            environ["wsgi.input"] = Held(environ["wsgi.input"], 5 * MIB, go_on)
        return application(environ, start_response)

    monkeypatch.setattr(intake.app, "wsgi_app", holding)
    files = [tmp_path / "photo-\u202egpj.exe", tmp_path / "video.mp4"]
    for file, size in zip(files, (0, 9 * MIB), strict=True):
        file.write_bytes(bytes(size))
    firefox.open(intake.url)
    firefox.press('form[action="/codename"] button')
    type_back(firefox)
    firefox.choose("#files", files)
    firefox.click('form[action="/mailbox"] button:not([name])')
    try:
        firefox.click('a[href^="/sending"]')
        firefox.show_tab(1)
        await_text(firefox, r"[4-6](\.\d)? MiB of 9 MiB")
        tried_until(lambda: firefox.press("main .hint a"), REPLACED)
        assert "Look again" in firefox.text
        look(firefox, pictures, "sending")
        firefox.press("main .hint a")
    finally:
        go_on.set()
    await_text(firefox, "Nothing is coming in")
    tried_until(lambda: firefox.press("main .hint a"), REPLACED)
    look(firefox, pictures, "sending-nothing")
    firefox.close_tab()
    await_text(firefox, "2 files arrived whole")
    assert "photo-gpj.exe · 0 bytes" in firefox.text
    look(firefox, pictures, "sent-files")
