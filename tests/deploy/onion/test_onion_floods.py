"""A flood from one circuit, in a private Tor network: tor closes it, and an honest source goes on meanwhile.

The limits are the product's own.
"""

import socket
import threading

import pytest
from stem.control import EventType

from deploy.onion.control import connect as control
from deploy.onion.description import source_onion
from deploy.onion.places import OnionPlaces
from source_interface.budgets import Policy
from source_interface.page import PAGE_BYTES
from tests.source_interface.source_browser import words_of
from tests.support.onion_server import proxy_line
from tests.support.through_tor import GONE, OnionBrowser, ask, connect, exactly
from tests.support.waiting import wait_until

ENOUGH_SECONDS = 300
AT_ONCE = 6
# What tor says of why it closed a circuit: somebody asked for it at the control port; too many streams at once.
ASKED_FOR, TORS_OWN_LIMIT = "REQUESTED", "TORPROTOCOL"
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def onion(served):
    return served.await_source()


@pytest.fixture(scope="module")
def visitors(network):
    """The visitors' tor: each visitor has circuits of their own."""
    return network.client("flood")


@pytest.fixture
def host(served):
    with control(str(served.state / "run" / "control.sock")) as controller:
        yield HostCircuits(controller)


@pytest.fixture
def client(visitors):
    """The circuits to the onion of a visitor, by the visitors' tor's own numbers."""
    with control(str(visitors.control)) as controller:
        yield lambda visitor: {
            int(one.id)
            for one in controller.get_circuits()
            if one.purpose == "HS_CLIENT_REND" and one.socks_username == visitor
        }


class HostCircuits:
    """The circuits by which visitors are with the host, by its tor's own numbers."""

    def __init__(self, controller):
        self.controller = controller
        self.why_closed = {}
        controller.add_event_listener(self._hear, EventType.CIRC)

    def __call__(self):
        return {int(one.id) for one in self.controller.get_circuits() if one.purpose == "HS_SERVICE_REND"}

    def _hear(self, event):
        if event.status == "CLOSED":
            self.why_closed[int(event.id)] = event.reason


class Flood:
    """One visitor who does `act` again and again, several at once, until told to stop."""

    def __init__(self, act, visit):
        self.answers, self.lost, self._act, self._visit = [], 0, act, visit
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
                self.answers.append(self._act(self._visit))
            except GONE:
                self.lost += 1


def guess(visit):
    browser = OnionBrowser(*visit)
    page = browser.get("/login")
    return browser.submit(page, page.form(having="codename"), {"codename": "no such words"}).text


def ask_for_another_host(visit):
    with connect(*visit) as sock:
        _, _, body = ask(sock, "example.org").partition(b"\r\n\r\n")
    if len(body) < PAGE_BYTES:
        raise OSError("it was cut")
    assert len(body) == PAGE_BYTES
    return body.decode()


def new_visitor(host, visit):
    """Its circuit at the host, once it has come."""
    before = host()
    OnionBrowser(*visit).get("/")
    (number,) = host() - before
    return number


def goes_on(honest):
    """All that an honest source does."""
    issued = honest.new_codename()
    sent = honest.send(honest.go_on(issued), "in the middle of a flood", [("note.txt", b"here")])
    assert "Your message arrived. 1 file arrived whole" in sent.text
    assert "Your mailbox" in honest.log_in(" ".join(words_of(issued))).text


@pytest.mark.parametrize(
    ("act", "usual", "put_off", "budget"),
    [
        (guess, "is not one of our words", "try again in a minute", Policy().logins.soft),
        (ask_for_another_host, "Please use Tor Browser", "Please use Tor Browser", Policy().requests.hard),
    ],
    ids=["guessing codenames", "asking for another host"],
)
def test_who_floods_loses_the_circuit_and_an_honest_source_is_served_meanwhile(
    onion, visitors, host, client, act, usual, put_off, budget
):
    honest_visit, hostile_visit = [
        (visitors.socks_port, onion, f"{who} {act.__name__}") for who in ("honest", "hostile")
    ]
    honest_circuit, hostile_circuit = new_visitor(host, honest_visit), new_visitor(host, hostile_visit)
    (honest_end,), (hostile_end,) = client(honest_visit[2]), client(hostile_visit[2])
    assert honest_end != hostile_end

    with Flood(act, hostile_visit) as flood:
        wait_until(lambda: any(put_off in answer for answer in list(flood.answers)))
        goes_on(OnionBrowser(*honest_visit))
        wait_until(lambda: hostile_circuit not in host())
        wait_until(lambda: hostile_end not in client(hostile_visit[2]))
        still_there = host()
        goes_on(OnionBrowser(*honest_visit))

    assert honest_circuit in still_there
    assert honest_end in client(honest_visit[2])
    assert flood.lost > 0  # pages of the closed circuit that never came
    wait_until(lambda: hostile_circuit in host.why_closed)
    assert host.why_closed[hostile_circuit] == ASKED_FOR
    assert sum(usual in answer for answer in flood.answers) >= budget  # not before that
    assert usual in act((visitors.socks_port, onion, f"anew {act.__name__}"))  # nothing is held against another circuit


def test_who_holds_too_many_connections_loses_the_circuit_to_tors_own_limit(onion, visitors, host):
    honest_visit, hostile_visit = [(visitors.socks_port, onion, name) for name in ("patient", "hoarder")]
    honest_circuit, hostile_circuit = new_visitor(host, honest_visit), new_visitor(host, hostile_visit)
    held = []
    try:
        while hostile_circuit in host():
            assert len(held) <= 100
            try:
                held.append(connect(*hostile_visit))
            except GONE:
                break
        wait_until(lambda: hostile_circuit in host.why_closed)
        goes_on(OnionBrowser(*honest_visit))
    finally:
        for one in held:
            one.close()

    assert host.why_closed[hostile_circuit] == TORS_OWN_LIMIT
    assert honest_circuit in host()


def test_tor_names_each_visitors_circuit_in_the_line_that_we_expect(served, onion, visitors, host):
    """The last test of the served host: another port of its onion leads to us, past its server."""
    places = OnionPlaces.of(served.state)
    visits = [(visitors.socks_port, onion, name) for name in ("first", "second")]
    with socket.socket(socket.AF_UNIX) as listener:
        to = places.source_socket.with_name("line.sock")
        listener.bind(str(to))
        listener.listen()
        listener.settimeout(ENOUGH_SECONDS)
        host.controller.set_options([*source_onion(places).options(), ("HiddenServicePort", f"81 unix:{to}")])
        numbers = [new_visitor(host, visit) for visit in visits]

        for visit, number in [*zip(visits, numbers, strict=True), (visits[0], numbers[0])]:
            with connect(*visit, port=81) as sock:
                sock.sendall(b"what the visitor says")
                with listener.accept()[0] as accepted:
                    expected = proxy_line(number).replace(b" 80\r\n", b" 81\r\n") + b"what the visitor says"
                    assert exactly(accepted, len(expected)) == expected

    assert len(set(numbers)) == 2
