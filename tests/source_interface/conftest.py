"""A real intake host behind its pages over loopback, and the desk that it is paired with."""

import itertools
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from selenium import webdriver
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

import source_interface.derivation
from crypto import codename
from crypto.kdf import TEST_KDF, SourceKeys, derive_source_keys
from crypto.request import Request
from source_interface import create_app
from source_interface.catalogues import English
from source_interface.errors import QuietFlask
from source_interface.languages import TAGS
from store.desk.model import EntryKind
from store.intake.place import IntakePlace
from store.intake.settings import KIB, MIB, Settings
from tests.source_interface.source_browser import MISSING, SourceBrowser
from tests.support.browser import NotInstalledError
from tests.support.chromium import start_chromium
from tests.support.clock import SetClock
from tests.support.firefox import Firefox, Level
from tests.support.road import Road, collect_bundles, dispatch_bundles
from tests.support.waiting import wait_until

DAY = 20_000
SMALL = {
    "file_bytes": 256 * KIB,
    "mailbox_bytes": 8 * MIB,
    "host_bytes": 64 * MIB,
    "free_bytes_floor": 1,
    "drain_bytes": 4 * MIB,
    "login_step_milliseconds": 1,
}


class HostClock(SetClock):
    """Moved by tests, to the second."""

    seconds = 0

    def now(self) -> float:
        return super().now() + self.seconds


class _Handler(WSGIRequestHandler):
    """Says nothing."""

    def log(self, *_: object) -> None: ...


class _Server:
    """Serves an application over loopback, a thread for each connection."""

    def __init__(self, app: QuietFlask) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def end(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Intake:
    """An intake host that answers at `url`."""

    place: IntakePlace
    app: QuietFlask
    port: int
    road: Road
    clock: HostClock
    derived: list[codename.Codename] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def browser(self) -> SourceBrowser:
        return SourceBrowser(self.url)

    def objects(self) -> int:
        """How many sealed messages and files wait for the desk."""
        return self.place.status().waiting_objects

    def blobs(self) -> int:
        """How many sealed things are kept at all."""
        return len(self.blob_files())

    def await_blob_bytes(self, wanted: int) -> None:
        """Until so many sealed bytes have come to rest, whole or not yet."""
        wait_until(
            lambda: sum(map(size_now, self.blob_files())) >= wanted,
            every=0,
            words=lambda: f"less than {wanted} bytes came",
        )

    def blob_files(self) -> list[Path]:
        return [path for path in (self.place.state / "blobs").rglob("*") if path.is_file()]

    def keys(self, words: list[str]) -> SourceKeys:
        host = self.place.keys
        return derive_source_keys(codename.parse(" ".join(words)), salt=host.salt, pepper=host.pepper, profile=TEST_KDF)

    def mailbox_of(self, words: list[str]) -> bytes | None:
        return self.place.mailboxes.find(self.keys(words).lookup)

    def received(self) -> list[tuple[str, bytes | str]]:
        """Carry all to the desk: each file's name and bytes, and each message under no name."""
        self.place.collector.collect(self.road.stick)
        found: list[tuple[str, bytes | str]] = []
        with self.road.desk() as desk:
            for path in collect_bundles(self.road.stick):
                desk.importing.import_bundle(path)
                path.unlink()
            for summary in desk.inbox.sources():
                for entry in desk.inbox.conversation(summary.source_id):
                    if entry.kind is EntryKind.MESSAGE:
                        found.append(("", entry.text or ""))
                    elif entry.file is not None:
                        saved = desk.inbox.save_file(entry.file.file_id, self.road.stick)
                        found.append((entry.file.untrusted_name, saved.read_bytes()))
                        saved.unlink()
        return found

    def reply(self, *texts: str) -> None:
        """The desk answers the one source that it has, and the courier brings it."""
        self.received()
        with self.road.desk() as desk:
            source = desk.inbox.sources()[0].source_id
            for text in texts:
                desk.replies.reply(source, text)
        self._bring()

    def ask(self, *requests: Request) -> None:
        """The desk asks the source that came to it last, and the courier brings it."""
        self.received()
        with self.road.desk() as desk:
            newest = max(one.source_id for one in desk.inbox.sources())
            for request in requests:
                desk.requests.ask(newest, request)
        self._bring()

    def _bring(self) -> None:
        with self.road.desk() as desk:
            desk.exporting.export(self.road.stick)
        for path in dispatch_bundles(self.road.stick):
            self.place.deliverer.deliver(path)
            path.unlink()


def size_now(path: Path) -> int:
    """In bytes; none when it has gone, or was just renamed."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.fixture(scope="session", autouse=True)
def visibly_untranslated() -> Iterator[None]:
    """A text that a catalogue lacks is marked: no page with such a mark passes `check_page`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(English, "gettext", lambda _, text: MISSING + text)
        patch.setattr(English, "ngettext", lambda _, one, many, n: MISSING + (one if n == 1 else many))
        yield


@pytest.fixture(scope="session")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A paired desk and host, made once and copied for each test."""
    folder = tmp_path_factory.mktemp("paired")
    Road(folder, SetClock(DAY))
    return folder


@contextmanager
def served(paired: Path, folder: Path, **limits: int) -> Iterator[Intake]:
    """A host of its own, with these limits in place of the tests' usual ones."""
    shutil.copytree(paired, folder)
    clock = HostClock(DAY)
    road = Road.reopen(folder, clock)
    place = IntakePlace.open(
        road.host_state, settings=Settings(**{**SMALL, **limits}), runtime=folder / "runtime", clock=clock
    )
    app = create_app(place, languages=dict.fromkeys(TAGS, True), profile=TEST_KDF)
    server = _Server(app)
    try:
        yield Intake(place, app, server.port, road, clock)
    finally:
        server.end()
        place.close()


@pytest.fixture
def open_intake(paired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Intake]]:
    """Opens hosts for one test, and counts the key derivations of the latest."""
    with ExitStack() as stack:
        numbers = itertools.count()

        def open_one(**limits: int) -> Intake:
            intake = stack.enter_context(served(paired, tmp_path / f"line{next(numbers)}", **limits))
            monkeypatch.setattr(source_interface.derivation, "derive_source_keys", _counting(intake.derived))
            return intake

        yield open_one


@pytest.fixture(scope="session")
def standing(paired: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One host for all tests that look at answers only."""
    with served(paired, tmp_path_factory.mktemp("standing") / "line") as intake:
        yield intake


@pytest.fixture
def visitor(standing: Intake) -> SourceBrowser:
    """A browser with its first page from the standing host."""
    browser = standing.browser()
    browser.get("/")
    return browser


def _counting(derived: list[codename.Codename]) -> Callable[..., SourceKeys]:
    def derive(meant: codename.Codename, **how) -> SourceKeys:
        derived.append(meant)
        return derive_source_keys(meant, **how)

    return derive


@pytest.fixture
def intake(open_intake: Callable[..., Intake]) -> Intake:
    return open_intake()


@pytest.fixture
def browser(intake: Intake) -> SourceBrowser:
    return intake.browser()


@pytest.fixture(scope="module")
def scripts() -> bool:
    """Whether the Chromium of a file's tests runs scripts. No page has one."""
    return False


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory, scripts: bool) -> Iterator[webdriver.Chrome]:
    """One Chromium for all tests of a file."""
    try:
        driver = start_chromium(tmp_path_factory.mktemp("chromium"), scripts=scripts)
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """One Firefox at Tor Browser's Safest level for all tests of a file."""
    try:
        firefox = Firefox(tmp_path_factory.mktemp("firefox"), Level.SAFEST)
    except NotInstalledError as error:
        pytest.skip(str(error))
    yield firefox
    firefox.end()
