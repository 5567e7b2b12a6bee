"""A real desk behind its pages, and a real intake host with sources."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from crypto import codename
from crypto.answers import Answers
from crypto.kdf import TEST_KDF, VAULT_TEST, SourceKeys, derive_source_keys
from journalist_interface.desk import create_app
from store.desk import vault
from store.desk.place import DeskPlace
from store.intake.place import IntakePlace
from tests.journalist_interface.desk_browser import DeskBrowser
from tests.support.clock import SetClock
from tests.support.road import dispatch_bundles

PASSPHRASE = "seven words that nobody else would ever draw"
TOKEN = "a-token-of-thirty-two-characters"
PORT = 8765
ROOT = Path(__file__).parents[2]
SERVE = """
import sys
from pathlib import Path
from crypto.kdf import VAULT_TEST
from journalist_interface.desk import create_app, serve
state, folder, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
app = create_app(state, port=port, open_token=sys.argv[4], carry_folder=folder, save_folder=folder, test_profile=VAULT_TEST)
serve(app, port)
"""


class Seconds:
    """Seconds since boot, moved by tests."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Host:
    """An intake host, its stick and its sources."""

    place: IntakePlace
    stick: Path

    def source(self) -> SourceKeys:
        return derive_source_keys(
            codename.generate(), salt=self.place.keys.salt, pepper=self.place.keys.pepper, profile=TEST_KDF
        )

    def submit(
        self,
        source: SourceKeys,
        *messages: str,
        files: dict[str, bytes] | None = None,
        answers: Answers | None = None,
    ) -> None:
        """`answers` come with each of the messages."""
        submission = self.place.submissions.begin(source.lookup, source.identity.recipient, secrets.token_bytes(16))
        for message in messages:
            submission.add_message(message, answers)
        for name, content in (files or {}).items():
            incoming = submission.open_file(name)
            incoming.write(content)
            incoming.finish()
        submission.commit()

    def collect(self) -> list[Path]:
        return list(self.place.collector.collect(self.stick).files)

    def deliver(self) -> None:
        for path in dispatch_bundles(self.stick):
            self.place.deliverer.deliver(path)


@pytest.fixture
def clock() -> SetClock:
    return SetClock(20_000)


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def state(tmp_path: Path, clock: SetClock) -> Path:
    folder = tmp_path / "desk"
    DeskPlace.create(
        folder, line_name="Testlijn", handler="Ann", passphrase=PASSPHRASE, profile=VAULT_TEST, clock=clock
    ).forget()
    return folder


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


@pytest.fixture
def host(state: Path, stick: Path, clock: SetClock, tmp_path: Path) -> Iterator[Host]:
    """Paired with the desk, with its intake keys delivered."""
    with open_desk(state, clock) as desk:
        card = IntakePlace.create(tmp_path / "intake", desk.line_card_text)
        desk.pair(card.text)
        desk.exporting.export(stick)
    place = IntakePlace.open(tmp_path / "intake", runtime=tmp_path / "runtime", clock=clock)
    host = Host(place, stick)
    host.deliver()
    yield host
    place.close()


@pytest.fixture
def app(state: Path, stick: Path, clock: SetClock, seconds: Seconds, tmp_path: Path) -> Iterator[Flask]:
    app = create_app(
        state,
        port=PORT,
        open_token=TOKEN,
        carry_folder=stick,
        save_folder=tmp_path / "saved",
        clock=clock,
        seconds=seconds,
        test_profile=VAULT_TEST,
    )
    yield app
    app.extensions["luwte-desk"].holder.lock()


@pytest.fixture
def locked(app: Flask) -> DeskBrowser:
    """The one browser, before the passphrase."""
    browser = DeskBrowser(app, PORT)
    browser.open(f"/open/{TOKEN}")
    return browser


@pytest.fixture
def browser(locked: DeskBrowser) -> DeskBrowser:
    """The one browser, with the desk unlocked."""
    locked.send("/unlock", passphrase=PASSPHRASE)
    assert locked.status == 200
    return locked


@pytest.fixture
def port(state: Path, stick: Path) -> Iterator[int]:
    """Of a desk that is really served, by a process of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(state), str(stick), str(number), TOKEN], cwd=ROOT)
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", number), 1).close()
                break
            except ConnectionRefusedError:
                continue
        yield number
    finally:
        process.terminate()
        process.wait(30)


def open_desk(state: Path, clock: SetClock) -> DeskPlace:
    key = vault.unlock(state, PASSPHRASE, test_profile=VAULT_TEST)
    return DeskPlace.open(state, key, clock=clock, test_profile=VAULT_TEST)


def bring(host: Host, browser: DeskBrowser) -> None:
    """Collect at the host and import every bundle at the desk's carry page."""
    for path in host.collect():
        browser.get("/carry")
        browser.post("/carry/import", browser.page.form("/carry/import").fields | {"bundle": path.name})
        assert browser.status == 200, browser.page.text


def first_source(browser: DeskBrowser) -> str:
    """The path of the source on top of the queue."""
    return next(link for link in browser.get("/").links if link.startswith("/source/"))
