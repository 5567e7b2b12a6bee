"""The desk as it is really served: by its server, over loopback."""

import contextlib
import http.client
import re
import resource
import socket

import pytest

from journalist_interface.desk.serve import settings
from tests.journalist_interface.conftest import PASSPHRASE, TOKEN


def _ask(port: int, method: str, path: str, body: str = "", **headers: str) -> tuple[int, str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    page = response.read().decode()
    connection.close()
    assert "Server" not in response.headers
    return response.status, response.headers.get("Set-Cookie", "").partition("; SameSite")[0], page


def test_the_link_the_passphrase_and_the_inbox_over_real_http(port: int) -> None:
    assert _ask(port, "GET", "/")[0] == 403
    status, set_cookie, _ = _ask(port, "GET", f"/open/{TOKEN}")
    assert status == 303
    cookie, root = set_cookie.split(";")[0], set_cookie.split("Path=")[1]
    status, _, page = _ask(port, "GET", f"{root}unlock", Cookie=cookie)
    assert status == 200
    token = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert token
    passphrase = PASSPHRASE.replace(" ", "+")
    status, _, _ = _ask(port, "POST", f"{root}unlock", f"csrf={token[1]}&passphrase={passphrase}", Cookie=cookie)
    assert status == 303
    assert _ask(port, "GET", "/", Cookie=cookie)[0] == 403
    status, _, page = _ask(port, "GET", root, Cookie=cookie)
    assert status == 200
    assert "Unlocked by Ann" in page
    assert _ask(port, "GET", root, Cookie=cookie, Host="evil.example")[0] == 421
    assert _ask(port, "GET", f"/open/{TOKEN}")[0] == 403


def test_a_request_that_is_too_large_is_refused(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    _, set_cookie, _ = _ask(port, "GET", f"/open/{TOKEN}")
    connection.putrequest("POST", set_cookie.split("Path=")[1] + "unlock")
    connection.putheader("Content-Length", "2000000")
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize("how", [("Content-Length", "1000000"), ("Transfer-Encoding", "chunked")])
@pytest.mark.parametrize("path", ["/", "/open/x", "/AAAAAAAAAAAAAAAAAAAAAA/unlock", "//", "http://x/"])
def test_who_did_not_draw_the_root_gets_no_memory_for_a_body(port: int, how: tuple[str, str], path: str) -> None:
    """The answer comes before any of the body was sent: none of it is waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", path)
    connection.putheader(*how)
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


def test_idle_connections_of_others_keep_nobody_out_and_are_closed(port: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4_096, hard) if hard > 0 else 4_096, hard))
        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        # More than a process may have by default, and than select can watch.
        idle = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(1_500)]
        assert _ask(port, "GET", "/")[0] == 403
        idle[0].settimeout(30)
        assert idle[0].recv(1) == b"", "the desk closed it"


def test_forms_and_pages_are_never_put_into_temporary_files() -> None:
    chosen = settings(1, 100)
    assert chosen["inbuf_overflow"] > chosen["max_request_body_size"]
    # A page of the longest conversation: 100 messages of 100,000 characters, each escaped as six at worst.
    assert chosen["outbuf_overflow"] > 100 * 100_000 * 6
    assert chosen["host"] == "127.0.0.1"
