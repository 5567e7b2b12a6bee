"""A real browser with an open desk, and a page that another local user serves on another port of the same address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from tests.journalist_interface.conftest import TOKEN
from tests.support.browser import NotInstalledError
from tests.support.chromium import start_chromium


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    try:
        driver = start_chromium(tmp_path, scripts=True)
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield driver
    driver.quit()


@pytest.fixture
def neighbour() -> Iterator[tuple[str, list[str]]]:
    """Another server of this address, and what browsers told it: cookies and referrers."""
    told: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.extend(self.headers.get_all("Cookie", []))
            told.extend(link for link in self.headers.get_all("Referer", []) if self.headers["Host"] not in link)
            self.send_response(200)
            self.send_header("Set-Cookie", "neighbour=here; SameSite=Strict; Path=/")
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<title>neighbour</title>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", told
    server.shutdown()
    server.server_close()


def test_another_port_is_told_neither_the_cookie_nor_the_root(
    port: int, driver: webdriver.Chrome, neighbour: tuple[str, list[str]]
) -> None:
    url, told = neighbour
    driver.get(f"http://127.0.0.1:{port}/open/{TOKEN}")
    assert driver.find_element(By.ID, "passphrase")
    home = driver.current_url
    for path in ("/", "/unlock", "/carry", f"/open/{TOKEN}"):
        driver.get(url + path)
        assert driver.title == "neighbour"
    driver.get(home)
    driver.execute_script(f"location.href='{url}/'")
    WebDriverWait(driver, 60).until(expected_conditions.title_is("neighbour"))

    assert set(told) == {"neighbour=here"}, "the browser does send cookies from port to port"
    driver.get(home)
    assert driver.find_element(By.ID, "passphrase"), "the handler goes on"
