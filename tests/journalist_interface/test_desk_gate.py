"""Nobody but the one browser gets a page: not another local user, not a web page, not a name that was rebound."""

import re

import pytest
from flask import Flask

from tests.journalist_interface.conftest import PASSPHRASE, PORT, TOKEN
from tests.journalist_interface.desk_browser import DeskBrowser

COOKIE = f"luwte-desk-{PORT}"
PATHS = ["/", "/unlock", "/carry", "/line", "/source/1", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
def test_no_page_without_the_cookie(app: Flask, path: str) -> None:
    stranger = DeskBrowser(app, PORT)
    page = stranger.get(path)
    assert stranger.status == 403
    assert "passphrase" not in page.html
    assert not page.forms


def test_a_local_user_without_the_cookie_cannot_act(app: Flask, browser: DeskBrowser) -> None:
    stranger = DeskBrowser(app, PORT)
    token = browser.page.forms[0].fields["csrf"]
    stranger.post("/lock", {"csrf": token})
    assert stranger.status == 403
    assert "Sources" in browser.get("/").text
    assert "Sources" in browser.page.text


def test_the_one_time_link_opens_for_one_browser_only(app: Flask, locked: DeskBrowser) -> None:
    assert locked.page.form("/unlock").names == {"csrf", "passphrase"}
    second = DeskBrowser(app, PORT)
    page = second.open(f"/open/{TOKEN}")
    assert second.status == 403
    assert "works once" in page.text
    assert not second.response.headers.getlist("Set-Cookie")
    page = locked.open(f"/open/{TOKEN}")
    assert locked.status == 403
    assert "history" in page.text


@pytest.mark.parametrize("token", ["x", TOKEN[:-1], TOKEN + "x", "%00", "é" * 40])
def test_a_guessed_link_is_refused_and_spends_nothing(app: Flask, token: str) -> None:
    browser = DeskBrowser(app, PORT)
    browser.open(f"/open/{token}")
    assert browser.status == 403
    browser.open(f"/open/{TOKEN}")
    assert browser.status == 200


def test_the_cookie_is_for_this_browser_session_and_site_only(app: Flask) -> None:
    response = app.test_client().get(f"/open/{TOKEN}", base_url=f"http://127.0.0.1:{PORT}")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Expires" not in cookie
    assert "Max-Age" not in cookie


def test_the_cookie_is_sent_below_the_root_alone_and_opens_nothing_elsewhere(app: Flask, browser: DeskBrowser) -> None:
    """A page on another port of this machine shares the browser's cookies, but not the root's name."""
    assert re.fullmatch(r"/[A-Za-z0-9_-]{22}", browser.root)
    cookie = browser.client.get_cookie(COOKIE, domain="127.0.0.1", path=f"{browser.root}/")
    assert cookie is not None
    thief = DeskBrowser(app, PORT)
    thief.client = app.test_client(use_cookies=False)  # it sends the stolen one by hand
    for path in (*PATHS, "//", f"/x{browser.root}/", f"{browser.root}x/", f"//{browser.root[1:]}/", "/open/x"):
        page = thief.get(path, Cookie=f"{COOKIE}={cookie.value}")
        assert thief.status == 403, path
        assert not page.forms
        assert browser.root not in page.html
    assert "Unlocked by Ann" in thief.get(f"{browser.root}/", Cookie=f"{COOKIE}={cookie.value}").text
    thief.get(f"{browser.root}/")
    assert thief.status == 403, "nor does the root alone"


def test_the_link_opens_nothing_below_the_root(app: Flask) -> None:
    stranger = DeskBrowser(app, PORT)
    stranger.get(f"{app.extensions['luwte-desk'].gatekeeper.root}/open/{TOKEN}")
    assert stranger.status == 403
    stranger.open(f"/open/{TOKEN}")
    assert stranger.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"0.0.0.0:{PORT}", ""]
)
def test_a_rebound_name_gets_nothing(browser: DeskBrowser, host: str) -> None:
    browser.get("/", Host=host)
    assert browser.status == 421
    assert "Testlijn" not in browser.page.html


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": f"http://127.0.0.1:{PORT + 1}"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_cannot_drive_the_desk(browser: DeskBrowser, headers: dict[str, str]) -> None:
    browser.send("/lock", headers)
    assert browser.status == 403
    browser.get("/", **headers)
    assert browser.status == 403
    browser.get("/")
    assert browser.status == 200, "the desk is still unlocked"


@pytest.mark.parametrize("token", ["", "0" * 64, "ü"])
@pytest.mark.parametrize("path", ["/lock", "/unlock", "/carry/export", "/line/verify", "/source/1/delete", "/nowhere"])
def test_a_form_without_this_browsers_token_is_refused(browser: DeskBrowser, path: str, token: str) -> None:
    browser.post(path, {"csrf": token, "passphrase": PASSPHRASE, "sure": "yes"})
    assert browser.status == 403
    assert "nothing was done" in browser.page.text
    browser.get("/")
    assert "Sources" in browser.page.text


def test_every_form_of_every_page_carries_the_token(browser: DeskBrowser) -> None:
    for path in ("/", "/carry", "/line"):
        for form in browser.get(path).forms:
            assert form.method == "post"
            assert form.fields["csrf"]


@pytest.mark.parametrize("path", ["/", "/unlock", "/nowhere", "/carry"])
def test_every_answer_has_the_headers(browser: DeskBrowser, path: str) -> None:
    browser.get(path)
    headers = browser.response.headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_the_style_is_the_one_that_the_policy_names(browser: DeskBrowser) -> None:
    import base64
    import hashlib

    html = browser.get("/").html
    style = html[html.index("<style>") + 7 : html.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in browser.response.headers["Content-Security-Policy"]


def test_pages_hold_no_script_and_nothing_from_elsewhere(browser: DeskBrowser) -> None:
    for path in ("/", "/carry", "/line"):
        page = browser.get(path)
        assert not {tag for tag, _ in page.tags} & {"script", "img", "iframe", "link", "object", "embed"}
        assert all(link.startswith(("/", "#")) for link in page.links)
        assert not [
            name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"
        ]
