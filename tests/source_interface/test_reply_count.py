"""A login takes the same work, and its answer has the same size, however many answers wait behind the codename."""

from collections.abc import Callable

import pytest

from store.intake.replies import Replies
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import words_of

SHOWN = 17  # on the first page, of short ones


@pytest.mark.parametrize("count", [0, 1, 200])
def test_a_login_opens_no_more_answers_than_its_page_shows(
    open_intake: Callable[..., Intake], monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    intake = open_intake()
    browser = intake.browser()
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    if count:
        intake.reply(*(f"answer {number}" for number in range(count)))
    opened: list[bytes] = []
    read = Replies.read

    def noted(replies: Replies, reply_id: bytes) -> bytes:
        opened.append(reply_id)
        return read(replies, reply_id)

    monkeypatch.setattr(Replies, "read", noted)
    page = intake.browser().log_in(" ".join(words_of(given)))  # its size is checked as every page's

    assert page.text.count("Erase this answer") == min(count, SHOWN)
    assert len(opened) == min(count, SHOWN + 1)
