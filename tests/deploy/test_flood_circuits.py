"""The pipe by which workers tell of hostile circuits: it never waits, never fails a request, never holds much."""

import contextlib
import os
import threading
from collections.abc import Iterator

import pytest

from deploy.circuits import LARGEST_ID, CircuitCloser, CircuitPipe, CircuitReaper

SECONDS = 30


@pytest.fixture
def pipe() -> Iterator[CircuitPipe]:
    pipe = CircuitPipe.open()
    yield pipe
    for end in (pipe.reading, pipe.writing):
        with contextlib.suppress(OSError):
            os.close(end)


def test_what_a_worker_tells_is_closed_once_in_order(pipe: CircuitPipe) -> None:
    closed: list[int] = []
    closer, reaper = CircuitCloser(pipe.writing), CircuitReaper(pipe.reading, closed.append)
    for number in (7, LARGEST_ID, 7, 1):
        closer.close(number)
    assert reaper.read(0)
    assert closed == [7, LARGEST_ID, 1]
    assert closer.is_closed(7)
    assert not closer.is_closed(8)


def test_two_workers_that_tell_the_same_have_it_closed_once(pipe: CircuitPipe) -> None:
    closed: list[int] = []
    reaper = CircuitReaper(pipe.reading, closed.append)
    for closer in (CircuitCloser(pipe.writing), CircuitCloser(pipe.writing)):
        closer.close(5)
    reaper.read(0)
    assert closed == [5]


@pytest.mark.parametrize("number", [0, -1, LARGEST_ID + 1, 2**64])
def test_what_is_no_circuits_number_is_not_told(pipe: CircuitPipe, number: int) -> None:
    with pytest.raises(ValueError, match="no circuit"):
        CircuitCloser(pipe.writing).close(number)
    assert CircuitReaper(pipe.reading, pytest.fail).read(0)


def test_a_full_pipe_makes_nobody_wait_and_is_told_again_later(pipe: CircuitPipe) -> None:
    closer = CircuitCloser(pipe.writing)
    for number in range(1, 100_000):
        closer.close(number)
    assert not closer.is_closed(99_999), "it did not fit"
    closed: list[int] = []
    reaper = CircuitReaper(pipe.reading, closed.append)
    while reaper.read(0) and len(closed) < 16_384:
        pass
    closer.close(99_999)
    reaper.read(0)
    assert closed[-1] == 99_999
    assert closed[:-1] == list(range(1, len(closed)))


def test_a_closed_pipe_is_no_error_of_a_request() -> None:
    pipe = CircuitPipe.open()
    os.close(pipe.reading)
    closer = CircuitCloser(pipe.writing)
    closer.close(5)
    os.close(pipe.writing)
    closer.close(6)


def test_a_circuit_that_cannot_be_closed_keeps_no_other_open(pipe: CircuitPipe) -> None:
    closed: list[int] = []

    def close(number: int) -> None:
        if number == 2:
            raise ConnectionError("tor is gone")
        closed.append(number)

    closer, reaper = CircuitCloser(pipe.writing), CircuitReaper(pipe.reading, close)
    for number in (1, 2, 3):
        closer.close(number)
    reaper.read(0)
    assert closed == [1, 3]


def test_numbers_that_come_in_pieces_are_put_together_and_none_is_made_up(pipe: CircuitPipe) -> None:
    closed: list[int] = []
    reaper = CircuitReaper(pipe.reading, closed.append)
    for piece in (b"\0\0", b"\0\x07\0\0\0", b"\0\0\0\1\0"):  # 7, the impossible 0, 256
        os.write(pipe.writing, piece)
        reaper.read(0)
    assert closed == [7, 256]


def test_the_reaper_ends_with_the_last_worker_and_not_before() -> None:
    pipe = CircuitPipe.open()
    child = os.fork()
    if child == 0:
        closer = pipe.closer()
        for number in range(1, 1_000):
            closer.close(number)
        os._exit(0)
    closed: list[int] = []
    reaper = CircuitReaper(pipe.reader(), closed.append)

    def reap() -> None:
        while reaper.read(None):
            pass

    thread = threading.Thread(target=reap, daemon=True)
    thread.start()
    os.waitpid(child, 0)
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert closed == list(range(1, 1_000))
    os.close(pipe.reading)


def test_a_million_circuits_take_no_more_memory_than_a_few_thousand(pipe: CircuitPipe) -> None:
    closer = CircuitCloser(pipe.writing)
    for number in range(1, 1_000_001):
        closer.close(number)
        if number % 10_000 == 0:
            while len(os.read(pipe.reading, 1 << 16)) == 1 << 16:
                pass
    assert sum(closer.is_closed(number) for number in range(1, 1_000_001)) <= 5_000
