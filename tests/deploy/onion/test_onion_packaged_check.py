"""What is wrong in the torrc of a packaged tor: for sources, then nothing is served; for couriers, then they are kept out."""

import contextlib
import shutil
import subprocess

import pytest

from deploy.onion import keys
from deploy.onion.control import connect
from deploy.onion.packaged import examine_packaged
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Publisher
from deploy.onion.settings import Packaged
from journalist_interface.courier.keys import CourierKey
from store.clock import SystemClock
from tests.support.offline_tor import a_tor
from tests.support.packaged_tor import configure, intake, printed_lines
from tests.support.road import Road
from tests.support.served_host import BIN

SINGLE_HOP = "HiddenServiceSingleHopMode 1\nHiddenServiceNonAnonymousMode 1\n"


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    """A host that is never served."""
    state = Road(tmp_path_factory.mktemp("checked"), SystemClock()).host_state
    OnionPlaces.of(state).prepare()
    return state


def refused(state, *more, options=()):
    configure(state, *more)
    done = subprocess.run(
        [BIN / "luwte-intake", "serve", "--state", state, *options], capture_output=True, text=True, timeout=120
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
    ],
    ids=["no export", "a listener of another program", "port", "socket", "single hop", "a second onion"],
)  # fmt: skip
def test_what_does_not_fit_is_refused_before_anything_is_served(state, tmp_path, line, instead, told):
    lines = printed_lines(state, tmp_path / "p")
    assert line in lines
    instead = instead.format(folder=tmp_path / "p", socket=state / "run" / "source.sock")
    with a_tor(tmp_path / "tor", lines.replace(line, instead)) as control:
        assert told in refused(state, control)


def test_an_address_that_is_not_tors_is_refused(state, tmp_path):
    other = keys.kept_address(tmp_path / "onion")
    with a_tor(tmp_path / "tor", printed_lines(state, tmp_path / "p")) as control:
        assert f"intake.toml says that the source onion is {other}" in refused(
            state, control, f"source_onion = '{other}'"
        )


def test_without_a_tor_the_host_says_so(state, tmp_path):
    assert "no tor answers at" in refused(state, tmp_path / "none")


def test_lines_for_a_tor_of_our_own_are_not_passed_over(state, tmp_path):
    (tmp_path / "lines").write_text("UseBridges 1\n")
    said = refused(state, tmp_path / "none", options=("--torrc-lines", tmp_path / "lines"))

    assert "put these lines into that tor's torrc, reload it, and start again without --torrc-lines" in said


def examined(state, control):
    """What is found out about its onions."""
    with contextlib.closing(connect(control)) as controller:
        publisher = Publisher(controller, lambda _: None)
        return examine_packaged(publisher, OnionPlaces.of(state), Packaged(control), lambda _: None)


@pytest.fixture
def enrolled(state):
    """A courier; gone after the test."""
    places = OnionPlaces.of(state)
    key = CourierKey.generate(keys.kept_address(places.courier_onion))
    intake("courier", "add", "--state", state, "anna", key.enrolment)
    yield places
    intake("courier", "remove", "--state", state, "anna")


@pytest.mark.parametrize(
    ("line", "instead", "told"),
    [
        ("luwte-courier", "luwte-courier", None),
        ("HiddenServiceDirGroupReadable 1\n", "HiddenServiceExportCircuitID haproxy\n", "the courier onion has HiddenService"),
        ("/courier.sock", "/courier.sock\nHiddenServicePort 81 127.0.0.1:1", "and no other"),
        ("/courier.sock", "/other.sock", "no onion leads to unix:"),
        ("luwte-courier", "luwte-other", "and they know"),
    ],
    ids=["all is well", "names circuits", "another way in", "no onion", "another key"],
)  # fmt: skip
def test_a_fault_of_the_couriers_onion_keeps_them_out_and_nobody_else(enrolled, tmp_path, line, instead, told):
    folder = tmp_path / "p"
    source, mark, courier = printed_lines(enrolled.state, folder).partition("# Luwte: the courier onion")
    assert line in mark + courier
    shutil.copytree(enrolled.courier_onion, folder / "luwte-courier")
    with a_tor(tmp_path / "tor", source + (mark + courier).replace(line, instead)) as control:
        found = examined(enrolled.state, control)

    assert found.addresses["source"] == keys.known_address(folder / "luwte-source")
    assert ("courier" in found.addresses) == (told is None)
    assert found.couriers_fault is None if told is None else told in found.couriers_fault


def test_couriers_that_differ_are_kept_out(enrolled, tmp_path):
    folder = tmp_path / "p"
    lines = printed_lines(enrolled.state, folder)
    shutil.copytree(enrolled.courier_onion, folder / "luwte-courier")
    (folder / "luwte-courier" / "authorized_clients" / "anna.auth").unlink()
    with a_tor(tmp_path / "tor", lines) as control:
        assert "are not those in" in examined(enrolled.state, control).couriers_fault


def test_a_damaged_file_of_a_courier_keeps_couriers_out(enrolled, tmp_path):
    lines = printed_lines(enrolled.state, tmp_path / "p")
    bad = enrolled.authorized_clients / "carl.auth"
    bad.write_text("descriptor:x25519:NOKEY\n")
    bad.chmod(0o600)
    try:
        with a_tor(tmp_path / "tor", lines) as control:
            assert "carl.auth is damaged" in examined(enrolled.state, control).couriers_fault
    finally:
        bad.unlink()


def test_an_onion_for_couriers_that_is_open_to_all_serves_nobody(state, tmp_path):
    lines = printed_lines(state, tmp_path / "p")
    lines += f"HiddenServiceDir {tmp_path}/p/c\nHiddenServicePort 80 unix:{state}/run/courier.sock\n"
    with a_tor(tmp_path / "tor", lines) as control:
        found = examined(state, control)

    assert list(found.addresses) == ["source"]
    assert "no courier is enrolled" in found.couriers_fault
