"""A disk that fails at the last step of an import: what a crash then brings back is whole."""

from collections.abc import Callable
from pathlib import Path

import pytest

from store.desk.errors import NoSpaceError
from store.desk.place import DeskPlace
from tests.store.desk.conftest import reopen
from tests.support.clock import SetClock
from tests.support.failing_sync import run_without_sync
from tests.support.paper_host import PaperHost, PaperSource


@pytest.fixture
def bundle(desk: DeskPlace, host: PaperHost) -> Path:
    """One with a file; the desk is closed."""
    path = host.collect([host.file(PaperSource(), "f", b"x" * 300_000)])
    desk.close()
    return path


def import_in_vain(state: Path, clock: SetClock, bundle: Path, *, once: bool) -> None:
    def take_in(failing: Callable[[], None]) -> None:
        place = reopen(state, clock)
        place.onion_cards.sign("rruam2oadxvbphrv3lnekf5tyfghcehytvmci3moev2bykejwczbsyad")  # begins the log
        failing()
        with pytest.raises(NoSpaceError):
            place.importing.import_bundle(bundle)

    run_without_sync(take_in, state / "desk.db-wal", once=once)


def test_an_import_that_a_crash_brings_back_is_whole(state: Path, clock: SetClock, bundle: Path) -> None:
    import_in_vain(state, clock, bundle, once=False)

    with reopen(state, clock) as again:
        assert again.importing.import_bundle(bundle).already_had
        assert again.verify() == []


def test_an_import_that_failed_is_gone_for_good_once_its_file_is(state: Path, clock: SetClock, bundle: Path) -> None:
    import_in_vain(state, clock, bundle, once=True)

    assert list((state / "files").iterdir()) == []
    with reopen(state, clock) as again:
        assert again.inbox.sources() == []
        assert again.importing.import_bundle(bundle).files == 1
        assert again.verify() == []
