"""A person's browser without a screen: loads pages, reads their real forms, fills them in and sends them.

It reaches this machine alone, and onions through a tor's SOCKS port on it. Keeps cookies as a browser would for one
host, follows redirects to pages, and streams files of any size in multipart/form-data without holding them.
"""

import http.client
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import urlencode, urlsplit

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.sync import Proxy

_PIECE = 1 << 20
_ONION_PORT: Final = 80


@dataclass(frozen=True)
class Upload:
    """A file to send: its name, its length in bytes, and how to get its bytes anew each time."""

    name: str
    length: int
    pieces: Callable[[], Iterator[bytes]]

    @classmethod
    def of(cls, name: str, data: bytes) -> "Upload":
        return cls(name, len(data), lambda: iter([data] if data else []))


@dataclass
class Form:
    """A form as a page shows it. `fields` holds what it sends when nothing is changed."""

    action: str
    method: str
    enctype: str
    fields: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Page:
    """An answer: its status, headers, raw body, text without tags, and forms."""

    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    text: str
    forms: Sequence[Form]
    links: Sequence[str]

    def form(self, *, action: str | None = None, having: str | None = None) -> Form:
        """The first form with this action and this field or button name; LookupError when there is none."""
        for candidate in self.forms:
            names = candidate.names | {name for name, _ in candidate.buttons}
            if (action is None or candidate.action == action) and (having is None or having in names):
                return candidate
        raise LookupError(f"no form to {action or 'anywhere'} with {having or 'any field'} on {self.path}")


class Browser:
    """One browser with its cookies, for one loopback address, or for one onion through a SOCKS port of 127.0.0.1.

    OSError or HTTPException when an answer cannot be had.
    """

    def __init__(self, url: str, socks_port: int | None = None, *, timeout: float = 180) -> None:
        parts = urlsplit(url)
        self._host, self._timeout, self._socks_port = parts.hostname or "", timeout, socks_port
        if socks_port is None:
            if self._host not in ("127.0.0.1", "::1", "localhost") or parts.port is None:
                raise ValueError("loopback only")
            self._port = parts.port
        else:
            if not self._host.endswith(".onion") or parts.port is not None:
                raise ValueError("onions only")
            self._port = _ONION_PORT
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Page:
        return self._request("GET", path, None, dict(headers or {}))

    def submit(
        self,
        page: Page,
        form: Form,
        values: Mapping[str, str] | None = None,
        files: Sequence[tuple[str, Upload]] = (),
        button: tuple[str, str] | None = None,
    ) -> Page:
        """Send a form with `values` in place of what it held, as its own method and encoding say."""
        fields = {**form.fields, **(values or {}), **(dict([button]) if button else {})}
        action = form.action or page.path
        if form.method == "get":
            return self.get(f"{action}?{urlencode(fields)}")
        if form.enctype == "multipart/form-data":
            return self._post_multipart(action, fields, files)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._request("POST", action, urlencode(fields).encode(), headers)

    def _post_multipart(self, path: str, fields: Mapping[str, str], files: Sequence[tuple[str, Upload]]) -> Page:
        boundary, length, body = multipart(fields, files)
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}
        return self._request("POST", path, body, headers)

    def _request(self, method: str, path: str, body: bytes | Iterator[bytes] | None, headers: dict[str, str]) -> Page:
        connection = self._connection()
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if method == "POST":
            headers.setdefault("Origin", self._origin)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        return self._understand(path, response, data)

    def _connection(self) -> http.client.HTTPConnection:
        if self._socks_port is not None:
            return _OnionConnection(self._host, self._socks_port, self._timeout)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout, blocksize=_PIECE)

    def _understand(self, path: str, response: http.client.HTTPResponse, data: bytes) -> Page:
        for header in response.headers.get_all("Set-Cookie") or ():
            self._keep(header)
        if response.status == 303:
            return self.get(response.headers["Location"])
        reader = _PageReader()
        reader.feed(data.decode("utf-8", "replace"))
        reader.close()
        text = " ".join("".join(reader.text).split())
        return Page(path, response.status, dict(response.headers), data, text, reader.forms, reader.links)

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


class _OnionConnection(http.client.HTTPConnection):
    def __init__(self, onion: str, socks_port: int, timeout: float) -> None:
        super().__init__(onion, _ONION_PORT, timeout=timeout, blocksize=_PIECE)
        self._socks_port = socks_port

    def connect(self) -> None:
        proxy = Proxy(ProxyType.SOCKS5, "127.0.0.1", self._socks_port, rdns=True)  # tor alone knows the name
        try:
            self.sock: socket.socket = proxy.connect(self.host, self.port, timeout=self.timeout)
        except (ProxyError, ProxyConnectionError, ProxyTimeoutError) as error:
            raise ConnectionError(f"{self.host} cannot be reached: {error}") from error
        self.sock.settimeout(self.timeout)


def multipart(fields: Mapping[str, str], files: Sequence[tuple[str, Upload]]) -> tuple[str, int, Iterator[bytes]]:
    """A multipart/form-data body (RFC 7578): its boundary, its length, and its pieces."""
    boundary = "----luwte" + secrets.token_hex(16)
    heads = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    file_heads = [
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{_quoted(upload.name)}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        for name, upload in files
    ]
    end = f"--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(map(len, file_heads)) + len(end)
    length += sum(upload.length + 2 for _, upload in files)

    def pieces() -> Iterator[bytes]:
        yield b"".join(heads)
        for head, (_, upload) in zip(file_heads, files, strict=True):
            yield head
            yield from upload.pieces()
            yield b"\r\n"
        yield end

    return boundary, length, pieces()


def _quoted(name: str) -> str:
    """As browsers escape a file name (WHATWG HTML, multipart/form-data encoding)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class _PageReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._form: Form | None = None
        self._textarea: str | None = None
        self._silent = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._form = Form(
                given.get("action", ""),
                given.get("method", "get").lower(),
                given.get("enctype", "application/x-www-form-urlencoded"),
            )
            self.forms.append(self._form)
        elif tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in ("style", "title"):
            self._silent = True
        elif self._form is not None and "name" in given:
            self._control(self._form, tag, given)
        if tag in ("p", "li", "h1", "h2", "h3", "td", "th", "br", "div", "button", "label"):
            self.text.append(" ")

    def _control(self, form: Form, tag: str, given: Mapping[str, str]) -> None:
        name, kind = given["name"], given.get("type", "text")
        if tag == "button" or (tag == "input" and kind == "submit"):
            form.buttons.append((name, given.get("value", "")))
            return
        form.names.add(name)
        if tag == "textarea":
            self._textarea = name
            form.fields[name] = ""
        elif tag == "input" and kind != "file" and (kind not in ("checkbox", "radio") or "checked" in given):
            form.fields[name] = given.get("value", "on" if kind in ("checkbox", "radio") else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._textarea = None
        elif tag in ("style", "title"):
            self._silent = False

    def handle_data(self, data: str) -> None:
        if self._textarea is not None and self._form is not None:
            self._form.fields[self._textarea] += data
        elif not self._silent:
            self.text.append(data)
