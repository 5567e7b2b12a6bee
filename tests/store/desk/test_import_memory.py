"""What an import holds in memory does not grow with the names that a bundle's files have."""

import tracemalloc

import pytest

from store.desk import importing
from store.desk.place import DeskPlace
from tests.support.paper_host import PaperHost, PaperSource

FILES = 1_000
NAME = "n" * 16_000
AT_ONCE = 1 << 20


def test_names_of_many_files_are_not_all_held_at_once(
    desk: DeskPlace, host: PaperHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BOOKED_AT_ONCE", AT_ONCE)
    source = PaperSource()
    path = host.collect([host.file(source, f"{number}{NAME}", b"x") for number in range(FILES)])

    tracemalloc.start()
    try:
        assert desk.importing.import_bundle(path).files == FILES
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < FILES * len(NAME)
