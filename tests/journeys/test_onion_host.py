"""The intake host goes to its tor's control socket and nowhere else; only tor goes to the network."""

from pathlib import Path

import pytest

from deploy.trial.tor_network import TorNetwork
from tests.journeys.conftest import OpenBrowser
from tests.journeys.onion_line import serving
from tests.journeys.person import Person
from tests.support.connections import ASKING, asked_addresses, asked_paths, traced


@pytest.mark.timeout(600)
def test_the_host_asks_for_nothing_but_its_own_sockets(
    tor_network: TorNetwork, open_browser: OpenBrowser, tmp_path: Path
) -> None:
    trace, alone, tors = tmp_path / "trace", tmp_path / "alone", tmp_path / "tors"
    with serving(tor_network, tmp_path, traced(trace, "-D", calls=f"bind,{ASKING}")) as line:
        person = Person(open_browser("safest"), line.url)
        person.get_codename()
        person.send("a message", [Path(__file__)])
        line.carry_in()
        line.answer("a message", "an answer")
        line.carry_out()
        person.log_in()
        assert person.browser.texts(".reply .text") == ["an answer"]
        state, tor = line.road.host_state, {int(task.name) for task in Path(f"/proc/{line.host.tor()}/task").iterdir()}
    lines = trace.read_text("utf-8", "replace").splitlines(keepends=True)
    of_tor = [int(line.split()[0]) in tor for line in lines]
    alone.write_text("".join(line for line, is_tors in zip(lines, of_tor, strict=True) if not is_tors))
    tors.write_text("".join(line for line, is_tors in zip(lines, of_tor, strict=True) if is_tors))

    assert asked_addresses(alone) == set()
    assert asked_paths(alone) == {str(state / "run" / name) for name in ("source.sock", "control.sock")}
    assert asked_addresses(tors)  # what goes to the network is seen in this trace
