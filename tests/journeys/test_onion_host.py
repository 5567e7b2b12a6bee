"""The intake host goes to its tor's control socket and nowhere else; only tor goes to the network."""

import sys
from pathlib import Path
from subprocess import run

import pytest

from deploy.onion.places import OnionPlaces
from deploy.trial.tor_network import TorNetwork
from journalist_interface.courier.client import Client
from journalist_interface.courier.socks import SocksRoute
from tests.journeys.conftest import OpenBrowser
from tests.journeys.onion_line import OnionLine, serving
from tests.journeys.person import Person
from tests.support.connections import ASKING, asked_addresses, asked_paths, traced

CALLS = f"bind,{ASKING}"
# A part of a host, in a child as they are, that does what none of them may.
STRAY = """
import os, socket
if os.fork() == 0:
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1])
        socket.create_connection(server.getsockname())
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.2", 53))
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind("\\0stray")
else:
    os.wait()
"""


@pytest.mark.timeout(600)
def test_the_host_asks_for_nothing_but_its_own_sockets(
    tor_network: TorNetwork, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    trace, alone, tors = tmp_path / "trace", tmp_path / "alone", tmp_path / "tors"
    with serving(tor_network, tmp_path, traced(trace, "-D", calls=CALLS)) as line:
        person, courier = Person(open_browser("safest"), line.url), courier_of(line, tor_network)
        person.get_codename()
        person.send("a message", [Path(__file__)])
        line.carry_in(courier)
        line.answer("a message", "an answer")
        line.carry_out(courier)
        person.log_in()
        assert person.browser.texts(".reply .text") == ["an answer"]
        places, tor = (
            OnionPlaces.of(line.host.state),
            {int(task.name) for task in Path(f"/proc/{line.host.tor()}/task").iterdir()},
        )
    rows = trace.read_text("utf-8", "replace").splitlines(keepends=True)
    of_tor = [int(row.split()[0]) in tor for row in rows]
    alone.write_text("".join(row for row, is_tors in zip(rows, of_tor, strict=True) if not is_tors))
    tors.write_text("".join(row for row, is_tors in zip(rows, of_tor, strict=True) if is_tors))

    assert asked_addresses(alone) == set()
    ours = (places.source_socket, places.courier_socket, places.control_socket)
    assert asked_paths(alone) == set(map(str, ours))
    assert asked_addresses(tors)  # what goes to the network is seen in this trace


def test_a_part_of_the_host_that_goes_elsewhere_would_be_noticed(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    done = run([*traced(trace, "-D", calls=CALLS), sys.executable, "-c", STRAY], capture_output=True, check=True)

    assert asked_addresses(trace) == {("127.0.0.1", 0), ("127.0.0.1", int(done.stdout)), ("127.0.0.2", 53)}
    assert asked_paths(trace) == {"@stray"}


def courier_of(line: OnionLine, network: TorNetwork) -> Client:
    """The courier, through a tor that has the key."""
    tor = network.client("courier", f"ClientOnionAuthDir {line.courier_keys}")
    return Client(line.courier_onion, SocksRoute(line.courier_onion, ("127.0.0.1", tor.socks_port)))
