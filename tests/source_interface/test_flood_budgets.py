"""The budgets of one circuit: what passes, what is put off, what has it closed, and what is forgotten."""

import threading

import pytest

from source_interface.budgets import Allowance, Budgets, BusyError, CountedBody, Expense, Policy


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Closed(list[int]):
    def close(self, circuit_id: int) -> None:
        self.append(circuit_id)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def closed() -> Closed:
    return Closed()


def busy(budgets: Budgets, circuit: int, expense: Expense) -> bool:
    with budgets.request(circuit) as budget:
        try:
            budget.spend(expense)
        except BusyError:
            return True
    return False


@pytest.mark.parametrize("expense", [one for one in Expense if one is not Expense.BYTES])
def test_past_soft_it_is_put_off_and_past_hard_it_is_closed(clock: Clock, closed: Closed, expense: Expense) -> None:
    policy = Policy(**{expense.value: Allowance(3, 5, seconds=30)})
    budgets = Budgets(policy, closed, monotonic=clock)
    assert [busy(budgets, 1, expense) for _ in range(5)] == [False] * 3 + [True] * 2
    assert closed == []
    assert busy(budgets, 1, expense)
    assert closed == [1]
    assert not busy(budgets, 2, expense), "another circuit knows nothing of it"
    for other in set(Expense) - {expense, Expense.BYTES}:
        assert not busy(budgets, 1, other), "nor does what else it asks for"


def test_a_budget_empties_at_an_even_pace(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(logins=Allowance(3, 5, seconds=30)), closed, monotonic=clock)
    for _ in range(3):
        assert not busy(budgets, 1, Expense.LOGINS)
    assert busy(budgets, 1, Expense.LOGINS)
    clock.now += 10
    assert busy(budgets, 1, Expense.LOGINS), "the attempt that was put off counted, too"
    clock.now += 20.1
    assert not busy(budgets, 1, Expense.LOGINS)
    clock.now += 1_000
    assert [busy(budgets, 1, Expense.LOGINS) for _ in range(4)] == [False] * 3 + [True]
    assert closed == []


def test_more_open_requests_than_a_browser_makes_are_put_off(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(open_requests=2), closed, monotonic=clock)
    with budgets.request(1) as first, budgets.request(1) as second:
        first.admit()
        second.admit()
        with budgets.request(1) as third, pytest.raises(BusyError):
            third.admit()
        with budgets.request(2) as other:
            other.admit()
    with budgets.request(1) as again:
        again.admit()


def test_one_circuit_never_holds_more_than_its_places_in_the_queue(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(derivation_places=2), closed, monotonic=clock)
    with budgets.request(1) as budget, budget.deriving(), budget.deriving():
        with pytest.raises(BusyError), budget.deriving():
            pytest.fail("a third place")
        with budgets.request(2) as other, other.deriving():
            pass
    with budgets.request(1) as budget, budget.deriving():
        pass


class Endless:
    def read(self, size: int = -1) -> bytes:
        return bytes(size)

    def readline(self, size: int = -1) -> bytes:
        return bytes(size)


def test_a_body_goes_on_past_soft_and_ends_past_hard(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(bytes=Allowance(100, 250, seconds=100)), closed, monotonic=clock)
    with budgets.request(1) as budget:
        budget.admit()
        body = CountedBody(Endless(), budget)
        assert [len(body.read(100)) for _ in range(2)] == [100, 100]
        assert closed == []
        assert len(body.read(100)) == 100, "what came is handed on"
        assert closed == [1]
        assert (body.read(100), body.readline(100)) == (b"", b"")
    with budgets.request(1) as budget, pytest.raises(BusyError):
        budget.admit()
    clock.now += 200
    with budgets.request(1) as budget:
        budget.admit()


def test_the_usual_policy_lets_the_largest_mailbox_through(closed: Closed, clock: Clock) -> None:
    budgets = Budgets(Policy(), closed, monotonic=clock)
    with budgets.request(1) as budget:
        assert all(budget.receive(1 << 20) for _ in range(4096))
    assert closed == []


def test_idle_circuits_are_forgotten(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(forget_seconds=60), closed, monotonic=clock)
    for number in range(1, 11):
        busy(budgets, number, Expense.LOGINS)
    assert len(budgets) == 10
    clock.now += 61
    busy(budgets, 11, Expense.LOGINS)
    assert len(budgets) == 1


def test_a_circuit_with_an_open_request_is_not_forgotten(clock: Clock, closed: Closed) -> None:
    budgets = Budgets(Policy(forget_seconds=60, circuits=2, open_requests=1), closed, monotonic=clock)
    with budgets.request(1) as long:
        long.admit()
        clock.now += 1_000
        for number in range(2, 50):
            busy(budgets, number, Expense.LOGINS)
        with budgets.request(1) as second, pytest.raises(BusyError):
            second.admit()


def test_a_million_circuits_take_no_more_memory_than_the_policy_says(clock: Clock, closed: Closed) -> None:
    policy = Policy(circuits=1_000)
    budgets = Budgets(policy, closed, monotonic=clock)
    most = 0
    for number in range(1, 1_000_001):
        with budgets.request(number) as budget:
            budget.spend(Expense.REQUESTS)
        if number % 10_000 == 0:
            most = max(most, len(budgets))
    assert most == policy.circuits
    assert closed == []


def test_threads_count_together(closed: Closed) -> None:
    budgets = Budgets(Policy(logins=Allowance(500, 1_000, seconds=100_000)), closed)
    refused: list[bool] = []

    def attempts() -> None:
        refused.extend(busy(budgets, 1, Expense.LOGINS) for _ in range(200))

    threads = [threading.Thread(target=attempts) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert refused.count(False) == 500
    assert closed == []


@pytest.mark.parametrize(
    "make",
    [lambda: Allowance(0, 1, 1), lambda: Allowance(2, 1, 1), lambda: Allowance(1, 1, 0), lambda: Policy(circuits=0)],
)
def test_a_policy_without_sense_is_refused(make) -> None:
    with pytest.raises(ValueError, match=r"allowance|circuits"):
        make()
