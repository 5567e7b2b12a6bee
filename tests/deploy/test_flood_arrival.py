"""What a connection must begin with behind tor, and how a request is awaited without a thread."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.arrival import Arrival, HostileError, Sizes, Step, circuit_of
from deploy.deadlines import Deadlines, Patience
from deploy.entrance import Admission, Circuits, Queue, Room, UploadPlaces

LINE = b"PROXY TCP6 fc00:dead:beef:4dad::1:2 ::1 2 80"
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
MIB = 1 << 20


def test_the_line_that_tor_writes_names_its_circuit() -> None:
    assert circuit_of(LINE) == 0x1_0002
    assert circuit_of(b"PROXY TCP6 fc00:dead:beef:4dad::0:1f ::1 31 80") == 31
    assert circuit_of(b"PROXY TCP6 fc00:dead:beef:4dad::ffff:ffff ::1 65535 65535") == 2**32 - 1


FORGED = {
    "no line": GET,
    "another protocol": b"PROXY TCP4 127.0.0.1 127.0.0.1 1 80",
    "an unknown sender": b"PROXY UNKNOWN",
    "an address of somebody": b"PROXY TCP6 2001:db8::1:2 ::1 2 80",
    "beside the range": b"PROXY TCP6 fc00:dead:beef:4dac::1:2 ::1 2 80",
    "above the range": b"PROXY TCP6 fc00:dead:beef:4dad:0:1:1:2 ::1 2 80",
    "no circuit": b"PROXY TCP6 fc00:dead:beef:4dad::0:0 ::1 1 80",
    "a scope": b"PROXY TCP6 fc00:dead:beef:4dad::1:2%eth0 ::1 2 80",
    "a dotted end": b"PROXY TCP6 fc00:dead:beef:4dad::0.1.0.2 ::1 2 80",
    "two gaps": b"PROXY TCP6 fc00:dead:beef:4dad::1::2 ::1 2 80",
    "a port too high": b"PROXY TCP6 fc00:dead:beef:4dad::1:2 ::1 65536 80",
    "a port with a sign": b"PROXY TCP6 fc00:dead:beef:4dad::1:2 ::1 +2 80",
    "a bent target": b"PROXY TCP6 fc00:dead:beef:4dad::1:2 ::g 2 80",
    "two blanks": b"PROXY  TCP6 fc00:dead:beef:4dad::1:2 ::1 2 80",
    "more at its end": LINE + b" 99",
    "a line feed in it": LINE.replace(b" ::1", b"\n::1"),
    "other digits": "PROXY TCP6 fc00:dead:beef:4dad::1:2 ::1 ２ 80".encode(),
    "small letters": LINE.lower(),
    "nothing": b"",
}


@pytest.mark.parametrize("what", FORGED)
def test_no_other_line_names_a_circuit(what: str) -> None:
    with pytest.raises(HostileError):
        circuit_of(FORGED[what])
    arrival = Arrival(behind_tor=True)
    assert arrival.feed(FORGED[what] + b"\r\n" + GET) is Step.REFUSE
    assert arrival.circuit is None


def test_a_line_that_never_ends_is_refused_within_its_longest_length() -> None:
    assert Arrival(behind_tor=True).feed(b"PROXY TCP6 " + b"f" * 97) is Step.REFUSE
    assert Arrival(behind_tor=True).feed(b"PROXY TCP6 " + b"0" * 95 + b"\r\n") is Step.REFUSE


@pytest.mark.parametrize("behind_tor", [True, False])
def test_a_request_is_understood_in_whatever_pieces_it_comes(behind_tor: bool) -> None:
    form = b"POST /login HTTP/1.1\r\ncONTENT-lENGTH:\t5\r\n\r\na=b&c"
    said = (LINE + b"\r\n" if behind_tor else b"") + form
    arrival = Arrival(behind_tor)
    steps = [arrival.feed(said[at : at + 1]) for at in range(len(said))]
    assert steps[-1] is Step.SERVE
    assert steps.count(Step.BODY) == 1
    assert set(steps[:-1]) == {Step.WAIT, Step.BODY}
    assert arrival.untrusted == form
    assert arrival.circuit == (0x1_0002 if behind_tor else None)
    whole = Arrival(behind_tor)
    assert whole.feed(said) is Step.SERVE
    assert whole.untrusted == form


def test_without_tor_its_line_is_no_request() -> None:
    arrival = Arrival(behind_tor=False)
    assert arrival.feed(LINE + b"\r\n" + GET[:-2]) is Step.REFUSE
    assert arrival.circuit is None


def test_a_second_line_is_where_a_request_belongs_and_names_nobody() -> None:
    arrival = Arrival(behind_tor=True)
    arrival.feed(LINE + b"\r\nPROXY TCP6 fc00:dead:beef:4dad::0:9 ::1 9 80\r\n")
    assert arrival.circuit == 0x1_0002


def test_a_long_body_is_served_as_it_comes_and_a_short_one_when_it_is_there() -> None:
    sizes = Sizes(head=200, small_body=10)
    long = b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n"
    assert Arrival(False, sizes).feed(long) is Step.SERVE
    short = Arrival(False, sizes)
    assert short.feed(long.replace(b"11", b"10") + b"123456789") is Step.BODY
    assert short.feed(b"0") is Step.SERVE
    assert Arrival(False, sizes).feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") is Step.SERVE


def test_a_body_cut_short_is_served_as_what_it_is_and_half_a_header_is_not() -> None:
    cut = Arrival(False)
    assert cut.feed(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n1") is Step.BODY
    assert cut.feed(b"") is Step.SERVE
    half = Arrival(False)
    assert half.feed(GET[:-2]) is Step.WAIT
    assert half.feed(b"") is Step.REFUSE


def test_no_header_is_held_beyond_its_bound() -> None:
    arrival = Arrival(False, Sizes(head=1_000))
    arrival.feed(b"GET / HTTP/1.1\r\nX: ")
    steps = [arrival.feed(b"x" * 100) for _ in range(10)]
    assert steps[:9] == [Step.WAIT] * 9
    assert steps[9] is Step.REFUSE


def patience(rate: float, size: int, *, piece: int = 16_384) -> tuple[float, int]:
    """Seconds and bytes after which a sender at this rate (bytes a second) has sent all, or is cut off."""
    left, seconds, sent = Patience(Deadlines()), 0.0, 0
    while sent < size and left.left_seconds > 0:
        sent += piece
        seconds += piece / rate
        left.heard(piece, piece / rate)
    return seconds, sent


def test_an_honest_upload_of_500_mib_at_30_kb_a_second_comes_through() -> None:
    seconds, sent = patience(30_000, 500 * MIB)
    assert sent >= 500 * MIB
    assert 4.5 < seconds / 3_600 < 5.5


def test_an_honest_upload_may_pause_for_a_minute_time_and_again() -> None:
    left = Patience(Deadlines())
    left.heard(64 * 1_024, 2)
    for _ in range(1_000):
        left.heard(0, 60)
        assert left.left_seconds > 0
        for _ in range(70):
            left.heard(30_000, 1)


def test_a_long_body_must_begin_within_half_a_minute() -> None:
    seconds, _ = patience(1, 500 * MIB, piece=1)
    assert seconds <= 31
    left = Patience(Deadlines())
    left.heard(64 * 1_024 - 1, 29)
    assert 0 < left.left_seconds <= 1, "what came short of it earned nothing"
    left.heard(1, 0.5)
    assert left.left_seconds == Deadlines().body_grace_seconds
    late = Patience(Deadlines())
    late.heard(64 * 1_024, 30)
    assert late.left_seconds <= 0


def test_at_30_kb_a_second_nobody_falls_behind_what_a_crowd_asks_even_when_half_of_the_time_is_silence() -> None:
    upload = Patience(Deadlines())
    for _ in range(8_000):
        upload.heard(65_536, 2)
        upload.heard(0, 2)
        assert upload.ahead_seconds >= 0
    upload.heard(0, Deadlines().body_grace_seconds)
    assert upload.ahead_seconds <= 0, "no past haste covers a longer silence"


def test_a_trickle_is_cut_off_soon_even_after_a_fast_beginning() -> None:
    left = Patience(Deadlines())
    left.heard(1_000 * MIB, 1)
    for _ in range(130):
        left.heard(1, 1)
    assert left.left_seconds <= 0


def test_one_circuit_has_a_few_places_and_is_hostile_when_it_goes_on_asking() -> None:
    circuits = Circuits(Room(circuit_connections=2, circuit_refusals=3))
    assert [circuits.admit(1) for _ in range(6)] == [
        *[Admission.WELCOME] * 2, *[Admission.BUSY] * 3, Admission.HOSTILE,
    ]  # fmt: skip
    assert circuits.admit(2) is Admission.WELCOME
    for _ in range(2):
        circuits.leave(1)
    assert len(circuits) == 1, "forgotten with its last connection"
    assert circuits.admit(1) is Admission.WELCOME


def test_the_one_that_waited_longest_goes_first() -> None:
    queue: Queue[str] = Queue(most=2, seconds=10)
    assert queue.add("a", 0) is None
    assert queue.add("b", 1) is None
    assert queue.add("a", 2) is None, "it begins anew"
    assert queue.add("c", 3) == "b"
    queue.remove("b")
    assert queue.late(11.9) == []
    assert queue.late(13) == ["a", "c"]


@dataclass(eq=False)
class Uploading:
    circuit: int | None
    ahead_seconds: float = 0.0
    has_begun: bool = True
    heard: bool = True

    def stop_listening(self) -> None:
        self.heard = False


@contextlib.contextmanager
def taken(places: UploadPlaces, *senders: Uploading) -> Iterator[list[bool]]:
    """Whether each got a place, one after the other, all held for the block."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(places.place(sender)) for sender in senders]


def test_places_for_uploads_are_given_back() -> None:
    places = UploadPlaces(Room(uploads=1))
    with taken(places, Uploading(1), Uploading(2)) as given:
        assert given == [True, False]
    with taken(places, Uploading(3)) as given:
        assert given == [True]


def test_one_circuit_has_two_places_for_uploads() -> None:
    places = UploadPlaces(Room())
    silent = [Uploading(1, -60.0) for _ in range(3)]
    with taken(places, *silent, Uploading(2)) as given:
        assert given == [True, True, False, True]
    with taken(places, *[Uploading(None) for _ in range(3)]) as given:
        assert given == [True] * 3, "without tor all are one person's"


def test_in_a_crowd_the_one_that_is_furthest_behind_gives_way() -> None:
    places = UploadPlaces(Room(uploads=3))
    ahead, behind, silent = Uploading(1, 20.0), Uploading(2, -1.0), Uploading(3, -5.0)
    with taken(places, ahead, behind, silent, Uploading(4)) as given:
        assert given == [True] * 4
        assert [one.heard for one in (ahead, behind, silent)] == [True, True, False]
        with taken(places, Uploading(5), Uploading(6)) as more:
            assert more == [True, False], "nobody else is behind"
        assert (ahead.heard, behind.heard) == (True, False)


def test_those_that_say_nothing_end_one_another_before_one_that_stalls() -> None:
    places = UploadPlaces(Room(uploads=3))
    stalls, silent = Uploading(1, -9.0), [Uploading(number, -0.1 * number, has_begun=False) for number in (2, 3)]
    new = [Uploading(4, -0.01, has_begun=False), Uploading(5, -0.01, has_begun=False)]
    with taken(places, stalls, *silent, *new) as given:
        assert given == [True] * 5
        assert stalls.heard
        assert [one.heard for one in silent] == [False, False]


def test_an_upload_has_begun_with_its_first_64_kib() -> None:
    upload = Patience(Deadlines())
    upload.heard(64 * 1_024 - 1, 1)
    assert not upload.has_begun
    upload.heard(1, 1)
    assert upload.has_begun


def test_who_keeps_the_pace_keeps_the_place_and_one_too_many_is_refused() -> None:
    places = UploadPlaces(Room(uploads=2))
    senders = [Uploading(1, 0.0), Uploading(2, 1.0)]
    with taken(places, *senders, Uploading(3)) as given:
        assert given == [True, True, False]
        assert all(one.heard for one in senders)


def test_a_storm_of_newcomers_cannot_take_the_threads_of_those_that_give_way() -> None:
    places = UploadPlaces(Room(uploads=2, uploads_giving_way=3))
    with taken(places, *[Uploading(number, -1.0) for number in range(1, 10)]) as given:
        assert given == [True] * 5 + [False] * 4, "two places, and three that have not left yet"


@pytest.mark.parametrize(
    "make", [lambda: Room(waiting=0), lambda: Deadlines(early_seconds=0), lambda: Room(waiting=True)]
)
def test_limits_without_sense_are_refused_by_name(make) -> None:
    with pytest.raises(ValueError, match=r"waiting|early_seconds"):
        make()
