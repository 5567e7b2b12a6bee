"""Files that are written by several threads and read once: every byte in order, every error told, no thread left behind."""

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.beside import Beside
from store.files import ReadOnce, write_durably

PIECES = [os.urandom(size) for size in (0, 1, 65_535, 1 << 20, 3, 5 << 20, 20 << 20, 7)]


def test_pieces_are_written_in_order(tmp_path: Path) -> None:
    write_durably(tmp_path / "whole", PIECES * 2, os.O_EXCL)
    assert (tmp_path / "whole").read_bytes() == b"".join(PIECES * 2)


def test_a_source_that_fails_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()

    def pieces() -> Iterator[bytes]:
        yield from PIECES
        raise RuntimeError("the stick is gone")

    with pytest.raises(RuntimeError, match="the stick is gone"):
        write_durably(tmp_path / "cut", pieces(), os.O_EXCL)
    assert threading.active_count() == before


def test_a_disk_that_refuses_is_told_though_another_thread_met_it(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(OSError, match="No space"):
        write_durably(Path("/dev/full"), PIECES, 0)
    assert threading.active_count() == before


def test_what_is_read_once_is_whole(tmp_path: Path) -> None:
    content = b"".join(PIECES)
    path = tmp_path / "file"
    path.write_bytes(content)
    for size in (65_552, 1 << 20, -1):
        read = io.BytesIO()
        with ReadOnce(path) as file:
            while piece := file.read(size):
                read.write(piece)
        assert read.getvalue() == content
    with io.BufferedReader(ReadOnce(path), 1 << 20) as buffered:
        buffered.seek(1 << 20)
        assert buffered.read(9 << 20) == content[1 << 20 : 10 << 20]
        buffered.seek(0)
        assert buffered.read() == content
    assert buffered.closed


def test_work_beside_is_done_in_order_and_ends() -> None:
    done: list[bytes | memoryview] = []
    beside = Beside(done.extend, "work")
    for piece in PIECES * 3:
        beside.put(piece)
    beside.end()
    assert done == PIECES * 3
    beside.end()  # again is no error
    beside.abandon()
    assert done == PIECES * 3


def test_an_error_beside_never_blocks_who_hands_over() -> None:
    works = 0

    def work(_: object) -> None:
        nonlocal works
        works += 1
        raise ValueError("the first time")

    def put_many(beside: Beside) -> None:
        for _ in range(100):
            beside.put(bytes(1 << 20))

    beside = Beside(work, "work")
    with pytest.raises(ValueError, match="the first time"):
        put_many(beside)
    with pytest.raises(ValueError, match="the first time"):
        beside.end()
    beside.abandon()
    assert works == 1  # nothing after the error


def test_what_is_abandoned_is_not_done_and_raises_nothing() -> None:
    done: list[object] = []

    def work(pieces: object) -> None:
        done.append(pieces)
        raise MemoryError

    before = threading.active_count()
    beside = Beside(work, "work")
    beside.put(b"less than what is handed over at once")
    beside.abandon()
    assert done == []
    beside.put(bytes(2 << 20))
    beside.put(b"x")
    beside.abandon()
    assert len(done) == 1
    assert threading.active_count() == before
