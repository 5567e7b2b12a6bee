"""A flood from one circuit, in a private Tor network: tor closes it, and an honest source goes on meanwhile.

The limits are the product's own.
"""

import threading
import time

import pytest

from deploy.entrance import Room
from deploy.onion.control import connect as control
from source_interface.budgets import Policy
from tests.source_interface.source_browser import mailbox_link, words_of
from tests.support.served_host import ServedHost
from tests.support.through_tor import GONE, OnionBrowser, connect

ENOUGH_SECONDS = 300
AT_ONCE = 6
WORKERS = 2
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def served(network, state):
    (state / "intake.toml").write_text("[limits]\nfree_bytes_floor = 1\n")
    with ServedHost(state, torrc_lines=network.torrc_lines) as host:
        host.await_source()
        yield host


@pytest.fixture(scope="module")
def onion(served):
    return served.await_source()


@pytest.fixture(scope="module")
def socks_port(network):
    return network.client("flood").socks_port


@pytest.fixture
def circuits(served):
    """The circuits by which visitors are with the host now, by tor's own numbers."""
    with control(str(served.state / "run" / "control.sock")) as controller:
        yield lambda: {int(one.id) for one in controller.get_circuits() if one.purpose == "HS_SERVICE_REND"}


class Flood:
    """One visitor who does `act` with a browser again and again, several at once, until told to stop."""

    def __init__(self, act, *given):
        self.answers, self.lost, self._act, self._given = [], 0, act, given
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(AT_ONCE)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self):
        while not self._stopped.is_set():
            try:
                self.answers.append(self._act(OnionBrowser(*self._given)).text)
            except GONE:
                self.lost += 1


def guess(browser):
    page = browser.get("/login")
    return browser.submit(page, page.form(having="codename"), {"codename": "no such words"})


def new_visitor(circuits, *given):
    """Its circuit at the host, once it has come."""
    before = circuits()
    OnionBrowser(*given).get("/")
    (number,) = circuits() - before
    return number


def wait_until(happened):
    end = time.monotonic() + ENOUGH_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_who_guesses_codenames_loses_the_circuit_and_an_honest_source_is_served_meanwhile(
    served, onion, socks_port, circuits
):
    honest_visit, hostile_visit = (socks_port, onion, "honest"), (socks_port, onion, "hostile")
    honest = OnionBrowser(*honest_visit)
    honest_circuit = new_visitor(circuits, *honest_visit)
    hostile_circuit = new_visitor(circuits, *hostile_visit)

    with Flood(guess, *hostile_visit) as flood:
        wait_until(lambda: any("try again in a minute" in answer for answer in list(flood.answers)))
        issued = honest.new_codename()
        sent = honest.send(honest.get(mailbox_link(issued)), "in the middle of a flood", [("note.txt", b"here")])
        logged_in = honest.log_in(" ".join(words_of(issued)))
        wait_until(lambda: hostile_circuit not in circuits())
        seen = circuits()

    assert "Your message arrived. 1 file arrived whole" in sent.text
    assert "Your mailbox" in logged_in.text
    assert honest_circuit in seen
    assert flood.lost > 0  # pages of the closed circuit that never came
    known = sum("is not one of our words" in answer for answer in flood.answers)
    assert known >= Policy().logins.soft

    again = guess(OnionBrowser(socks_port, onion, "hostile anew"))
    assert "is not one of our words" in again.text  # nothing is held against another circuit


def test_who_opens_too_many_connections_loses_the_circuit(onion, socks_port, circuits):
    visit = (socks_port, onion, "hoarder")
    number = new_visitor(circuits, *visit)
    held = []
    try:
        # tor itself closes a circuit with too many streams at once; it need not come to that.
        while number in circuits():
            assert len(held) <= WORKERS * (Room().circuit_connections + Room().circuit_refusals) + AT_ONCE
            try:
                held.append(connect(*visit))
            except GONE:
                break
        wait_until(lambda: number not in circuits())
    finally:
        for one in held:
            one.close()

    assert OnionBrowser(socks_port, onion, "honest").get("/").status == 200
