"""Unlocking, locking, being idle, and guessing."""

import logging

import pytest
from flask import Flask

from store.desk.errors import DeskClosedError
from tests.journalist_interface.conftest import PASSPHRASE, Host, Seconds, bring, first_source
from tests.journalist_interface.desk_browser import DeskBrowser


def test_a_locked_desk_shows_nothing(locked: DeskBrowser) -> None:
    for path in ("/", "/carry", "/line", "/source/1", "/source/1/delete"):
        page = locked.get(path)
        assert [form.action for form in page.forms] == ["/unlock"]
        assert "Testlijn" not in page.html


def test_the_passphrase_unlocks(locked: DeskBrowser) -> None:
    locked.send("/unlock", passphrase=f"  {PASSPHRASE} ")
    assert locked.status == 200
    assert "Unlocked by Ann" in locked.page.text


@pytest.mark.parametrize(
    ("typed", "status"), [("wrong horse battery", 403), ("", 422), ("x" * 5_000, 422), ("\0", 403)]
)
def test_a_wrong_passphrase_says_so_and_is_not_shown_again(locked: DeskBrowser, typed: str, status: int) -> None:
    page = locked.send("/unlock", passphrase=typed)
    assert locked.status == status
    assert "Unlock" in page.text
    assert page.form("/unlock").fields["passphrase"] == ""


def test_guesses_are_slowed_down_for_the_right_one_too(locked: DeskBrowser, seconds: Seconds) -> None:
    for _ in range(3):
        locked.send("/unlock", passphrase="not the right one, not at all")
        assert locked.status == 403
    page = locked.send("/unlock", passphrase=PASSPHRASE)
    assert locked.status == 429
    assert "seconds" in page.text
    seconds.now += 2
    locked.send("/unlock", passphrase="not the right one, not at all")
    seconds.now += 2
    locked.send("/unlock", passphrase=PASSPHRASE)
    assert locked.status == 429, "the wait doubled"
    seconds.now += 2
    locked.send("/unlock", passphrase=PASSPHRASE)
    assert locked.status == 200
    assert "Unlocked by Ann" in locked.page.text


def test_the_wait_is_never_longer_than_a_minute(locked: DeskBrowser, seconds: Seconds) -> None:
    for _ in range(20):
        locked.send("/unlock", passphrase="not the right one, not at all")
        seconds.now += 60
    locked.send("/unlock", passphrase=PASSPHRASE)
    assert locked.status == 200


def test_the_lock_button_closes_the_desk_and_drops_the_keys(app: Flask, browser: DeskBrowser) -> None:
    holder = app.extensions["luwte-desk"].holder
    place = holder.enter()
    holder.leave(place)
    page = browser.send("/lock")
    assert page.form("/unlock")
    with pytest.raises(DeskClosedError):
        place.inbox.sources()
    assert browser.get("/").form("/unlock")


def test_a_desk_left_alone_locks_itself(browser: DeskBrowser, seconds: Seconds) -> None:
    seconds.now += 14 * 60
    assert "Sources" in browser.get("/").text
    seconds.now += 15 * 60
    assert browser.get("/").form("/unlock")


def test_an_idle_desk_locks_without_any_request(app: Flask, browser: DeskBrowser, seconds: Seconds) -> None:
    holder = app.extensions["luwte-desk"].holder
    seconds.now += 15 * 60
    holder.lock_if_idle()
    assert holder.locked


def test_work_under_way_is_not_cut_off_by_a_lock(app: Flask, browser: DeskBrowser, seconds: Seconds) -> None:
    holder = app.extensions["luwte-desk"].holder
    place = holder.enter()
    seconds.now += 60 * 60
    holder.lock_if_idle()
    assert not holder.locked, "a long import is no idleness"
    holder.lock()
    assert holder.enter() is None, "nothing new begins"
    assert place.inbox.sources() == []
    holder.leave(place)
    with pytest.raises(DeskClosedError):
        place.inbox.sources()


def test_a_reply_sent_to_a_locked_desk_is_kept_for_its_writer(
    host: Host, browser: DeskBrowser, seconds: Seconds
) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    path = first_source(browser)
    browser.get(path)
    seconds.now += 60 * 60
    page = browser.send(f"{path}/reply", message="Twenty minutes of careful words")
    assert page.form("/unlock")
    assert "careful" not in page.html
    page = browser.send("/unlock", passphrase=PASSPHRASE)
    assert page.form(f"{path}/reply").fields["message"] == "Twenty minutes of careful words"
    assert "was not sent" in page.text
    page = browser.send(f"{path}/reply")
    assert page.form(f"{path}/reply").fields["message"] == ""
    assert page.text.count("Twenty minutes of careful words") == 1


def test_notices_do_not_outlive_the_lock(app: Flask, browser: DeskBrowser) -> None:
    app.extensions["luwte-desk"].notices.add("something about a source")
    browser.send("/lock")
    assert "something about" not in browser.send("/unlock", passphrase=PASSPHRASE).html


def test_the_log_gets_no_content_when_something_breaks(
    app: Flask, browser: DeskBrowser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: object) -> None:
        raise RuntimeError("the secret words of a source")

    monkeypatch.setattr("store.desk.inbox.Inbox.sources", broken)
    with caplog.at_level(logging.DEBUG):
        page = browser.get("/")
    assert browser.status == 500
    assert "RuntimeError at" in caplog.text
    assert "inbox.py" in caplog.text
    assert "secret words" not in caplog.text + page.html
