"""A host beside a packaged tor while couriers come and go, tor is started again, and its torrc becomes unsafe.

The tests of this file follow on each other: one tor, whose torrc changes as an operator edits it.
"""

import contextlib
import re
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from deploy.onion import keys
from source_interface.page import PAGE_BYTES
from tests.support.onion_courier import Courier
from tests.support.packaged_tor import PackagedTor, configure, intake
from tests.support.served_host import ServedHost
from tests.support.through_tor import NEEDS_KEY, fetch, refusal

SINGLE_HOP = "HiddenServiceSingleHopMode 1\nHiddenServiceNonAnonymousMode 1\nSocksPort 0\n"
LEFT = r"no courier is enrolled, and this tor has an onion for couriers, which may be open to everybody"


@pytest.fixture(scope="module")
def sockets():
    folder = Path(tempfile.mkdtemp(prefix="luwte-test-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def packaged(network, state, sockets, tmp_path_factory):
    configure(state, "/nowhere", f"sockets = '{sockets}'")
    tor = PackagedTor(network, state, tmp_path_factory.mktemp("p") / "tor")
    configure(state, tor.control, f"sockets = '{sockets}'")
    return tor


@pytest.fixture(scope="module")
def served(packaged, state):
    with ServedHost(state) as host:
        host.await_source()
        yield host


@pytest.fixture
def visit(network, packaged):
    """Somebody new comes to the source onion: the answer.

    Their tor takes seconds to start. Sooner than a second after a reload this tor (0.4.9.11) would crash on them: it has no
    queue yet for the proof of work (hs_circ_handle_introduce2).
    """

    def come():
        port = network.client(f"visitor{len(list(network.folder.iterdir()))}").socks_port
        head, _, body = fetch(port, packaged.await_address("source")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert len(body) == PAGE_BYTES

    return come


@pytest.fixture(scope="module")
def anna(network, state):
    return Courier(network, "anna-of-packaged", state / "onions" / "courier" / "authorized_clients")


@pytest.fixture(scope="module")
def bert(network, state):
    return Courier(network, "bert-of-packaged", state / "onions" / "courier" / "authorized_clients")


def tell(served):
    served.process.send_signal(signal.SIGHUP)


def kept_out(state):
    """Why couriers are kept out, by what the operator is told."""
    found = re.search(r"^Couriers: KEPT OUT\. (.*)$", intake("status", "--state", state), re.MULTILINE)
    return found[1] if found else None


def await_gone(path):
    end = time.monotonic() + 60
    while path.exists():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_the_onion_of_its_torrc_leads_to_the_source_pages(packaged, served, visit, state):
    torrc = packaged.tor.torrc.read_bytes()
    onion = packaged.await_address("source")

    assert served.await_source() == onion
    visit()
    assert not any("torrc" in line for line in served.children().values())
    status = intake("status", "--state", state)
    assert f"The source onion: http://{onion}\n" in status
    assert f"The courier onion: http://{keys.known_address(state / 'onions' / 'courier')}\n" in status
    assert "KEPT OUT" not in status
    assert packaged.tor.torrc.read_bytes() == torrc
    assert keys.known_address(state / "onions" / "source") is None


def test_a_courier_whose_onion_is_not_in_torrc_is_told_of_and_sources_still_come(served, visit, state, anna):
    intake("courier", "add", "--state", state, "anna", anna.line)

    served.await_said(
        r"no onion leads to unix:\S+/courier\.sock in this tor, and one must.*\n"
        r"Until that is mended no courier is let in\. Sources are not touched by it\n"
    )
    assert kept_out(state).startswith("no onion leads to ")
    visit()


def test_a_courier_whose_file_was_not_copied_is_told_of_and_nobody_is_let_in(packaged, served, state, sockets):
    """The folder of clients is empty, so that the onion is open to everybody."""
    packaged.copy_key()
    packaged.put_lines()
    tell(served)

    served.await_said(r"the couriers in \S+ are not those in \S+: copy the files there")
    assert "are not those in" in kept_out(state)
    assert not (sockets / "courier.sock").exists()


def test_an_enrolled_courier_reaches_it_and_nobody_else_can_even_resolve_it(packaged, served, state, anna, bert):
    packaged.copy_couriers()
    tell(served)
    served.await_said(r"tor has read its torrc again")
    onion = packaged.await_address("courier")

    anna.use_key(onion)
    anna.visit(onion)
    assert refusal(bert.tor.socks_port, onion) == NEEDS_KEY
    assert kept_out(state) is None


def test_whose_laptop_was_lost_is_cut_off_at_once_though_tor_still_has_the_key(
    packaged, served, state, sockets, anna, bert
):
    """Removed, and enrolled again with a new key under the same name. The old key still opens the onion's descriptor."""
    onion = packaged.await_address("courier")
    with anna.uploading(served.state, onion) as sock:
        intake("courier", "remove", "--state", state, "anna")
        sock.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""  # closed from the host's side, although it was in use
    served.await_said(LEFT)
    await_gone(sockets / "courier.sock")

    intake("courier", "add", "--state", state, "anna", bert.line)

    served.await_said(r"are not those in \S+: copy the files there", times=2)
    assert "are not those in" in kept_out(state)
    assert not (sockets / "courier.sock").exists()


def test_the_new_key_comes_in_once_its_file_is_copied(packaged, served, state, bert):
    packaged.copy_couriers()
    tell(served)
    served.await_said(r"tor has read its torrc again", times=4)  # at each change it reads it, whatever is in it

    bert.forget(packaged.await_address("courier"))
    bert.visit(packaged.await_address("courier"))
    assert kept_out(state) is None


def test_an_onion_that_the_last_courier_left_behind_does_not_keep_sources_from_a_tor_that_starts_again(
    packaged, served, state, sockets, visit
):
    intake("courier", "remove", "--state", state, "anna")
    served.await_said(LEFT, times=2)
    await_gone(sockets / "courier.sock")
    packaged.restart()

    served.await_said(r"The onions come back when tor does")
    served.await_said(LEFT, times=3)
    assert served.await_source(times=2) == packaged.await_address("source")
    visit()
    assert re.match(LEFT, kept_out(state))


def test_when_its_lines_are_gone_all_is_well_again(packaged, served, state, visit):
    packaged.put_lines()
    tell(served)

    served.await_said(r"tor has read its torrc again", times=6)
    assert kept_out(state) is None
    visit()
    assert "Traceback" not in served.said


def test_the_host_ends_and_the_packaged_tor_goes_on(packaged, served, state):
    """The last test of the host that was served until now."""
    assert served.end(signal.SIGTERM) == 0
    assert packaged.tor.process.poll() is None
    assert list((state / "run").iterdir()) == []


def second_way_in(torrc):
    return re.sub(r"(/source\.sock)", r"\1\nHiddenServicePort 81 127.0.0.1:1", torrc)


def single_hop(torrc):
    return re.sub(r"^SocksPort .*\n", SINGLE_HOP, torrc, flags=re.MULTILINE)


def other_onion(torrc):
    return torrc.replace("luwte-source", "luwte-other")


@pytest.mark.parametrize(
    ("change", "act", "told"),
    [
        (second_way_in, "reload", "and no other"),
        (single_hop, "restart", "the onions would not hide where this machine is"),
        (other_onion, "restart", r"the source onion of this tor is \S+\.onion, and \S+\.onion is served"),
    ],
    ids=["a second way in", "single hop", "another onion"],
)
def test_a_tor_that_becomes_unsafe_for_sources_ends_the_host(packaged, state, sockets, change, act, told):
    """Started with a fault of the couriers' onion, which keeps nobody else out."""
    safe = packaged.tor.torrc.read_text()
    packaged.change_torrc(
        lambda torrc: (
            f"{torrc}HiddenServiceDir {packaged.folder}/open\nHiddenServicePort 80 unix:{sockets}/courier.sock\n"
        )
    )
    packaged.restart()
    with ServedHost(state) as host:
        host.await_source()
        assert re.match(LEFT, kept_out(state))
        packaged.change_torrc(change)
        if act == "reload":
            tell(host)
        else:
            packaged.restart()

        assert host.await_exit(120) == 1
        assert re.search(rf"(?s)Error: .*{told}.*\nNobody is served until that is mended\n", host.said)
        assert "started again" not in host.said
        assert "Traceback" not in host.said
    assert list(sockets.iterdir()) == []
    packaged.tor.torrc.write_text(safe)
