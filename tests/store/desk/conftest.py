"""Fixtures: a desk with the test profile, a clock that tests move, and a host that can also lie."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crypto.kdf import VAULT_TEST
from store.desk import vault
from store.desk.place import DeskPlace
from tests.support.clock import SetClock
from tests.support.paper_host import PaperHost

PASSPHRASE = "seven words that nobody else would ever draw"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(20_000)


@pytest.fixture
def state(tmp_path: Path, clock: SetClock) -> Path:
    """A finished, locked, unpaired desk."""
    folder = tmp_path / "desk"
    DeskPlace.create(
        folder, line_name="Testlijn", handler="Ann", passphrase=PASSPHRASE, profile=VAULT_TEST, clock=clock
    ).forget()
    return folder


@pytest.fixture
def desk(state: Path, clock: SetClock) -> Iterator[DeskPlace]:
    with reopen(state, clock) as place:
        yield place


@pytest.fixture
def host(desk: DeskPlace, clock: SetClock, tmp_path: Path) -> PaperHost:
    """A host that is paired with the desk and has its intake keys."""
    host = PaperHost(desk.line_card_text, clock, tmp_path / "stick")
    desk.pair(host.card.text)
    desk.exporting.export(host.stick)
    host.read_dispatches()
    return host


def reopen(state: Path, clock: SetClock) -> DeskPlace:
    return DeskPlace.open(
        state, vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST), clock=clock, test_profile=VAULT_TEST
    )


@contextmanager
def time_out(seconds: int = 10) -> Iterator[None]:
    """Fail when the block has not ended in time, also when it waits for a pipe."""

    def late(*_: object) -> None:
        raise AssertionError(f"it took longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
