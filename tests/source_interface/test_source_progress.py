"""How much has come: told to the visit that sends it, while it comes, and to nobody else."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from deploy.trial.browser import Page, Upload
from source_interface.derivation import Derivation
from source_interface.services import EXTENSION
from store.intake.sessions import Coming
from store.intake.settings import MIB
from tests.source_interface.conftest import TEST_KDF, Intake
from tests.source_interface.source_browser import SourceBrowser, progress_link

NOTHING = "Nothing is coming in at this moment."


def note(intake: Intake, browser: SourceBrowser, received: int, length: int = 0, form: str = "form") -> None:
    intake.place.sessions.note_coming(browser.secret, form, Coming(received, length))


def test_what_comes_in_is_told_to_its_own_visit_until_it_has_come(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(file_bytes=16 * MIB, mailbox_bytes=64 * MIB, bundle_bytes=64 * MIB)
    place = intake.place
    gate = Derivation(place.keys, TEST_KDF, place.settings, monotonic=lambda: float(intake.clock.seconds))
    intake.app.extensions[EXTENSION] = replace(intake.app.extensions[EXTENSION], derivation=gate)
    browser, other = intake.browser(), intake.browser()
    mailbox = browser.open_new_mailbox()
    link = progress_link(mailbox)
    assert NOTHING in browser.get(link).text
    others_link = progress_link(other.open_new_mailbox())
    seen: list[Page] = []

    def pieces() -> Iterator[bytes]:
        for piece in range(10):
            yield bytes(MIB)
            intake.await_blob_bytes((piece - 1) * MIB)
            intake.clock.seconds += 6
        seen.extend([browser.get(link), other.get(others_link)])
        yield bytes(MIB)

    upload = Upload("private-name.mp4", 11 * MIB, pieces)
    sent = browser.submit(mailbox, mailbox.form(having="files"), {"message": "a message"}, [("files", upload)])
    assert "private-name.mp4 · 11 MiB" in sent.text
    assert re.search(r"\b[5-9](\.[0-9])? MiB of 11 MiB", seen[0].text), seen[0].text
    assert "private-name" not in seen[0].text
    assert seen[0].headers["Refresh"] == f"10;url={link}&look=00"
    assert [NOTHING in page.text for page in (*seen, browser.get(link))] == [False, True, True]


def test_looking_has_an_end_and_can_be_stopped(intake: Intake, browser: SourceBrowser) -> None:
    link = progress_link(browser.open_new_mailbox())
    assert browser.get(f"{link}&look=7").headers["Refresh"] == f"10;url={link}&look=08"
    assert browser.get(f"{link}&look=59").headers["Refresh"] == f"10;url={link}&look=60"
    for odd in ("60", "-1", "9" * 30):
        assert "Refresh" not in browser.get(f"{link}&look={odd}").headers
    stopped = browser.get(f"{link}&look=60")
    assert link in stopped.links
    assert "Refresh" not in browser.switch(browser.switch(stopped, "nl"), "en").headers, "nor in another language"
    note(intake, browser, 5, 9)
    assert browser.get(f"{link}&look=59").headers["Refresh"].endswith("look=00"), "as long as something comes"


def test_looking_is_no_use_of_the_visit_and_without_one_nothing_is_told(intake: Intake, browser: SourceBrowser) -> None:
    link = progress_link(browser.open_new_mailbox())
    for _ in range(2):
        intake.clock.seconds += intake.place.settings.session_idle_seconds * 2 // 3
        ended = browser.get(link)
    assert ended.headers.get("Refresh") is None
    assert "/login" in ended.links
    note(intake, browser, 5)
    assert browser.get(link).headers.get("Refresh") is None, "nor does an upload bring back a visit that was left"


def test_what_was_killed_in_the_middle_is_not_said_to_be_coming_for_ever(
    intake: Intake, browser: SourceBrowser
) -> None:
    link = progress_link(browser.open_new_mailbox())
    for number in range(20):
        note(intake, browser, 3 * MIB, form=str(number))
    assert browser.get(link).body.count(b"<progress") == 8, "and no more of them"
    intake.clock.seconds += 301
    assert NOTHING in browser.get(link).text


def test_it_is_read_in_another_language_and_goes_on_by_itself(intake: Intake, browser: SourceBrowser) -> None:
    link = progress_link(browser.open_new_mailbox())
    note(intake, browser, MIB // 2, 3 * MIB)
    page = browser.switch(browser.get(link), "nl")
    assert page.headers["Refresh"] == f"10;url={link}&look=00", "not to where the language was changed"
    assert "512 KiB van 3 MiB" in page.text
