"""A source's browser that holds every page it is given to what must be true of all pages."""

import base64
import hashlib
import http.client
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html.parser import HTMLParser

from deploy.trial.browser import Browser, Form, Page, Upload, multipart
from deploy.trial.new_source import ask_for_codename, codename_on, type_back
from source_interface.languages import LONGEST_TAG, TAGS
from source_interface.page import PAGE_BYTES

MISSING = "⟦untranslated⟧"  # what the tests' catalogues say before English
HOSTILE = "'\"><xss onclick=1></p></textarea></title></style></script><!--{{7*7}}&amp;&lt;"
BIDI = "\u202e\u2066\u202b"
RIGHT_TO_LEFT = {"ar", "fa", "ckb", "ug"}
FORBIDDEN_TAGS = {
    "xss",
    "script",
    "iframe",
    "frame",
    "object",
    "embed",
    "base",
    "audio",
    "video",
    "source",
    "noscript",
    "portal",
}
ADDRESSES = {
    "href",
    "src",
    "action",
    "formaction",
    "srcset",
    "poster",
    "data",
    "background",
    "ping",
    "cite",
    "manifest",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Type": "text/html; charset=utf-8",
}


class SourceBrowser(Browser):
    """Reads and sends like a person; each page is checked by `check_page`."""

    def _understand(self, *arguments) -> Page:
        page = super()._understand(*arguments)
        check_page(page)
        return page

    @property
    def secret(self) -> str:
        """What opens the session; the language stands after it in the cookie."""
        return self.cookies["luwte"].partition(".")[0]

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> Page:
        """A request that no page leads to."""
        return self._request(method, path, body, dict(headers or {}))

    def say(self, head: Sequence[str], body: bytes = b"") -> Page:
        """Say this to the letter and then no more; the server's answer shows that it has dealt with it."""
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        lines = [*head, "Host: x", "Connection: close", *([f"Cookie: {cookie}"] if cookie else [])]
        with socket.create_connection((self._host, self._port), self._timeout) as connection:
            connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            connection.shutdown(socket.SHUT_WR)
            response = http.client.HTTPResponse(connection)
            response.begin()
            return self._understand(head[0].split()[1], response, response.read())

    def break_off(
        self,
        page: Page,
        message: str,
        files: Sequence[tuple[str, bytes]],
        *,
        keep: int,
        fields: Mapping[str, str] | None = None,
    ) -> Page:
        """Send the form of a mailbox page, but only its first `keep` bytes (or all but so many, when negative)."""
        form = page.form(having="files")
        uploads = [("files", Upload.of(name, data)) for name, data in files]
        boundary, length, pieces = multipart({**form.fields, "message": message} | (fields or {}), uploads)
        kind = f"Content-Type: multipart/form-data; boundary={boundary}"
        return self.say(["POST /mailbox HTTP/1.1", kind, f"Content-Length: {length}"], b"".join(pieces)[:keep])

    def post(self, path: str, fields: Mapping[str, str]) -> Page:
        """A form that no page showed."""
        return self.submit(
            Page(path, 0, {}, b"", "", (), ()), Form(path, "post", "application/x-www-form-urlencoded"), fields
        )

    def new_codename(self) -> Page:
        """Ask for a codename: the page that shows it."""
        return ask_for_codename(self)

    def go_on(self, issued: Page) -> Page:
        """Type the codename back that a page shows, and open its mailbox by its own address."""
        type_back(self, issued)
        return self.get(mailbox_link(issued))

    def open_new_mailbox(self) -> Page:
        return self.go_on(self.new_codename())

    def send(self, page: Page, message: str = "", files: Sequence[tuple[str, bytes]] = (), **fields: str) -> Page:
        """Fill in and send the form of a mailbox page."""
        uploads = [("files", Upload.of(name, data)) for name, data in files]
        return self.submit(page, page.form(having="files"), {"message": message, **fields}, uploads)

    def log_in(self, typed: str) -> Page:
        page = self.get("/login")
        return self.submit(page, page.form(having="codename"), {"codename": typed})

    def erase(self, page: Page, what: str, *, sure: bool = True) -> Page:
        """Press the (first) button that erases `what`, and confirm when asked."""
        form = next(form for form in page.forms if form.fields.get("what") == what)
        asked = self.submit(page, form)
        return self.submit(asked, asked.form(having="sure")) if sure and what != "reply" else asked

    def switch(self, page: Page, tag: str, typed: Mapping[str, str] | None = None) -> Page:
        """Press the button of a language, after typing something into the page."""
        tags = structure(page)
        button = next(given for name, given in tags if name == "button" and given.get("value") == tag)
        ids = [given.get("id") for name, given in tags if name == "form"]
        form = page.forms[ids.index(button["form"])]
        pressed = replace(
            form, action=button.get("formaction") or form.action, enctype=button.get("formenctype") or form.enctype
        )
        return self.submit(page, pressed, typed, button=("language", tag))

    def leave(self, page: Page) -> Page:
        return self.submit(page, page.form(action="/leave"))


def words_of(page: Page) -> list[str]:
    """The codename that a page shows."""
    words = codename_on(page)
    assert words, page.text
    return words


def mailbox_link(page: Page) -> str:
    return next(link for link in page.links if link.startswith("/mailbox"))


def progress_link(page: Page) -> str:
    return next(link for link in page.links if link.startswith("/sending"))


def language_of(page: Page) -> str:
    return structure(page)[0][1]["lang"] or ""


def given_back(page: Page) -> list[str]:
    """The texts that stand in the page's text areas."""
    reader = _Structure()
    reader.feed(page.body.decode())
    return [text for text in reader.typed if text]


def structure(page: Page) -> list[tuple[str, dict[str, str | None]]]:
    """Every tag with its attributes, as a browser would understand the page."""
    reader = _Structure()
    reader.feed(page.body.decode())
    reader.close()
    return reader.tags


def check_page(page: Page) -> None:
    """One size, no script, nothing from elsewhere, the same headers: true of every page, whatever it says."""
    assert len(page.body) == PAGE_BYTES, f"{page.path} has {len(page.body)} bytes"
    _check_headers(page)
    tags = structure(page)
    assert tags[0][0] == "html", page.body[:200]
    assert tags[0][1]["lang"] in TAGS
    assert tags[0][1]["dir"] == ("rtl" if tags[0][1]["lang"] in RIGHT_TO_LEFT else "ltr")
    assert MISSING not in page.body.decode(), f"{page.path}: {page.text}"
    for tag, attributes in tags:
        assert tag not in FORBIDDEN_TAGS, tag
        assert "http-equiv" not in attributes, attributes
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", (tag, value)
            if name in ADDRESSES:
                local = re.match(r"/(?![/\\])", value or "") or (value or "").startswith("#")
                assert local or (tag == "link" and value == "data:,"), (tag, name, value)
        if tag == "form":
            assert attributes.get("method") == "post", attributes
    for form in page.forms:
        assert re.fullmatch(r"[0-9a-f]{32}", form.fields["token"]), form


def _check_headers(page: Page) -> None:
    for name, value in HEADERS.items():
        assert page.headers.get(name) == value, (name, page.headers.get(name))
    # What leaving says to the browser is as long as what fills its place on every other page.
    kept, cleared = page.headers.get("X-Filling-Here"), page.headers.get("Clear-Site-Data")
    assert (kept is None) != (cleared is None)
    assert len(f"X-Filling-Here{kept}" if cleared is None else f"Clear-Site-Data{cleared}") == 44
    assert cleared is None or page.path == "/leave"
    policy = page.headers["Content-Security-Policy"]
    html = page.body.decode()
    styles = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';"), policy
    assert {"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} <= {
        part.strip() for part in policy.split(";")
    }
    assert not re.search(r"url\(|@import|image-set", styles[0])
    assert "unsafe" not in policy
    assert "http" not in policy
    # So does what stands in the place of a cookie that the browser has.
    cookie, kept = page.headers.get("Set-Cookie"), page.headers.get("X-Fill-Too")
    assert (cookie is None) != (kept is None)
    assert len(cookie or kept or "") == len(f"luwte={'x' * 43}.{'x' * LONGEST_TAG}; HttpOnly; Path=/; SameSite=Strict")
    if cookie is None:
        return
    name_and_value, *flags = [part.strip() for part in cookie.split(";")]
    assert re.fullmatch(rf"luwte=[A-Za-z0-9_-]{{43}}\.[A-Za-z_-]{{{LONGEST_TAG}}}", name_and_value), cookie
    assert sorted(flags) == ["HttpOnly", "Path=/", "SameSite=Strict"], cookie


class _Structure(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.typed: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "textarea":
            self._inside = True
            self.typed.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "textarea"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.typed[-1] += data
