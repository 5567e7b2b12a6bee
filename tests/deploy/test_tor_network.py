"""The private Tor network: it stands, stays on loopback, carries an onion, and leaves nothing behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from python_socks import ProxyError

from deploy import tor_program
from deploy.trial import tor_network as module
from deploy.trial.errors import TorError, TorMissingError
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient
from tests.support.connections import abroad, held_addresses
from tests.support.onions import ask, await_onion
from tests.support.processes import await_ended
from tests.support.waiting import runs, wait_until

ROOT = Path(__file__).parents[2]
SECONDS = 60
START = """
import signal, sys
from pathlib import Path
from deploy.trial.errors import TorError, TorMissingError
from deploy.trial.tor_network import TorNetwork
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
with TorNetwork(Path(sys.argv[1])):
    sys.stdin.read()
"""


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """A service on a UNIX socket that repeats what it is asked, after a head."""
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection, suppress(OSError):  # whoever asked may have gone
                connection.settimeout(SECONDS)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + connection.recv(1 << 16))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(SECONDS)


def pids_below(folder: Path) -> list[int]:
    return [int(path.read_text()) for path in folder.glob("*/pid") if path.read_text().strip()]


def test_an_onion_on_a_unix_socket_is_reached_through_another_tor(
    tor_network: TorNetwork, tor_client: TorClient, tmp_path: Path
) -> None:
    folder = tor_network.folder / "onion"
    service = tor_network.client(
        "onion", f"HiddenServiceDir {folder / 'service'}", f"HiddenServicePort 80 unix:{folder / 'answer'}"
    )
    onion = (folder / "service" / "hostname").read_text().strip()
    with answering(folder / "answer"):
        await_onion(tor_client.socks_port, onion)

        assert ask(tor_client.socks_port, onion, b"is anybody there?").endswith(b"is anybody there?")
        with pytest.raises((ProxyError, OSError)):
            ask(tor_client.socks_port, onion, b"?", port=81)
    service.end()

    await_ended([service.pid])


def test_no_socket_of_any_process_leads_away_from_this_machine(tor_network: TorNetwork, tor_client: TorClient) -> None:
    addresses = held_addresses(tor_network.pids)

    assert ("127.0.0.1", tor_client.socks_port) in addresses
    assert len(addresses) > len(tor_network.pids)
    assert abroad(addresses) == set()


def test_a_socket_that_others_could_reach_would_be_noticed() -> None:
    with socket.socket() as open_to_all, socket.socket(socket.AF_INET6) as also:
        open_to_all.bind(("0.0.0.0", 0))
        also.bind(("::", 0))
        open_to_all.listen()
        also.listen()
        found = abroad(held_addresses([os.getpid()]))

    assert {address for address, _ in found} == {"0.0.0.0", "::"}


def test_what_is_sent_is_bound_to_loopback_and_names_are_not_resolved(tor_network: TorNetwork) -> None:
    lines = tor_network.torrc_lines

    assert {"TestingTorNetwork 1", "OutboundBindAddress 127.0.0.1", "AddressDisableIPv6 1"} <= set(lines)
    authorities = [line.split() for line in lines if line.startswith("DirAuthority ")]
    assert len(authorities) == 3
    assert all("127.0.0.1:" in address for *_, address, _ in authorities)
    for torrc in tor_network.folder.glob("relay*/torrc"):
        assert {"ExitRelay 0", "ExitPolicy reject *:*", "ServerDNSResolvConfFile /dev/null"} <= set(
            torrc.read_text().splitlines()
        )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_when_the_owner_ends_every_process_ends(how: signal.Signals, tor_network: TorNetwork, tmp_path: Path) -> None:
    folder = tmp_path / "net"
    command = [sys.executable, "-P", "-c", START, folder]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as owner:
        try:
            wait_until(lambda: len(pids_below(folder)) == 5, check=runs(owner))
            pids = pids_below(folder)
            assert not gone_now(pids)
        finally:
            owner.send_signal(how)
        owner.wait(SECONDS)

    await_ended(pids)


def gone_now(pids: list[int]) -> list[int]:
    return [pid for pid in pids if not Path(f"/proc/{pid}").exists()]


def test_an_error_ends_what_was_started(
    tor_network: TorNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The relays never agree with anybody: the time is over at once."""
    monkeypatch.setattr(module, "_START_SECONDS", 0)
    network = TorNetwork(tmp_path / "net")
    with pytest.raises(TorError, match="the tor named authority"):
        network.__enter__()

    assert network.pids == []
    await_ended(pids_below(tmp_path / "net"))


def test_a_tor_that_ends_by_itself_shows_what_it_said(tor_network: TorNetwork) -> None:
    with pytest.raises(TorError, match=r"(?s)the tor named broken ended by itself.*Unknown option 'NoSuchOption'"):
        tor_network.client("broken", "NoSuchOption 1")


def test_a_name_is_given_once(tor_network: TorNetwork, tor_client: TorClient) -> None:
    with pytest.raises(TorError, match="there is a tor named source already"):
        tor_network.client("source")


def test_without_tor_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tor_program, "_FURTHER", str(tmp_path))
    with pytest.raises(TorMissingError, match=re.escape("Debian's package 'tor'")), TorNetwork(tmp_path / "net"):
        pass


@pytest.mark.parametrize(("name", "what"), [("a b", "without blanks"), ("x" * 100, "shorter path")])
def test_a_folder_that_tor_cannot_use_is_named(name: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(TorError, match=what), TorNetwork(tmp_path / name):
        pass


def test_the_control_socket_is_for_this_user_alone(tor_network: TorNetwork, tor_client: TorClient) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(SECONDS)
        control.connect(str(tor_client.control))
        control.sendall(b"AUTHENTICATE\r\nGETINFO status/circuit-established\r\nQUIT\r\n")
        answer = b""
        while piece := control.recv(4_096):
            answer += piece

    assert b"circuit-established=1" in answer
    assert tor_client.folder.stat().st_mode & 0o077 == 0
