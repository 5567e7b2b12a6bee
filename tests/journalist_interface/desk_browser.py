"""A handler's browser without JavaScript: it sends the forms that are on the page, as they are.

Tests name paths below the desk's root, as if it were "/": the browser learns the root from the link, puts it before every
path, and takes it off every link and form, each of which must have it.
"""

from dataclasses import dataclass, field
from html.parser import HTMLParser

from flask import Flask
from werkzeug.test import TestResponse


@dataclass
class Form:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)


class Page(HTMLParser):
    """What stands on one page."""

    def __init__(self, html: str, root: str = "") -> None:
        super().__init__(convert_charrefs=True)
        self._root = root
        self.html = html
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self._inside = tag
        if tag == "a":
            self.links.append(self._below_root(attributes.get("href") or ""))
        if tag == "form":
            self.forms.append(Form(self._below_root(attributes["action"] or ""), attributes.get("method") or "get"))
        if tag in ("input", "textarea") and self.forms:
            name = attributes.get("name") or ""
            self.forms[-1].names.add(name)
            if attributes.get("type") != "checkbox":
                self.forms[-1].fields[name] = attributes.get("value") or ""
        if tag == "textarea":
            self._area = attributes["name"] or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            # A browser drops one line end right after the opening tag.
            self.forms[-1].fields[self._area] = self.forms[-1].fields[self._area].removeprefix("\n")
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "textarea":
            self.forms[-1].fields[self._area] += data
        elif self._inside != "style":
            self.text += " " + data

    def _below_root(self, link: str) -> str:
        assert link.startswith((f"{self._root}/", "#")), link
        return link.removeprefix(self._root)

    def form(self, action: str) -> Form:
        return next(form for form in self.forms if form.action.partition("#")[0] == action)


class DeskBrowser:
    """Keeps the cookie and the page that it is on. Follows redirects as a browser does."""

    def __init__(self, app: Flask, port: int) -> None:
        self.client = app.test_client()
        self.origin = f"http://127.0.0.1:{port}"
        self.root = ""
        self.response: TestResponse
        self.page: Page

    def open(self, link: str, **headers: str) -> Page:
        """Follow a link from outside of the desk's pages, the one-time link for one, to the root that it leads to."""
        response = self.client.get(link, base_url=self.origin, headers={"Sec-Fetch-Site": "none"} | headers)
        if response.status_code == 303:
            self.root = response.headers["Location"].removesuffix("/")
        return self._follow(response)

    def get(self, path: str, **headers: str) -> Page:
        usual = {"Sec-Fetch-Site": "same-origin"}
        return self._follow(self.client.get(self.root + path, base_url=self.origin, headers=usual | headers))

    def send(self, action: str, headers: dict[str, str] | None = None, **fields: str) -> Page:
        """Fill in the form of this page with that action, and send it."""
        return self.post(action, self.page.form(action).fields | fields, headers)

    def post(self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None) -> Page:
        usual = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return self._follow(
            self.client.post(self.root + path, base_url=self.origin, data=fields, headers=usual | (headers or {}))
        )

    @property
    def status(self) -> int:
        return self.response.status_code

    def _follow(self, response: TestResponse) -> Page:
        while response.status_code == 303:
            path = response.headers["Location"].split("#")[0]
            response = self.client.get(path, base_url=self.origin, headers={"Sec-Fetch-Site": "same-origin"})
        self.response = response
        self.page = Page(response.get_data(as_text=True), self.root)
        return self.page
