"""For all tests: a skip is a failure where everything must run; and what is started once for all."""

from collections.abc import Iterator

import pytest

from deploy.trial.errors import TorMissingError
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forbid-skips", action="store_true", help="a skipped test fails the run")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who runs several tests side by side (`-n 2 --dist loadgroup`) starts one Tor network, and what a file shares once."""
    for item in items:
        wants_tor = "tor_network" in getattr(item, "fixturenames", ())
        item.add_marker(pytest.mark.xdist_group("tor" if wants_tor else item.location[0]))


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
