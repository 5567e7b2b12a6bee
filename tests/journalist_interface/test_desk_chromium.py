"""A real browser with an open desk, and a page that another local user serves on another port of the same address."""

import os
import shutil
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

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests may run as root
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'chromium'}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(DRIVER, log_output=os.devnull))
    driver.set_page_load_timeout(60)
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
