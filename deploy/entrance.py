"""Who waits at the entrance of one worker, so that no crowd there keeps others out. Knows no sockets.

A connection waits here, at the cost of one file descriptor, until its request has come. When too many wait, the one that has
waited longest goes. Tor names the circuit of each: one circuit has a few places, and is closed when it keeps asking for more.
Each worker counts for itself. Nothing is remembered of a circuit whose last connection has ended.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

Guest = TypeVar("Guest")


@dataclass(frozen=True)
class Room:
    """For each worker; all positive whole numbers: ValueError names the one that is not."""

    waiting: int = 2_000  # connections, without a thread; each needs a file descriptor
    lingering: int = 500  # connections that were answered and whose client has not hung up
    circuit_connections: int = 16  # of one circuit at once: a browser opens six
    circuit_refusals: int = 64  # of one circuit with open connections, after which it is closed
    uploads: int = 16  # at once, which need a thread while they come; the other threads serve what is there
    circuit_uploads: int = 2  # of one circuit at once: a person in two tabs
    uploads_giving_way: int = 4  # that lost their place to another one and still have a thread, to keep what came whole

    def __post_init__(self) -> None:
        for field in fields(self):
            if type(value := getattr(self, field.name)) is not int or value < 1:
                raise ValueError(f"{field.name}: a positive whole number is needed")


class Admission(Enum):
    """What becomes of a connection once its circuit is known."""

    WELCOME = "welcome"
    BUSY = "busy"
    HOSTILE = "hostile"  # the circuit is to be closed


@dataclass
class _Circuit:
    connections: int = 0
    refusals: int = 0


class Circuits:
    """How many connections each circuit has here. For one thread."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._circuits: dict[int, _Circuit] = {}

    def __len__(self) -> int:
        return len(self._circuits)

    def admit(self, circuit_id: int) -> Admission:
        """Count one connection more, unless it is one too many. What was welcomed must be let go by `leave`."""
        circuit = self._circuits.setdefault(circuit_id, _Circuit())
        if circuit.connections < self._room.circuit_connections:
            circuit.connections += 1
            return Admission.WELCOME
        circuit.refusals += 1
        return Admission.BUSY if circuit.refusals <= self._room.circuit_refusals else Admission.HOSTILE

    def leave(self, circuit_id: int) -> None:
        circuit = self._circuits[circuit_id]
        circuit.connections -= 1
        if not circuit.connections:
            del self._circuits[circuit_id]


class Queue(Generic[Guest]):
    """Connections with a deadline, each at most so many seconds after it came in, the oldest first. For one thread."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._guests: OrderedDict[Guest, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._guests)

    def __contains__(self, guest: Guest) -> bool:
        return guest in self._guests

    def add(self, guest: Guest, now: float) -> Guest | None:
        """Let it in, or let it begin anew; the one that must go instead, when there are too many."""
        self._guests.pop(guest, None)
        self._guests[guest] = now + self._seconds
        return self.oldest() if len(self._guests) > self._most else None

    def oldest(self) -> Guest | None:
        return next(iter(self._guests), None)

    def remove(self, guest: Guest) -> None:
        self._guests.pop(guest, None)

    def late(self, now: float) -> list[Guest]:
        """Those whose time is over; they are still in."""
        found = []
        for guest, deadline in self._guests.items():
            if deadline > now:
                break
            found.append(guest)
        return found

    def everybody(self) -> list[Guest]:
        return list(self._guests)


class Sender(Protocol):
    """Who sends an upload."""

    circuit: int | None  # None without tor

    @property
    def has_begun(self) -> bool:
        """Whether the first bytes have come that show that something comes."""

    @property
    def ahead_seconds(self) -> float:
        """How far ahead of the pace that is asked in a crowd; below 0, how far behind."""

    def stop_listening(self) -> None:
        """Have the thread that waits for it see its end, soon."""


class UploadPlaces:
    """The places for uploads, which need a thread while they come. For any thread.

    When all are taken, a sender behind the pace gives its place to a new one: the furthest of those that have not begun,
    else the furthest. Being new protects none, as whoever says nothing could hold a place by asking ever anew; and however
    many of them ask, they end one another, not who stalls in the middle.
    """

    def __init__(self, room: Room) -> None:
        self._room: Final = room
        self._lock: Final = threading.Lock()
        self._senders: Final[set[Sender]] = set()
        self._giving_way: Final[set[Sender]] = set()

    @contextmanager
    def place(self, sender: Sender) -> Iterator[bool]:
        """Whether there is a place, which is held for the block."""
        with self._lock:
            taken = self._make_place(sender)
            if taken:
                self._senders.add(sender)
        try:
            yield taken
        finally:
            with self._lock:
                self._senders.discard(sender)
                self._giving_way.discard(sender)

    def _make_place(self, sender: Sender) -> bool:
        same = sum(1 for other in self._senders if sender.circuit is not None and other.circuit == sender.circuit)
        if same >= self._room.circuit_uploads:
            return False
        return len(self._senders) < self._room.uploads or self._one_gives_way()

    def _one_gives_way(self) -> bool:
        behind = [sender for sender in self._senders if sender.ahead_seconds < 0]
        if not behind or len(self._giving_way) >= self._room.uploads_giving_way:
            return False
        slowest = min(behind, key=lambda sender: (sender.has_begun, sender.ahead_seconds))
        self._senders.remove(slowest)
        self._giving_way.add(slowest)
        slowest.stop_listening()
        return True
