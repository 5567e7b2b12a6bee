"""What sources send is hostile: names, contents, texts. The pages stay whole, and nothing is opened or written elsewhere."""

from pathlib import Path

import pytest

from tests.journalist_interface.conftest import Host, bring, first_source
from tests.journalist_interface.desk_browser import DeskBrowser

NAMES = [
    "../../bin/x",
    "/etc/passwd",
    "..\\..\\windows\\system32\\cmd.exe",
    "invoice\u202efdp.exe",
    "a\0b\nc\x1b[31m.txt",
    "CON",
    "nul.txt",
    ".bashrc",
    "-rf",
    "x" * 4_096,
    "é" * 3_000 + ".pdf",
    "<img src=x onerror=alert(1)>.png",
    '"><script>alert(1)</script>',
    "",
    "...",
    "\ud800",
]


def _only_file(browser: DeskBrowser) -> tuple[str, str]:
    path = first_source(browser)
    browser.get(path)
    return path, next(form.action for form in browser.page.forms if form.action.endswith("/save"))


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_name_is_defused_on_the_page_and_on_the_disk(
    host: Host, browser: DeskBrowser, tmp_path: Path, name: str
) -> None:
    host.submit(host.source(), files={name: b"content"})
    bring(host, browser)
    before = {path for path in tmp_path.rglob("*") if "saved" not in path.parts}
    _, save = _only_file(browser)
    html = browser.page.html
    assert "\u202e" not in html
    assert "<img" not in html
    assert "<script" not in html
    page = browser.send(save)
    assert browser.status == 200
    assert "Saved as" in page.text
    [saved] = (tmp_path / "saved").iterdir()
    assert saved.read_bytes() == b"content"
    assert saved.stat().st_mode & 0o777 == 0o600
    assert not saved.name.startswith((".", "-"))
    after = {path for path in tmp_path.rglob("*") if "saved" not in path.parts}
    assert after - before <= {tmp_path / "desk" / name for name in ("desk.db-wal", "desk.db-shm")}


def test_a_file_is_described_by_its_content_with_its_true_size(host: Host, browser: DeskBrowser) -> None:
    host.submit(host.source(), files={"holiday.jpg": b"MZ\x90\0" + b"\0" * 1_500_000})
    bring(host, browser)
    path, _ = _only_file(browser)
    text = browser.get(path).text
    assert "1.4 MiB (1,500,004 bytes)" in text
    assert "program (Windows)" in text
    assert "do not fit together" in text
    assert "can run as a program" in text


def test_a_form_sent_twice_saves_once_and_another_never_overwrites(
    host: Host, browser: DeskBrowser, tmp_path: Path
) -> None:
    host.submit(host.source(), files={"a.txt": b"one"})
    bring(host, browser)
    _, save = _only_file(browser)
    fields = browser.page.form(save).fields
    browser.post(save, fields)
    browser.post(save, fields)
    assert [path.name for path in (tmp_path / "saved").iterdir()] == ["a.txt"]
    browser.send(save)
    assert sorted(path.name for path in (tmp_path / "saved").iterdir()) == ["a-2.txt", "a.txt"]


def test_a_folder_that_refuses_is_named_and_the_same_form_works_later(
    host: Host, browser: DeskBrowser, tmp_path: Path
) -> None:
    host.submit(host.source(), files={"a.txt": b"one"})
    bring(host, browser)
    _, save = _only_file(browser)
    fields = browser.page.form(save).fields
    (tmp_path / "saved").write_text("in the way")
    page = browser.post(save, fields)
    assert browser.status == 422
    assert str(tmp_path / "saved") in page.text
    (tmp_path / "saved").unlink()
    browser.post(save, fields)
    assert browser.status == 200
    assert (tmp_path / "saved" / "a.txt").read_bytes() == b"one"


def test_a_file_is_saved_only_through_its_own_source(host: Host, browser: DeskBrowser, tmp_path: Path) -> None:
    host.submit(host.source(), files={"a.txt": b"one"})
    host.submit(host.source(), "other")
    bring(host, browser)
    links = [link for link in browser.get("/").links if link.startswith("/source/")]
    saves = [form.action for link in links for form in browser.get(link).forms if form.action.endswith("/save")]
    own = next(link for link in links if saves[0].startswith(link + "/"))
    other = next(link for link in links if link != own)
    browser.get("/")
    browser.post(saves[0].replace(own, other), browser.page.forms[0].fields)
    assert browser.status == 404
    assert not (tmp_path / "saved").exists()


def test_hostile_text_cannot_change_the_page(host: Host, browser: DeskBrowser) -> None:
    hostile = (
        "</p></main><script>alert(1)</script><form action=//evil><style>*{display:none}</style>"
        "{{ 7*7 }}{% raw %}&lt;\0\x07\x1b[2J\u202eabc\u2066x\ufffe" + "W" * 5_000 + "a" + "\u0301" * 500
    )
    host.submit(host.source(), hostile)
    bring(host, browser)
    path = first_source(browser)
    page = browser.get(path)
    assert browser.status == 200
    assert "<script" not in page.html
    assert "{{ 7*7 }}" in page.text
    assert not {"\0", "\x07", "\x1b", "\u202e"} & set(page.html)
    assert all(form.action.startswith("/") and not form.action.startswith("//") for form in page.forms)
    assert [tag for tag, _ in page.tags].count("style") == 1
    assert ("p", {"class": "words", "dir": "auto"}) in page.tags
