"""What a connection must begin with behind tor, and how a request is awaited without a thread."""

import pytest

from deploy.arrival import Arrival, HostileError, Sizes, Step, circuit_of
from deploy.deadlines import Deadlines, Patience
from deploy.entrance import Admission, Circuits, LongRequests, Queue, Room

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
    for _ in range(1_000):
        left.heard(0, 60)
        assert left.left_seconds > 0
        for _ in range(70):
            left.heard(30_000, 1)


def test_a_trickle_is_cut_off_soon_even_after_a_fast_beginning() -> None:
    seconds, _ = patience(1, 500 * MIB, piece=1)
    assert seconds <= 125
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


def test_places_for_long_requests_are_given_back() -> None:
    long = LongRequests(Room(long_requests=1))
    with long.place() as first, long.place() as second:
        assert (first, second) == (True, False)
    with long.place() as again:
        assert again


@pytest.mark.parametrize(
    "make", [lambda: Room(waiting=0), lambda: Deadlines(early_seconds=0), lambda: Room(waiting=True)]
)
def test_limits_without_sense_are_refused_by_name(make) -> None:
    with pytest.raises(ValueError, match=r"waiting|early_seconds"):
        make()
