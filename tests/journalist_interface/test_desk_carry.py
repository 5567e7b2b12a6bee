"""The stick: what is on it may be anything."""

import os
from pathlib import Path

import pytest

from tests.journalist_interface.conftest import Host, bring
from tests.journalist_interface.desk_browser import DeskBrowser
from tests.support.road import collect_bundles


def test_a_bundle_imported_twice_changes_nothing(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "hello", files={"a": b"b"})
    host.collect()
    browser.get("/carry")
    page = browser.send("/carry/import")
    assert "Bundle 1: taken in with 1 message, 1 file, 1 new source." in page.text
    assert "Again" in page.text
    page = browser.send("/carry/import")
    assert "taken in before" in page.text


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "noise"])
def test_a_damaged_bundle_is_refused_by_name_and_the_good_one_still_works(
    host: Host, browser: DeskBrowser, damage: str
) -> None:
    host.submit(host.source(), "hello")
    [path] = host.collect()
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "cut": whole[:-1],
            "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
            "empty": b"",
            "noise": os.urandom(5_000),
        }[damage]
    )
    browser.get("/carry")
    page = browser.send("/carry/import")
    assert browser.status == 422
    assert path.name in page.text
    assert "nothing was taken" in page.text
    assert not [link for link in browser.get("/").links if link.startswith("/source/")]
    path.write_bytes(whole)
    browser.get("/carry")
    assert "taken in with 1 message" in browser.send("/carry/import").text


def test_a_gap_is_named_held_and_skipped_only_when_ticked(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "lost")
    host.collect()[0].unlink()
    host.submit(host.source(), "found")
    later = host.collect()[-1]
    for path in collect_bundles(host.stick):
        if path != later:
            path.unlink()
    browser.get("/carry")
    page = browser.send("/carry/import")
    assert browser.status == 409
    assert "bundle 1 is expected" in page.text.lower()
    asking = next(form for form in page.forms if "accept_gap" in form.names)
    browser.post(asking.action, asking.fields)
    assert browser.status == 409, "not ticked"
    page = browser.post(asking.action, asking.fields | {"accept_gap": "1-1"})
    assert browser.status == 200
    assert "skipped over" in page.text
    assert "found" in browser.get(next(link for link in browser.get("/").links if "/source/" in link)).text


def test_a_stick_that_changes_while_it_is_asked_about_gets_no_other_bundle_in(host: Host, browser: DeskBrowser) -> None:
    """Shown bundle 2 to be asked about, then the genuine bundle 4 under its name: what was not named is not skipped."""
    bundles = []
    for words in ("one", "two", "three", "four"):
        host.submit(host.source(), words)
        bundles.append(host.collect()[-1])
    shown, swapped = bundles[1], bundles[3].read_bytes()
    browser.get("/carry")
    form = next(form for form in browser.get("/carry").forms if form.fields.get("bundle") == shown.name)
    page = browser.post(form.action, form.fields)
    asking = next(form for form in page.forms if "accept_gap" in form.names)
    shown.write_bytes(swapped)
    page = browser.post(asking.action, asking.fields | {"accept_gap": "1-1"})
    assert browser.status == 409
    assert "Bundles 1 to 3 are lost" in page.text
    for nonsense in ("yes", "", "3-1", "1-", "1-1-1", "-1", "9" * 5_000):
        browser.post(asking.action, asking.fields | {"accept_gap": nonsense})
        assert browser.status in (409, 422), nonsense
    shown.unlink()
    assert "taken in with 1 message" in browser.send("/carry/import").text, "bundle 1 was never lost"


@pytest.mark.parametrize(
    "name", ["../desk/desk.db", "/etc/passwd", "luwte-dispatch-000001.age", "", "luwte-collect-x.age", "x\0"]
)
def test_only_a_name_on_the_list_is_ever_opened(host: Host, browser: DeskBrowser, name: str) -> None:
    host.submit(host.source(), "hello")
    host.collect()
    page = browser.get("/carry")
    browser.post("/carry/import", page.form("/carry/import").fields | {"bundle": name})
    assert browser.status == 422
    assert "not in the folder" in browser.page.text


def test_links_folders_pipes_and_strange_names_on_the_stick_are_not_looked_at(
    browser: DeskBrowser, stick: Path, state: Path
) -> None:
    (stick / "luwte-collect-000001.age").symlink_to(state / "desk.db")
    (stick / "luwte-collect-000002.age").mkdir()
    os.mkfifo(stick / "luwte-collect-000003.age")
    (stick / "<script>.age").write_bytes(b"")
    (stick / os.fsdecode(b"luwte-collect-\xff.age")).write_bytes(b"")
    page = browser.get("/carry")
    assert browser.status == 200
    assert not [form for form in page.forms if form.action == "/carry/import"]
    assert "5 other files" in page.text
    assert "<script" not in page.html


def test_a_stick_that_is_not_there_is_said(browser: DeskBrowser, stick: Path) -> None:
    stick.rmdir()
    page = browser.get("/carry")
    assert browser.status == 200
    assert "Is the stick plugged in" in page.text


def test_exporting_to_a_missing_stick_loses_nothing(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), "hello")
    bring(host, browser)
    browser.get("/carry")
    away = host.stick.rename(host.stick.with_name("away"))
    browser.send("/carry/export")
    assert browser.status == 422
    away.rename(host.stick)
    browser.get("/carry")
    assert "luwte-dispatch-000002.age" in browser.send("/carry/export").text
    assert "luwte-dispatch-000002.age" in browser.send("/carry/export").text, "until it is acknowledged"


def test_without_a_paired_host_nothing_is_exported(browser: DeskBrowser) -> None:
    page = browser.get("/carry")
    assert "Pair it first" in page.text
    browser.post("/carry/export", page.forms[0].fields)
    assert browser.status == 422
