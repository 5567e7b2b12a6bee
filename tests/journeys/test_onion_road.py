"""The whole road through a real Tor network with real browsers: report, carry, answer, read, erase."""

import hashlib
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient
from tests.journeys.conftest import OpenBrowser
from tests.journeys.onion_line import OnionLine
from tests.journeys.person import Person
from tests.support.browser import NoPageError
from tests.support.through_tor import ask, connection, fetch

SIZES = {"empty": 0, "photo": 1 << 20, "video": 50 << 20}
WORDS = "تلقيت تهديدات بسبب مشاركتي في مظاهرة.\nኣብ ቆንስል ገንዘብ ክኸፍል ይግድዱኒ ኣለዉ።\n他们知道我在这里参加了什么活动。"
REPLY = "نحن نقرأ رسالتك.\nእናንበብናዮ ኢና።\n我们会帮助你。"


@pytest.mark.timeout(900)  # 50 MiB through Tor, on a machine that may be busy
@pytest.mark.parametrize("kind", ["safest", "chromium"])
def test_the_whole_road(
    kind: str, line: OnionLine, open_browser: OpenBrowser, screenshots: Path, tmp_path: Path
) -> None:
    mark = os.urandom(4).hex()
    files = [tmp_path / f"{name}-{mark}.bin" for name in SIZES]
    for file, size in zip(files, SIZES.values(), strict=True):
        file.write_bytes(os.urandom(size))
    person, message = Person(open_browser(kind), line.url, screenshots), f"{WORDS}\n{mark}"
    person.get_codename()
    person.send(message, files)
    assert "3 files arrived whole" in person.browser.text
    person.leave()

    line.carry_in()
    saved = line.files_with(message, tmp_path)
    assert {name: _digest(path) for name, path in saved.items()} == {file.name: _digest(file) for file in files}
    line.answer(message, f"{REPLY}\n{mark}")
    line.carry_out()

    person.log_in()
    assert person.browser.texts(".reply .text") == [f"{REPLY}\n{mark}"]
    assert mark not in person.browser.text.replace(f"{REPLY}\n{mark}", "")
    person.erase_mailbox()
    person.log_in()
    assert "We do not know this codename" in person.browser.text


@pytest.mark.parametrize(("kind", "language"), [("safer", "ar"), ("standard", "ti"), ("chromium", "zh-Hans")])
def test_a_message_and_its_answer_in_other_languages_at_other_levels(
    kind: str, language: str, line: OnionLine, open_browser: OpenBrowser, screenshots: Path
) -> None:
    person = Person(open_browser(kind), line.url, screenshots, language)
    message = f"{WORDS}\n{os.urandom(4).hex()}"
    person.get_codename()
    person.send(message)
    assert person.browser.attributes("html", "lang") == [language]
    person.leave()
    line.carry_in()
    line.answer(message, REPLY)
    line.carry_out()
    person.log_in()
    assert person.browser.texts(".reply .text") == [REPLY]
    assert person.browser.attributes("html", "lang") == [language]


def test_two_sources_at_once_are_two(line: OnionLine, open_browser: OpenBrowser) -> None:
    people = [Person(open_browser(kind), line.url) for kind in ("safest", "chromium")]
    messages = [f"{number} {os.urandom(4).hex()}" for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Person.get_codename, people))
        list(pool.map(Person.send, people, messages))
    line.carry_in()
    for message in messages:
        line.answer(message, f"to {message}")
    line.carry_out()
    for person, message in zip(people, messages, strict=True):
        person.log_in()
        assert person.browser.texts(".reply .text") == [f"to {message}"]


def test_an_onion_typed_as_https_fails_plainly_and_breaks_nothing(line: OnionLine, open_browser: OpenBrowser) -> None:
    browser = open_browser("safest")
    with pytest.raises(NoPageError):
        browser.open(f"https://{line.onion}/")
    browser.received()
    Person(browser, line.url).open("/", "first page")


def test_nobody_opens_the_couriers_onion_without_a_key_and_the_sources_has_nothing_of_it(
    line: OnionLine, open_browser: OpenBrowser, tor_network: TorNetwork
) -> None:
    courier = tor_network.client("courier-with-key", f"ClientOnionAuthDir {line.courier_keys}")
    answer = fetch(courier.socks_port, line.courier_onion)
    assert answer.startswith(b"HTTP/1.1 404 "), "it is there, for the courier"
    assert not re.search(rb"(?im)^(server|date):", answer)
    browser = open_browser("safest")
    with pytest.raises(NoPageError):
        browser.open(f"http://{line.courier_onion}/courier/v1/collect")
    browser.received()

    person = Person(browser, line.url)
    for path in ("/courier/v1/collect", "/courier/v1/bundles/1", "/courier/v1/uploads/1", "/courier"):
        person.open(path, "nothing here")
        assert browser.texts("h1") == ["This page is not here"]


def test_an_answer_through_tor_tells_neither_program_nor_time(line: OnionLine, tor_client: TorClient) -> None:
    first, *others = [
        headers_of(get(tor_client, line, path)) for path in ("/", "/login", "/no-such-page", "/advice", "/")
    ]
    assert all(other == first for other in others)
    assert set(first) == {
        "cache-control", "connection", "content-length", "content-security-policy", "content-type", "cross-origin-embedder-policy",
        "cross-origin-opener-policy", "cross-origin-resource-policy", "permissions-policy", "referrer-policy", "set-cookie",
        "x-content-type-options", "x-dns-prefetch-control", "x-filling-here", "x-frame-options",
    }  # fmt: skip


def get(tor: TorClient, line: OnionLine, path: str) -> bytes:
    with connection(tor.socks_port, line.onion) as sock:
        return ask(sock, line.onion, path=path)


def headers_of(answer: bytes) -> dict[str, str]:
    """Each header, the cookie's own letters left out."""
    lines = answer.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")[1:]
    found = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    found["set-cookie"] = re.sub(r"^luwte=[\w.-]+;", "", found["set-cookie"])
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
