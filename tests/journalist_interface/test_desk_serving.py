"""The desk as it is really served: by its server, over loopback."""

import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from journalist_interface.desk.serve import settings
from tests.journalist_interface.conftest import PASSPHRASE, TOKEN

ROOT = Path(__file__).parents[2]
CODE = """
import sys
from pathlib import Path
from crypto.kdf import VAULT_TEST
from journalist_interface.desk import create_app, serve
state, folder, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
app = create_app(state, port=port, open_token=sys.argv[4], carry_folder=folder, save_folder=folder, test_profile=VAULT_TEST)
serve(app, port)
"""


@pytest.fixture
def port(state: Path, stick: Path) -> Iterator[int]:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", CODE, str(state), str(stick), str(number), TOKEN], cwd=ROOT)
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", number), 1).close()
                break
            except ConnectionRefusedError:
                continue
        yield number
    finally:
        process.terminate()
        process.wait(30)


def _ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    page = response.read().decode()
    connection.close()
    assert "Server" not in response.headers
    return response.status, response.headers.get("Set-Cookie", "").split(";")[0], page


def test_the_link_the_passphrase_and_the_inbox_over_real_http(port: int) -> None:
    assert _ask(port, "GET", "/")[0] == 403
    status, cookie, _ = _ask(port, "GET", f"/open/{TOKEN}")
    assert status == 303
    status, _, page = _ask(port, "GET", "/unlock", Cookie=cookie)
    assert status == 200
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token
    passphrase = PASSPHRASE.replace(" ", "+")
    status, _, _ = _ask(port, "POST", "/unlock", f"csrf={token[1]}&passphrase={passphrase}", Cookie=cookie)
    assert status == 303
    status, _, page = _ask(port, "GET", "/", Cookie=cookie)
    assert status == 200
    assert "Unlocked by Ann" in page
    assert _ask(port, "GET", "/", Cookie=cookie, Host="evil.example")[0] == 421
    assert _ask(port, "GET", f"/open/{TOKEN}")[0] == 403


def test_a_request_that_is_too_large_is_refused(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", "/unlock")
    connection.putheader("Content-Length", "2000000")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_forms_and_pages_are_never_put_into_temporary_files() -> None:
    chosen = settings(1)
    assert chosen["inbuf_overflow"] > chosen["max_request_body_size"]
    # A page of the longest conversation: 100 messages of 100,000 characters, each escaped as six at worst.
    assert chosen["outbuf_overflow"] > 100 * 100_000 * 6
    assert chosen["host"] == "127.0.0.1"
