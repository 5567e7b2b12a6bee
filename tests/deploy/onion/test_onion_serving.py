"""`luwte-intake serve` in a private Tor network: reachable, at the same address always, again after faults; gone when ended."""

import os
import re
import signal
import socket
import stat
import subprocess

import pytest

from deploy.onion import keys
from source_interface.page import PAGE_BYTES
from store.clock import SystemClock
from tests.support.road import Road
from tests.support.served_host import BIN, ServedHost, await_gone
from tests.support.through_tor import ask, fetch
from tests.support.waiting import tried_until

PROXY = b"PROXY TCP6 fc00:dead:beef:4dad::0:%d ::1 65535 80\r\n"


@pytest.fixture(scope="module")
def visitor(network):
    return network.client("visitor").socks_port


def page(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    assert len(body) == PAGE_BYTES, head
    return int(head.split()[1]), body


def at_socket(served, host, *headers, circuit=77, request=None):
    """An answer of the source's server, asked at its socket in tor's place."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(served.state / "run" / "source.sock"))
        sock.sendall(PROXY % circuit)
        if request is None:
            return ask(sock, host, *headers)
        sock.sendall(request)
        return b"".join(iter(lambda: sock.recv(65_536), b""))


def test_bootstrapping_is_told_and_no_line_has_a_time(served):
    assert re.search(r"^tor: 100 % Done$", served.said, re.MULTILINE)
    assert not re.search(r"\d\d:\d\d|\d{4}-\d\d", served.said)


def test_a_source_reaches_the_pages_through_tor(served, visitor):
    status, body = page(fetch(visitor, served.await_source()))

    assert status == 200
    assert b"codename" in body


def test_the_servers_socket_is_closed_to_other_users(served):
    run = served.state / "run"

    assert stat.S_IMODE((run / "source.sock").stat().st_mode) == 0o660
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    assert (run / "host.pid").read_text().strip() == str(served.process.pid)


def test_status_shows_both_addresses(served):
    done = subprocess.run([BIN / "luwte-intake", "status", "--state", served.state], capture_output=True, text=True)

    assert f"The source onion: http://{served.await_source()}\n" in done.stdout
    assert f"The courier onion: http://{keys.known_address(served.state / 'onions' / 'courier')}\n" in done.stdout


def test_the_own_tor_offers_nothing_to_connect_to_and_notes_no_visits(served):
    settings = (served.state / "tor" / "torrc").read_text().splitlines()

    assert {"SocksPort 0", "SafeLogging 1", "HeartbeatPeriod 0"} <= set(settings)
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout
    for pid in served.children():
        assert f"pid={pid}," not in listening


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "a" * 56 + ".onion", "www.{onion}", "{onion}:8080", ""])
def test_another_host_name_is_refused(served, host):
    status, body = page(at_socket(served, host.format(onion=served.await_source())))

    assert status == 400
    assert b"Please use Tor Browser" in body
    assert b"codename" not in body


@pytest.mark.parametrize(
    "header",
    [
        "X-Tor2Web: 1",
        "Forwarded: for=192.0.2.1",
        "Via: 1.1 gateway",
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Proto: https",
    ],
)
def test_a_gateway_between_is_refused(served, header):
    assert page(at_socket(served, served.await_source(), header))[0] == 400


def test_a_gateways_header_is_refused_through_tor_too(served, visitor):
    assert page(fetch(visitor, served.await_source(), "X-Tor2Web: 1"))[0] == 400


def test_a_request_in_the_form_for_proxies_is_refused(served):
    onion = served.await_source().encode()
    request = b"GET http://example.org/ HTTP/1.1\r\nHost: " + onion + b"\r\nConnection: close\r\n\r\n"

    assert page(at_socket(served, "", request=request))[0] == 400


def test_the_onions_own_name_is_answered_in_any_case_of_letters(served):
    onion = served.await_source()

    for host in (onion, onion.upper(), f"{onion}:80"):
        assert page(at_socket(served, host))[0] == 200


def test_a_second_host_for_the_same_state_says_so(served):
    done = subprocess.run(
        [BIN / "luwte-intake", "serve", "--state", served.state], capture_output=True, text=True, timeout=60
    )

    assert (done.returncode, done.stderr) == (1, "Error: this host is being served already\n")


def test_a_tor_that_was_killed_is_started_again_at_the_same_address(served, visitor):
    onion = served.await_source()
    os.kill(served.tor(), signal.SIGKILL)

    served.await_said(r"tor ended by itself \(exit code -9\); it is started again")
    assert served.await_source(times=2) == onion
    assert page(fetch(visitor, onion))[0] == 200


def test_a_source_server_that_was_killed_is_started_again(served, visitor):
    os.kill(served.source_server(), signal.SIGKILL)

    served.await_said(r"source server ended by itself \(exit code -9\)")
    assert page(tried_until(lambda: at_socket(served, served.await_source()), OSError))[0] == 200
    assert stat.S_IMODE((served.state / "run" / "source.sock").stat().st_mode) == 0o660
    assert page(fetch(visitor, served.await_source()))[0] == 200


def test_all_ends_on_sigterm_and_the_address_lasts(served, network, visitor):
    """The last test of the served host."""
    onion, started = served.await_source(), served.children()
    assert len(started) >= 4

    assert served.end(signal.SIGTERM) == 0
    await_gone(started)
    assert not (served.state / "run" / "host.pid").exists()
    assert "Traceback" not in served.said
    with ServedHost(served.state, torrc_lines=network.torrc_lines) as again:
        assert again.await_source() == onion
        assert page(fetch(visitor, onion))[0] == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_whatever_ends_the_supervisor_ends_all_that_it_started(network, tmp_path, number):
    with ServedHost(Road(tmp_path, SystemClock()).host_state, torrc_lines=network.torrc_lines) as host:
        host.await_said(r"tor: \d+ %")
        started = host.children()
        assert len(started) >= 4

        code = host.end(number)

        await_gone(started)
        assert code == (0 if number == signal.SIGINT else -9)
        assert "Traceback" not in host.said
