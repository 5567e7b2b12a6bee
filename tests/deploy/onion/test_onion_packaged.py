"""`luwte-intake serve` beside a tor whose torrc has the onions, as a distribution's package runs it.

The tests of this file follow on each other: one tor, whose torrc grows as an operator edits it.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from deploy.onion import keys
from deploy.onion.description import PACKAGED_FOLDER
from journalist_interface.courier.keys import FOLDER, CourierKey
from source_interface.page import PAGE_BYTES
from tests.support.served_host import BIN, ServedHost
from tests.support.through_tor import ask, connection, fetch

pytestmark = pytest.mark.timeout(120)


class PackagedTor:
    """A tor of the network that stands for the package's. `folder` is where it keeps its onions."""

    def __init__(self, network, state):
        self._network, self._state = network, state
        self.folder = network.folder / "packaged-onions"

    def lines(self):
        """What the operator copies from `luwte-intake torrc`; the test's tor has a control socket already."""
        printed = subprocess.run(
            [BIN / "luwte-intake", "torrc", "--state", self._state],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout.replace(str(PACKAGED_FOLDER), str(self.folder))
        return [line for line in printed.splitlines() if not line.startswith(("Control", "Cookie"))]

    def start(self):
        self._client = self._network.client("packaged", *self.lines())
        self.control = self._client.control

    def reload(self):
        """Not by its control socket: stem hangs when it is closed while it hears of a reload."""
        before = self._client.last_words()
        os.kill(self._client.pid, signal.SIGHUP)
        end = time.monotonic() + 30
        while self._client.last_words() == before:
            assert time.monotonic() < end
            time.sleep(0.05)

    def write(self, change):
        """Edit the torrc; it counts when tor reads it again."""
        text = self._client.torrc.read_text()
        first = re.search(r"^# Luwte", text, re.MULTILINE).start()
        self._client.torrc.write_text(text[:first] + change("\n".join(self.lines())) + "\n")


@pytest.fixture(scope="module")
def sockets():
    folder = Path(tempfile.mkdtemp(prefix="luwte-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tor(network, state, sockets):
    config = state / "intake.toml"
    config.write_text(f'[tor]\nconfigured = true\nsockets = "{sockets}"\ncontrol = "/nowhere"\n')
    tor = PackagedTor(network, state)
    tor.folder.mkdir(mode=0o700)
    tor.start()
    config.write_text(config.read_text().replace("/nowhere", str(tor.control)))
    return tor


@pytest.fixture(scope="module")
def visitor(network):
    return network.client("packaged-visitor").socks_port


def test_it_serves_by_the_onion_of_the_torrc(state, tor, visitor):
    with ServedHost(state) as host:
        onion = host.await_source()
        answer = fetch(visitor, onion)

        assert len(answer.partition(b"\r\n\r\n")[2]) == PAGE_BYTES
        assert onion == keys.known_address(tor.folder / "luwte-source")
        status = subprocess.run(
            [BIN / "luwte-intake", "status", "--state", state], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert f"The source onion: http://{onion}\n" in status
        assert f"The courier onion: http://{keys.known_address(state / 'onions' / 'courier')}\n" in status


def test_a_courier_is_enrolled_while_it_runs(network, state, tor, tmp_path):
    onion = keys.known_address(state / "onions" / "courier")
    key = CourierKey.generate(onion)
    key.save(tmp_path)
    with ServedHost(state) as host:
        host.await_source()
        subprocess.run(
            [BIN / "luwte-intake", "courier", "add", "--state", state, "anna", key.enrolment], check=True, timeout=60
        )
        host.await_said(r"no onion leads to unix:\S+courier\.sock in this tor")
        shutil.copytree(state / "onions" / "courier", tor.folder / "luwte-courier")
        tor.write(lambda lines: lines)
        host.process.send_signal(signal.SIGHUP)
        host.await_said(r"tor has read its torrc again")
        laptop = network.client("packaged-anna", f"ClientOnionAuthDir {tmp_path / FOLDER}")
        with connection(laptop.socks_port, onion) as sock:
            answer = ask(sock, onion)

    assert answer.split(b"\r\n")[0].split()[1] == b"404"
    assert b"<" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda lines: lines.replace("HiddenServiceExportCircuitID haproxy", ""),
            "does not tell its server which circuit",
        ),
        (lambda lines: re.sub(r"(source\.sock)", r"\1\nHiddenServicePort 81 127.0.0.1:1", lines), "and no other"),
        (lambda lines: lines.split("# Luwte: the courier onion")[0], "courier.sock in this tor, and one must"),
    ],
    ids=["no export", "a second way in", "no courier onion"],
)
def test_what_does_not_fit_is_refused_at_the_start(state, tor, change, told):
    tor.write(change)
    tor.reload()
    with ServedHost(state) as host:
        assert host.await_exit() == 1
        assert told in host.said
        assert "Traceback" not in host.said


def test_another_key_for_the_couriers_onion_is_refused(state, tor):
    tor.write(lambda lines: lines.replace("luwte-courier", "luwte-other"))
    (tor.folder / "luwte-other" / "authorized_clients").mkdir(parents=True)
    for folder in (tor.folder / "luwte-other", tor.folder / "luwte-other" / "authorized_clients"):
        folder.chmod(0o700)
    shutil.copy(
        state / "onions" / "courier" / "authorized_clients" / "anna.auth",
        tor.folder / "luwte-other" / "authorized_clients",
    )
    tor.reload()
    with ServedHost(state) as host:
        assert host.await_exit() == 1
        assert "and they know" in host.said


def test_couriers_that_differ_are_refused(state, tor):
    (tor.folder / "luwte-courier" / "authorized_clients" / "anna.auth").unlink()
    tor.write(lambda lines: lines)
    tor.reload()
    with ServedHost(state) as host:
        assert host.await_exit() == 1
        assert "are not those in" in host.said
