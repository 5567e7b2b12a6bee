"""For all tests: a skip is a failure where everything must run; and what is started once for all."""

from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from deploy.trial.errors import TorMissingError
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient

OVER_TOR = (
    "tests/deploy/onion/",
    "tests/deploy/test_tor_network.py",
    "tests/deploy/test_trial_onion.py",
    "tests/journeys/",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forbid-skips", action="store_true", help="a skipped test fails the run")


class _FilesSideBySide(LoadFileScheduling):
    """A file's tests stay together, and all that want the private Tor network stay with one of them that runs tests."""

    def _split_scope(self, nodeid: str) -> str:
        return "tor" if nodeid.startswith(OVER_TOR) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    return _FilesSideBySide(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.skipped and item.config.getoption("--forbid-skips"):
        report.outcome = "failed"
        report.longrepr = f"skipped where everything must run: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def tor_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TorNetwork]:
    """A private Tor network on loopback, for every test that wants one. It takes most of half a minute to start."""
    try:
        with TorNetwork(tmp_path_factory.mktemp("tor") / "net") as network:
            yield network
    except TorMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def tor_client(tor_network: TorNetwork) -> TorClient:
    """The tor through which sources come."""
    return tor_network.client("source")
