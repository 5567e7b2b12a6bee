"""Visits take room of the host: few of them for one circuit, none for who makes up a cookie, and none that nobody uses."""

import contextlib
import http.client
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import text

from crypto.kdf import hkdf
from source_interface.budgets import Policy
from store.intake.sessions import new_cookie
from store.intake.settings import Settings
from tests.source_interface.conftest import Intake
from tests.source_interface.source_browser import words_of
from tests.support.onion_server import ENOUGH_SECONDS, ROOT, OnionServer, onion_server
from tests.support.waiting import wait_until

WORKERS = 2


def rows(intake: Intake) -> int:
    with intake.place._session_database.reading() as session:
        return session.execute(text("SELECT count(*) FROM browser_session")).scalar_one()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OnionServer]:
    """With the usual budgets."""
    with onion_server(tmp_path_factory.mktemp("sessions")) as server:
        yield server
        assert server.closed() == []


def test_one_circuit_begins_a_few_visits_and_goes_on_with_those_that_it_has(server: OnionServer) -> None:
    """A pause long enough for one more may lie between two of them: the bound allows for some."""
    circuit = server.circuit(1)
    first = circuit.browser()
    first.new_codename()
    given = 1
    for _ in range(2 * WORKERS * Policy().sessions.soft):
        browser = circuit.browser()
        page = browser.submit(browser.get("/"), browser.get("/").form(action="/codename"))
        if "Please try again in a minute" in page.text:
            break
        given += 1
    else:
        pytest.fail("there is no bound")
    assert Policy().sessions.soft <= given < 2 * WORKERS * Policy().sessions.soft
    seen = {tuple(words_of(first.new_codename())) for _ in range(WORKERS * Policy().sessions.soft)}
    assert len(seen) == WORKERS * Policy().sessions.soft, "another codename for the same visit is no new one"
    assert words_of(server.circuit(2).browser().new_codename())


def test_a_flood_of_visits_closes_its_circuit(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Long before it has asked for too many pages."""
    with onion_server(tmp_path_factory.mktemp("flood"), policy={"sessions": [2, 4, 600]}) as server:
        hostile = server.circuit(666)
        with contextlib.suppress(OSError, http.client.HTTPException):  # cut off when it is told
            for _ in range(WORKERS * 4 + 1):
                browser = hostile.browser()
                page = browser.get("/")
                browser.submit(page, page.form(action="/codename"))
        server.await_closed(666)


def test_who_comes_back_begins_a_visit_too_whatever_the_codename(tmp_path_factory: pytest.TempPathFactory) -> None:
    with onion_server(tmp_path_factory.mktemp("back"), policy={"sessions": [1, 60, 60_000]}) as server:
        circuit = server.circuit(1)
        browser = circuit.browser()
        words = browser.new_codename()
        for _ in range(WORKERS * 2):
            assert words_of(browser.new_codename()), "the visit has begun"
        answers = []
        for _ in range(WORKERS * 2):
            other = circuit.browser()
            page = other.get("/login")
            answers.append(
                other.submit(page, page.form(having="codename"), {"codename": " ".join(words_of(words))}).text
            )
        told = ["Please try again in a minute" in answer for answer in answers]
        assert True in told, "each worker lets one visit begin"
        assert all("We do not know" in answer for answer, busy in zip(answers, told, strict=True) if not busy)


def test_how_many_circuits_take_all_room_for_visits_is_what_the_limitations_say() -> None:
    visits = WORKERS * Policy().sessions.soft
    in_an_hour = visits + visits * 3_600 // Policy().sessions.seconds
    assert Settings().session_idle_seconds * 2 == 3_600, "after which a row is gone"
    told = (ROOT / "docs" / "limitations.md").read_text("utf-8")
    assert round(Settings().sessions / in_an_hour, -2) == 300
    assert round(Settings().sessions / visits, -3) == 2_000
    assert (
        f"{Settings().sessions:,} visits fit. Some three hundred circuits in an hour, or two thousand at once" in told
    )


@pytest.mark.parametrize("path", ["/mailbox", "/erase", "/leave"])
def test_a_made_up_cookie_with_its_token_makes_no_session(intake: Intake, path: str) -> None:
    browser = intake.browser()
    cookie = new_cookie()
    browser.cookies["luwte"] = cookie
    token = hkdf(cookie.encode(), "form-token", length=16).hex()
    page = browser.post(path, {"token": token, "slot": "00000000", "message": "hello", "what": "all", "form": "1"})
    assert page.status == 200
    assert rows(intake) == 0


def test_sessions_that_nobody_uses_go_while_others_come_by(open_intake: Callable[..., Intake]) -> None:
    intake = open_intake(session_idle_seconds=1)
    intake.browser().new_codename()
    assert rows(intake) == 1

    def come_by() -> bool:
        intake.browser().get("/advice")
        return not rows(intake)

    wait_until(come_by, ENOUGH_SECONDS, every=0.2)
