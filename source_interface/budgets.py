"""What one of tor's circuits may ask for, so that a flood from one leaves the others served.

A budget fills as it is used and empties at an even pace. Past `soft`, the answer is the friendly page that says to try again
in a minute. Who goes on all the same comes past `hard`, and the circuit is closed. All of it is in this process's memory:
levels under a circuit's number, nothing of who is there, dropped when they have been idle. Each worker counts for itself: a
circuit may have as many times these budgets as there are workers.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, Final, Protocol

CIRCUIT: Final = "luwte.circuit"  # in the WSGI environment: tor's number of the circuit, or None without tor

_GIB: Final = 1 << 30


class BusyError(Exception):
    """Too many people at this moment, or too much from one of them."""


class Closer(Protocol):
    """Has a circuit closed, without waiting and without failing."""

    def close(self, circuit_id: int) -> None: ...


class Expense(Enum):
    """What is counted. The value names the policy's field."""

    REQUESTS = "requests"
    SESSIONS = "sessions"
    LOGINS = "logins"
    DERIVATIONS = "derivations"
    SUBMISSIONS = "submissions"
    BYTES = "bytes"


@dataclass(frozen=True)
class Allowance:
    """`soft` in `seconds`, at once or spread out; `hard` is where the circuit is closed."""

    soft: int
    hard: int
    seconds: int

    def __post_init__(self) -> None:
        if not 0 < self.soft <= self.hard or self.seconds <= 0:
            raise ValueError("an allowance needs 0 < soft <= hard and some seconds")


@dataclass(frozen=True)
class Policy:
    """The budgets of one circuit in one worker."""

    requests: Allowance = Allowance(120, 480, seconds=60)
    sessions: Allowance = Allowance(12, 60, seconds=600)  # visits that begin, with a new codename or by coming back
    logins: Allowance = Allowance(12, 60, seconds=600)  # attempts, right or wrong, misspelt ones too
    derivations: Allowance = Allowance(10, 60, seconds=600)  # 128 MiB and a fifth of a second each
    submissions: Allowance = Allowance(30, 120, seconds=600)
    bytes: Allowance = Allowance(4 * _GIB, 12 * _GIB, seconds=3600)  # of bodies; a form under way may go on past `soft`
    open_requests: int = 6  # at once; one more gets the friendly page
    derivation_places: int = 2  # of the short queue for key derivation, at once
    circuits: int = 10_000  # remembered; the one idle for longest is forgotten for a new one
    forget_seconds: int = 3600  # after its last request

    def __post_init__(self) -> None:
        for one in fields(self):
            if not isinstance(value := getattr(self, one.name), Allowance) and value < 1:
                raise ValueError(f"{one.name}: a positive whole number is needed")

    def allowance(self, expense: Expense) -> Allowance:
        allowance = getattr(self, expense.value)
        assert isinstance(allowance, Allowance)
        return allowance


class Budget(Protocol):
    """What the sender of one request may still ask for."""

    def spend(self, expense: Expense) -> None:
        """BusyError when that is one too many. A refused attempt counts, too."""

    def deriving(self) -> AbstractContextManager[None]:
        """For one key derivation: spends it and holds a place in the queue for the block. BusyError."""


class NoBudget:
    """Without tor all requests come from this machine."""

    def spend(self, _expense: Expense) -> None: ...

    def deriving(self) -> AbstractContextManager[None]:
        return nullcontext()


@dataclass(slots=True)
class _Level:
    amount: float = 0.0
    at: float = 0.0


@dataclass(slots=True)
class _Circuit:
    last: float
    levels: dict[Expense, _Level] = field(default_factory=dict)
    open_requests: int = 0
    derivations: int = 0


class Budgets:
    """The budgets of all circuits, for this process's threads."""

    def __init__(self, policy: Policy, circuits: Closer, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.policy, self.now, self.lock = policy, monotonic, threading.Lock()
        self.closer = circuits
        self._circuits: OrderedDict[int, _Circuit] = OrderedDict()  # the longest idle first

    def __len__(self) -> int:
        """How many circuits are remembered."""
        with self.lock:
            return len(self._circuits)

    @contextmanager
    def request(self, circuit_id: int) -> Iterator["CircuitBudget"]:
        """The budget of the circuit that a request came by, which counts as open for the block."""
        with self.lock:
            now = self.now()
            circuit = self._circuits.get(circuit_id) or _Circuit(now)
            circuit.open_requests += 1
            circuit.last = now
            self._circuits[circuit_id] = circuit
            self._circuits.move_to_end(circuit_id)
            self._forget(now)
        try:
            yield CircuitBudget(self, circuit_id, circuit)
        finally:
            with self.lock:
                circuit.open_requests -= 1
                circuit.last = self.now()

    def refused(self, circuit_id: int) -> None:
        """Count a request that was refused before it came to the application, which counts all others."""
        with self.request(circuit_id) as budget, suppress(BusyError):
            budget.spend(Expense.REQUESTS)

    def _forget(self, now: float) -> None:
        """Drop the idle ones, and the longest idle of too many. Those with open requests are fewer than threads."""
        idle = (number for number, circuit in self._circuits.items() if not circuit.open_requests)
        while (oldest := next(idle, None)) is not None:
            late = now - self._circuits[oldest].last > self.policy.forget_seconds
            if not late and len(self._circuits) <= self.policy.circuits:
                return
            del self._circuits[oldest]
            idle = (number for number, circuit in self._circuits.items() if not circuit.open_requests)


class CircuitBudget:
    """The budget of one circuit, as one request uses it. Made by `Budgets.request`."""

    def __init__(self, budgets: Budgets, circuit_id: int, circuit: _Circuit) -> None:
        self._budgets, self._id, self._circuit = budgets, circuit_id, circuit

    def admit(self) -> None:
        """Count this request. BusyError when it is one too many, or too many are open, or too much was sent before."""
        self.spend(Expense.REQUESTS)
        with self._budgets.lock:
            if self._circuit.open_requests > self._budgets.policy.open_requests:
                raise BusyError
            if self._fill(Expense.BYTES, 0) > self._budgets.policy.bytes.soft:
                raise BusyError

    def spend(self, expense: Expense) -> None:
        allowance = self._budgets.policy.allowance(expense)
        with self._budgets.lock:
            level = self._fill(expense, 1)
        if level > allowance.hard:
            self._close()
        if level > allowance.soft:
            raise BusyError

    def receive(self, amount: int) -> bool:
        """Count bytes of a body. False when it is far too much: the circuit is closed, and no more is to be read."""
        with self._budgets.lock:
            level = self._fill(Expense.BYTES, amount)
        if level > self._budgets.policy.bytes.hard:
            self._close()
            return False
        return True

    @contextmanager
    def deriving(self) -> Iterator[None]:
        self.spend(Expense.DERIVATIONS)
        with self._budgets.lock:
            if self._circuit.derivations >= self._budgets.policy.derivation_places:
                raise BusyError
            self._circuit.derivations += 1
        try:
            yield
        finally:
            with self._budgets.lock:
                self._circuit.derivations -= 1

    def _fill(self, expense: Expense, amount: int) -> float:
        """The level after this; the lock is held. It never stands higher than a little above `hard`."""
        allowance, now = self._budgets.policy.allowance(expense), self._budgets.now()
        level = self._circuit.levels.setdefault(expense, _Level(at=now))
        left = max(0.0, level.amount - (now - level.at) * allowance.soft / allowance.seconds)
        level.amount, level.at = min(left + amount, allowance.hard + 1.0), now
        return level.amount

    def _close(self) -> None:
        self._budgets.closer.close(self._id)


class CountedBody:
    """A request's body that ends, for the application, where its circuit has sent far too much."""

    def __init__(self, body: Any, budget: CircuitBudget) -> None:
        self._body, self._budget = body, budget
        self._ended = False

    def read(self, size: int = -1) -> bytes:
        return self._count(self._body.read, size)

    def readline(self, size: int = -1) -> bytes:
        return self._count(self._body.readline, size)

    def _count(self, read: Callable[[int], bytes], size: int) -> bytes:
        if self._ended:
            return b""
        data = read(size)
        self._ended = not self._budget.receive(len(data))
        return data
