"""One circuit floods the real server in every way that is budgeted, while an honest source on another goes on."""

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from crypto import wordlists
from deploy.trial.browser import Upload
from tests.source_interface.source_browser import words_of
from tests.support.onion_server import (
    ENOUGH_SECONDS,
    Circuit,
    CircuitBrowser,
    OnionServer,
    RefusedBrowser,
    onion_server,
)
from tests.support.waiting import wait_until

HOSTILE, HONEST = 666, 7
MIB = 1 << 20
GONE = (OSError, http.client.HTTPException)
BUSY = "Please try again in a minute"


@contextlib.contextmanager
def flooding(*floods: Callable[[], object]) -> Iterator[None]:
    """Each of these again and again in a thread of its own, for the block; a connection that is cut begins anew."""
    over = threading.Event()
    faults: list[BaseException] = []

    def again_and_again(flood: Callable[[], object]) -> None:
        while not over.is_set():
            try:
                flood()
            except GONE:
                time.sleep(0.01)
            except BaseException as error:
                faults.append(error)
                raise

    threads = [threading.Thread(target=again_and_again, args=(flood,), daemon=True) for flood in floods]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(ENOUGH_SECONDS)
    assert not any(thread.is_alive() for thread in threads)
    assert not faults


def goes_on(circuit: Circuit) -> None:
    """All that an honest source does: a codename, a message with a file, coming back, leaving."""
    browser = circuit.browser()
    given = browser.new_codename()
    page = browser.send(browser.go_on(given), "what happened", [("photo.jpg", bytes(300_000))])
    assert "Your message arrived" in page.text
    assert "photo.jpg" in page.text
    back = circuit.browser()
    page = back.log_in(" ".join(words_of(given)))
    assert "Your mailbox" in page.text, page.text
    assert back.leave(page).status == 200


def codename() -> str:
    return " ".join(random.choices(wordlists.load(wordlists.EFF_LARGE).words[:5_000], k=7))


def logins(circuit: Circuit) -> Callable[[], object]:
    browser = circuit.browser()
    page = browser.get("/login")
    return lambda: browser.submit(page, page.form(having="codename"), {"codename": codename()})


def submissions(circuit: Circuit) -> Callable[[], object]:
    browser = circuit.browser()
    page = browser.open_new_mailbox()
    return lambda: browser.send(page, "flood", form="")


def requests(circuit: Circuit) -> Callable[[], object]:
    return lambda: circuit.raw(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


def unreadable(circuit: Circuit) -> Callable[[], object]:
    return lambda: circuit.raw(b"no request\r\n\r\n")


def forged(circuit: Circuit) -> Callable[[], object]:
    """What gunicorn refuses in a thread, before the application sees it."""
    return lambda: circuit.raw(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")


def connections(circuit: Circuit) -> Callable[[], object]:
    def hold() -> None:
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(circuit.connect()) for _ in range(200)]
            for one in held:
                one.send(b"GET / HT")
            time.sleep(0.1)

    return hold


def bytes_(circuit: Circuit) -> Callable[[], object]:
    browser = RefusedBrowser(circuit)
    page = browser.open_new_mailbox()

    def send() -> None:
        upload = Upload("flood", 64 * MIB, lambda: iter([bytes(MIB)] * 64))
        browser.submit(page, page.form(having="files"), {"message": "flood"}, [("files", upload)])

    return send


FLOODS = {
    "logins": logins,
    "submissions": submissions,
    "requests": requests,
    "unreadable": unreadable,
    "forged": forged,
    "connections": connections,
    "bytes": bytes_,
}
POLICY = {
    "requests": [120, 240, 60],
    "logins": [6, 18, 600],
    "submissions": [6, 18, 600],
    "bytes": [32 * MIB, 96 * MIB, 3_600],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    with onion_server(tmp_path_factory.mktemp("floods"), policy=POLICY) as server:
        yield server
        assert server.errors.read_text() == "", "a flood fills no log"


@pytest.mark.parametrize("what", FLOODS)
def test_an_honest_source_goes_on_while_another_circuit_floods(server: OnionServer, what: str) -> None:
    hostile = HOSTILE + list(FLOODS).index(what)
    honest = HONEST + 2 * list(FLOODS).index(what)
    goes_on(server.circuit(honest))
    floods = [FLOODS[what](server.circuit(hostile)) for _ in range(4)]
    with flooding(*floods):
        goes_on(server.circuit(honest))
        server.await_closed(hostile)
        goes_on(server.circuit(honest + 1))
    assert hostile in server.closed()
    assert not set(server.closed()) - set(range(HOSTILE, HOSTILE + len(FLOODS))), "no honest one"


def test_a_circuit_that_is_to_be_closed_gets_no_further_answer(server: OnionServer) -> None:
    circuit = server.circuit(HOSTILE + 100)
    with flooding(*[requests(circuit)] * 4):
        server.await_closed(circuit.number)
    asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    # Until both workers have told it.
    wait_until(lambda: not any(circuit.raw(asked) for _ in range(8)), ENOUGH_SECONDS, every=0)
    assert server.closed().count(circuit.number) == 1


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    """One with budgets that a person's own haste can reach, and that soon are empty again."""
    policy = {name: [2, 1_000, 3] for name in ("logins", "submissions", "derivations")}
    with onion_server(tmp_path_factory.mktemp("strict"), policy=policy) as server:
        yield server
        assert server.closed() == []


def until_busy(act: Callable[[], str]) -> str:
    """Each worker counts for itself: at most so many pass."""
    for _ in range(12):
        text = act()
        if BUSY in text or "send it again in a minute" in text:
            return text
    raise AssertionError(text)


def test_too_many_logins_get_the_friendly_page_and_work_again_later(strict: OnionServer) -> None:
    browser: CircuitBrowser = strict.circuit(1).browser()
    given = browser.new_codename()
    browser.send(browser.go_on(given), "hello")
    typed = " ".join(words_of(given))

    def in_haste() -> str:
        """Misspelt ones first, which cost no derivation: on a slow machine right ones alone come slower than is forgiven."""
        for _ in range(4):
            browser.log_in("no such words")
        return browser.log_in(typed).text

    assert "Nothing was lost" in until_busy(in_haste)
    assert "Your mailbox" in strict.circuit(2).browser().log_in(typed).text, "another circuit is not concerned"
    wait_until(lambda: "Your mailbox" in browser.log_in(typed).text, ENOUGH_SECONDS, every=4)


def test_misspelt_codenames_are_attempts_too(strict: OnionServer) -> None:
    browser = strict.circuit(3).browser()
    until_busy(lambda: browser.log_in("no such words").text)


def test_too_many_messages_are_given_back_with_the_friendly_answer(strict: OnionServer) -> None:
    browser = strict.circuit(4).browser()
    page = browser.open_new_mailbox()

    def send() -> str:
        return browser.send(page, "not lost at all", form="").body.decode()

    answer = until_busy(send)
    assert "not lost at all" in answer, "to be sent again"
