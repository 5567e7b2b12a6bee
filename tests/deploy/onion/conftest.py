"""Hosts to serve in the private Tor network."""

import logging
from pathlib import Path

import pytest
import stem.util.log

from deploy.trial.tor_network import TorNetwork
from store.clock import SystemClock
from tests.support.road import Road

# It tells each closed connection, and a failure would be lost among them.
stem.util.log.get_logger().setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def network(tor_network: TorNetwork) -> TorNetwork:
    return tor_network


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an intake host that is open for submissions."""
    return Road(tmp_path_factory.mktemp("line"), SystemClock()).host_state
