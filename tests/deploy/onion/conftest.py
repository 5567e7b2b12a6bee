"""Hosts to serve in the private Tor network."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import stem.util.log

from deploy.onion import keys
from deploy.trial.tor_network import TorNetwork
from store.clock import SystemClock
from tests.support.road import Road
from tests.support.served_host import ServedHost

# It tells each closed connection, and a failure would be lost among them.
stem.util.log.get_logger().setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def network(tor_network: TorNetwork) -> TorNetwork:
    return tor_network


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Road:
    """A desk, and an intake host that is open for submissions however full this machine's disk is."""
    road = Road(tmp_path_factory.mktemp("line"), SystemClock())
    (road.host_state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
    return road


@pytest.fixture(scope="module")
def state(road: Road) -> Path:
    """The intake host's folder."""
    return road.host_state


@pytest.fixture(scope="module")
def served(network: TorNetwork, state: Path) -> Iterator[ServedHost]:
    """The intake host in the private network, once a source can reach it."""
    with ServedHost(state, torrc_lines=network.torrc_lines) as host:
        host.await_source()
        yield host


@pytest.fixture(scope="module")
def courier_onion(served: ServedHost) -> str | None:
    """The address, which is there before any courier is."""
    return keys.known_address(served.state / "onions" / "courier")
