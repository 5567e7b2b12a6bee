"""A host beside a packaged tor while couriers come and go and tor is started again; and what is refused before anything is served.

Only the package's two folders, /run/tor and /var/lib/tor, are others here. The tests of the served host follow on each other.
"""

import contextlib
import shutil
import signal
import subprocess

import pytest

from deploy.onion import keys
from store.clock import SystemClock
from tests.support.offline_tor import a_tor
from tests.support.onion_courier import Courier
from tests.support.road import Road
from tests.support.served_host import BIN, ServedHost
from tests.support.through_tor import NEEDS_KEY, fetch, refusal

SINGLE_HOP = "HiddenServiceSingleHopMode 1\nHiddenServiceNonAnonymousMode 1\n"


def intake(*arguments):
    done = subprocess.run([BIN / "luwte-intake", *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def torrc_lines(state, folder):
    """What the program prints, for a package that keeps its things in `folder`."""
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / "run").mkdir(mode=0o750, exist_ok=True)
    said = intake("torrc", "--state", state)
    return said.replace("/run/tor/", f"{folder}/run/").replace("/var/lib/tor/", f"{folder}/")


def configure(state, control, *more):
    (state / "intake.toml").write_text("\n".join(["[tor]", "configured = true", f"control = '{control}'", *more, ""]))


class PackagedTor:
    """A tor that belongs to somebody else: its torrc, and the folder where it keeps its onions."""

    def __init__(self, network, state, folder):
        self.state, self.folder = state, folder
        self.control = folder / "run" / "control"
        self.tor = network.client("tor-of-package", *torrc_lines(state, folder).splitlines())
        self._others = self.tor.torrc.read_text().removesuffix(torrc_lines(state, folder))
        self.clients = folder / "luwte-courier" / "authorized_clients"

    def put_lines(self):
        """As the operator does: what `luwte-intake torrc` prints now, in the place of what it printed before."""
        self.tor.torrc.write_text(self._others + torrc_lines(self.state, self.folder))

    def copy_key(self):
        """As the operator does with the first courier, but for the couriers' files."""
        self.clients.parent.mkdir(mode=0o700)
        for path in (self.state / "onions" / "courier").iterdir():
            if path.is_file():
                shutil.copy(path, self.clients.parent)

    def copy_couriers(self):
        """As the operator does: the same files as in our folder, and no others."""
        shutil.rmtree(self.clients, ignore_errors=True)
        shutil.copytree(self.state / "onions" / "courier" / "authorized_clients", self.clients)

    def restart(self):
        self.tor.end()
        self.tor.start()

    def address(self, name):
        return (self.folder / f"luwte-{name}" / "hostname").read_text().strip()


@pytest.fixture(scope="module")
def packaged(network, state, tmp_path_factory):
    return PackagedTor(network, state, tmp_path_factory.mktemp("p") / "tor")


@pytest.fixture(scope="module")
def served(packaged, state):
    configure(state, packaged.control)
    with ServedHost(state) as host:
        host.await_source()
        yield host


@pytest.fixture
def visit(network, packaged):
    """Somebody new comes to the source onion: the status line of the answer.

    Their tor takes seconds to start. Sooner than a second after a reload this tor (0.4.9.11) would crash on them: it has no
    queue yet for the proof of work (hs_circ_handle_introduce2).
    """

    def come():
        port = network.client(f"visitor{len(list(network.folder.iterdir()))}").socks_port
        return fetch(port, packaged.address("source")).split(b"\r\n")[0]

    return come


@pytest.fixture(scope="module")
def anna(network, state):
    return Courier(network, "anna-of-packaged", state / "onions" / "courier" / "authorized_clients")


@pytest.fixture(scope="module")
def bert(network, state):
    return Courier(network, "bert-of-packaged", state / "onions" / "courier" / "authorized_clients")


def tell(served):
    served.process.send_signal(signal.SIGHUP)


def test_the_onion_of_its_torrc_leads_to_the_source_pages(packaged, served, visit, state):
    torrc = packaged.tor.torrc.read_bytes()
    onion = packaged.address("source")

    assert served.await_source() == onion
    assert visit().startswith(b"HTTP/1.1 200 ")
    assert not any("torrc" in line for line in served.children().values())
    assert f"The source onion: http://{onion}\n" in intake("status", "--state", state)
    assert packaged.tor.torrc.read_bytes() == torrc
    assert keys.known_address(state / "onions" / "source") is None


def test_a_courier_whose_onion_is_not_in_torrc_is_told_of_and_sources_still_come(packaged, served, visit, state, anna):
    intake("courier", "add", "--state", state, "anna", anna.line)
    tell(served)

    served.await_said(r"no onion leads to unix:\S+/courier\.sock in this tor, and one must")
    assert visit().startswith(b"HTTP/1.1 200 ")


def test_a_courier_whose_file_was_not_copied_is_told_of(packaged, served):
    packaged.copy_key()
    packaged.put_lines()
    tell(served)

    served.await_said(r"the couriers in \S+ are not those in \S+: copy the files there")


def test_an_enrolled_courier_reaches_it_and_nobody_else_can_even_resolve_it(packaged, served, anna, bert):
    packaged.copy_couriers()
    tell(served)
    served.await_said(r"tor has read its torrc again")
    onion = packaged.address("courier")

    anna.use_key(onion)
    anna.visit(onion)
    assert refusal(bert.tor.socks_port, onion) == NEEDS_KEY


def test_another_key_under_the_same_name_is_told_of(packaged, served, state, anna, bert):
    """The courier's laptop was lost: removed, and enrolled again with a new one. The old key still opens the onion."""
    intake("courier", "remove", "--state", state, "anna")
    intake("courier", "add", "--state", state, "anna", bert.line)
    tell(served)

    served.await_said(r"are not those in \S+: copy the files there", times=2)


def test_who_is_removed_is_cut_off(packaged, served, anna, bert):
    onion = packaged.address("courier")
    with anna.uploading(served.state, onion) as sock:
        packaged.copy_couriers()
        tell(served)
        sock.settimeout(30)
        with contextlib.suppress(ConnectionResetError):
            assert sock.recv(1) == b""  # closed from the host's side, although it was in use
    served.await_said(r"tor has read its torrc again", times=2)

    bert.forget(onion)
    bert.visit(onion)


def test_the_last_courier_goes_and_an_onion_that_stays_is_told_of(packaged, served, state, visit):
    intake("courier", "remove", "--state", state, "anna")
    tell(served)
    served.await_said(r"no courier is enrolled, and this tor has an onion for couriers, which may be open to everybody")
    assert not (state / "run" / "courier.sock").exists()

    packaged.put_lines()
    tell(served)

    served.await_said(r"tor has read its torrc again", times=3)
    assert visit().startswith(b"HTTP/1.1 200 ")


def test_a_tor_that_is_started_again_has_its_onions_again(packaged, served, visit):
    packaged.restart()

    served.await_said(r"The onions come back when tor does")
    assert served.await_source(times=2) == packaged.address("source")
    assert visit().startswith(b"HTTP/1.1 200 ")
    assert "Traceback" not in served.said


def test_the_host_ends_and_the_packaged_tor_goes_on(packaged, served):
    """The last test of the served host."""
    assert served.end(signal.SIGTERM) == 0
    assert packaged.tor.process.poll() is None


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """Another host, to be refused at its start."""
    return Road(tmp_path_factory.mktemp("checked"), SystemClock()).host_state


def refused(state, *more):
    configure(state, *more)
    done = subprocess.run(
        [BIN / "luwte-intake", "serve", "--state", state], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "reachable" not in done.stdout
    assert "Traceback" not in done.stderr
    assert not (state / "run" / "source.sock").exists()  # nothing was served
    return done.stderr


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("HiddenServiceExportCircuitID haproxy\n", "", "the source onion does not tell its server which circuit"),
        ("HiddenServicePort 80 ", "HiddenServicePort 80 127.0.0.1:8080\nHiddenServicePort 81 ", "and no other"),
        ("HiddenServicePort 80 ", "HiddenServicePort 8080 ", "it must have one line"),
        ("/source.sock", "/other.sock", "no onion leads to unix:"),
        ("HiddenServicePoWDefensesEnabled 1\n", SINGLE_HOP, "the onions would not hide where this machine is"),
        ("# Luwte: the source", "HiddenServiceDir {folder}/again\nHiddenServicePort 80 unix:{socket}\n#", "2 onions lead to"),
        ("# Luwte: the source", "HiddenServiceDir {folder}/c\nHiddenServicePort 80 unix:{courier}\n#", "no courier is enrolled"),
    ],
    ids=["no export", "a listener of another program", "port", "socket", "single hop", "a second onion", "open to all"],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_served(checked, tmp_path, line, instead, told):
    lines = torrc_lines(checked, tmp_path / "p")
    assert line in lines
    run = checked / "run"
    instead = instead.format(folder=tmp_path / "p", socket=run / "source.sock", courier=run / "courier.sock")
    with a_tor(tmp_path / "tor", lines.replace(line, instead)) as control:
        assert told in refused(checked, control)


def test_an_address_that_is_not_tors_is_refused(checked, tmp_path):
    other = keys.kept_address(tmp_path / "onion")
    with a_tor(tmp_path / "tor", torrc_lines(checked, tmp_path / "p")) as control:
        assert f"intake.toml says that the source onion is {other}" in refused(
            checked, control, f"source_onion = '{other}'"
        )


def test_a_couriers_onion_that_names_circuits_is_refused(network, checked, tmp_path, anna):
    intake("courier", "add", "--state", checked, "anna", anna.line)
    try:
        lines = torrc_lines(checked, tmp_path / "p") + "HiddenServiceExportCircuitID haproxy\n"
        with a_tor(tmp_path / "tor", lines) as control:
            assert "the courier onion has HiddenServiceExportCircuitID" in refused(checked, control)
    finally:
        intake("courier", "remove", "--state", checked, "anna")


def test_without_a_tor_the_host_says_so(checked, tmp_path):
    assert "no tor answers at" in refused(checked, tmp_path / "none")
