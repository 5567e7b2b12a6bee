"""The line over the private Tor network, and browsers that come to it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from stem.control import Controller

from deploy.trial.processes import free_ports
from deploy.trial.tor_network import TorNetwork
from deploy.trial.tor_process import TorClient
from tests.journeys.onion_line import OnionLine, serving
from tests.support.browser import Browser, NotInstalledError
from tests.support.chromium import Chromium
from tests.support.firefox import Firefox, Level

OpenBrowser = Callable[[str], Browser]


@pytest.fixture(scope="session")
def line(tor_network: TorNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionLine]:
    with serving(tor_network, tmp_path_factory.mktemp("line")) as line:
        yield line


@pytest.fixture
def open_browser(tor_client: TorClient, tmp_path: Path) -> Iterator[OpenBrowser]:
    """Opens fresh browsers: "chromium", or Firefox at a level named as "safest"."""
    with ExitStack() as stack:

        def open_one(kind: str) -> Browser:
            folder, port = tmp_path / f"browser-{kind}", _port_of_its_own(tor_client)
            folder.mkdir()
            try:
                browser = Chromium(folder, port) if kind == "chromium" else Firefox(folder, Level[kind.upper()], port)
            except NotInstalledError as error:
                pytest.skip(str(error))
            stack.callback(browser.end)
            return browser

        yield open_one


def _port_of_its_own(tor: TorClient) -> int:
    """A further SOCKS port, whose circuits tor shares with no other port: people who each have a tor share none either, and
    the host counts what a circuit asks for."""
    (port,) = free_ports(1)
    with Controller.from_socket_file(str(tor.control)) as controller:
        controller.authenticate()
        ports = controller.get_conf("SocksPort", multiple=True)
        controller.set_conf("SocksPort", [*ports, f"127.0.0.1:{port} ExtendedErrors"])
    return port


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of pages are kept: LUWTE_SCREENSHOTS, or the run's temporary folder."""
    given = os.environ.get("LUWTE_SCREENSHOTS")
    folder = Path(given) if given else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
