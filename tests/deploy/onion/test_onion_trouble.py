"""What the courier and the operator are told when tor cannot do its work: a wrong clock, no network, relays that hang."""

import contextlib
import os
import signal
import subprocess

import pytest
from stem.control import Controller

from deploy import courier_tor
from deploy.courier_tor import CourierTorError
from deploy.onion import description, keys, publish
from deploy.onion.places import OnionPlaces
from deploy.onion.publish import Publisher
from deploy.trial import processes
from journalist_interface.courier.keys import CourierKey
from store.clock import SystemClock
from tests.support.courier_laptop import Laptop
from tests.support.faked_clock import tor_with_clock
from tests.support.road import Road
from tests.support.served_host import BIN, ServedHost
from tests.support.waiting import wait_until

ABORTED = 1  # what click ends with after Ctrl-C


@pytest.fixture
def onion(tmp_path):
    """A good address, of nobody."""
    return keys.kept_address(tmp_path / "onion").removesuffix(".onion")


@pytest.fixture
def paired(tmp_path, onion):
    """Makes a laptop that is paired."""

    def make(torrc_lines, **environment):
        laptop = Laptop(tmp_path / "courier", torrc_lines, **environment)
        laptop.pair(onion)
        return laptop

    return make


def nowhere():
    """Of a network whose one authority does not answer."""
    here, there = processes.free_ports(2)
    who = f"orport={here} no-v2 v3ident={'A' * 40} 127.0.0.1:{there} {'B' * 40}"
    return ["TestingTorNetwork 1", "AddressDisableIPv6 1", "OutboundBindAddress 127.0.0.1", f"DirAuthority gone {who}"]


@contextlib.contextmanager
def hanging(network):
    """For the block, no node of the network does anything; its connections stay."""
    nodes = [int(path.read_text()) for who in ("authority*", "relay*") for path in network.folder.glob(f"{who}/pid")]
    assert len(nodes) == 5
    try:
        for node in nodes:
            os.kill(node, signal.SIGSTOP)
        yield
    finally:
        for node in nodes:
            os.kill(node, signal.SIGCONT)


@pytest.mark.parametrize(("offset", "told"), [("+3h", "3 hours ahead"), ("-40d", "40 days behind")])
def test_a_courier_whose_clock_is_wrong_is_told_by_how_much(network, paired, tmp_path, offset, told):
    laptop = paired(network.torrc_lines, PATH=tor_with_clock(tmp_path, offset))
    with laptop.running("collect", "--to", laptop.stick) as running:
        running.await_said(rf"this machine's clock is about {told}, by what the Tor network says: set it right")
        running.end(ABORTED, signal.SIGINT)

    assert running.stderr.count("clock is about") == 1
    assert "Clock skew" not in running.stderr


def test_a_courier_without_a_network_is_told_at_once_what_tor_meets(paired):
    laptop = paired(nowhere())
    with laptop.running("collect", "--to", laptop.stick) as running:
        running.await_said(r"tor has trouble: Connection refused\n")
        running.end(ABORTED, signal.SIGINT)


def test_a_courier_without_a_network_is_told_in_the_end_what_to_check(tmp_path, onion, monkeypatch):
    monkeypatch.setattr(courier_tor, "_STILL_SECONDS", 2)
    key = CourierKey.generate(onion).save(tmp_path / "laptop")
    with (
        pytest.raises(
            CourierTorError, match=r"^tor is still at \d+ %: check this machine's network and clock\..*--socks$"
        ),
        courier_tor.courier_tor(tmp_path / "laptop", key.parent, extra_lines=nowhere()),
    ):
        pytest.fail("there is no network")


def test_an_operator_whose_hosts_clock_is_wrong_is_told_by_how_much(network, tmp_path):
    state = Road(tmp_path, SystemClock()).host_state
    before = ("env", f"PATH={tor_with_clock(tmp_path, '-40d')}")
    with ServedHost(state, before=before, torrc_lines=network.torrc_lines) as host:
        host.await_said(r"this machine's clock is about 40 days behind, by what the Tor network says: set it right")
        assert host.end(signal.SIGINT) == 0

    assert host.said.count("clock is about") == 1
    assert "Clock skew" not in host.said


@pytest.mark.timeout(600)
def test_a_host_whose_onion_cannot_be_published_says_so_and_when_it_is(network, tmp_path):
    state = Road(tmp_path, SystemClock()).host_state
    laptop = Laptop(tmp_path / "courier", network.torrc_lines)
    with ServedHost(state, torrc_lines=network.torrc_lines) as host:
        host.await_source()
        line = laptop.pair(keys.known_address(state / "onions" / "courier"))
        with hanging(network):
            enrol = [BIN / "luwte-intake", "courier", "add", "--state", state, "anna", line]
            subprocess.run(enrol, check=True, timeout=60, capture_output=True)
            host.await_said(r"the courier onion is not published after 90 seconds\. tor goes on trying", seconds=200)
            assert "Couriers that may come" not in host.said
        host.await_said(r"Couriers that may come: anna", seconds=200)

    assert "the source onion is not published" not in host.said
    assert "Traceback" not in host.said


def test_uploads_that_no_directory_answers_are_told_and_that_they_work_again(network, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "_SILENT", 2)
    places = OnionPlaces.of(tmp_path)
    places.prepare()
    tor, said = network.client("uploads"), []
    with Controller.from_socket_file(str(tor.control)) as controller:
        controller.authenticate()
        publisher = Publisher(controller, said.append)
        publisher.put([description.source_onion(places)])
        publisher.expect({"source": keys.known_address(places.source_onion)})
        assert publisher.await_publication(120)
        assert publisher.await_everywhere(60)
        with hanging(network):
            publisher.await_revision()
            publisher.put([description.source_onion(places)])
            watch_until(publisher, lambda: said)
        publisher.put([description.source_onion(places)])
        watch_until(publisher, lambda: len(said) > 1)

    assert "the source onion's descriptor cannot be uploaded (no directory answers)" in said[0]
    assert said[1:] == ["the source onion is published again"]


def watch_until(publisher, happened):
    wait_until(happened, 120, every=0, check=lambda: publisher.watch(0.2))
