import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from cloudtrail_processing.budget import Budget
from cloudtrail_processing.errors import Stopped

PATIENCE = 20  # seconds until a test that hangs fails


def going_on() -> None:
    """Work that is still wanted."""


class Holder:
    """Holds bytes in a thread of its own, from when the budget has room until ``let_go``."""

    def __init__(self, pool: ThreadPoolExecutor, budget: Budget, size: int) -> None:
        self.has = threading.Event()
        self.asked = threading.Event()
        self._released = threading.Event()
        self._done: Future[None] = pool.submit(self._hold, budget, size)
        assert self.asked.wait(PATIENCE)

    def _hold(self, budget: Budget, size: int) -> None:
        with budget.hold(size, self.asked.set):
            self.has.set()
            self.asked.set()
            assert self._released.wait(PATIENCE)

    def let_go(self) -> None:
        self._released.set()
        self._done.result(PATIENCE)


@contextmanager
def holders(budget: Budget) -> Iterator[Callable[[int], Holder]]:
    """Makes holders, each of which has its bytes or is known to wait when it is returned."""
    with ThreadPoolExecutor(16) as pool:
        yield lambda size: Holder(pool, budget, size)


def test_what_fits_is_held_together_and_given_back() -> None:
    budget = Budget(10)
    with budget.hold(4, going_on), budget.hold(6, going_on):
        assert budget.held == 10
    assert budget.held == 0


def test_what_does_not_fit_waits_until_enough_is_given_back() -> None:
    budget = Budget(10)
    with holders(budget) as hold:
        first, second = hold(6), hold(6)
        assert first.has.is_set()
        assert not second.has.is_set()
        first.let_go()
        assert second.has.wait(PATIENCE)
        second.let_go()
    assert budget.held == 0


def test_what_is_larger_than_the_whole_budget_is_held_alone() -> None:
    budget = Budget(10)
    with holders(budget) as hold:
        small, huge, late = hold(1), hold(1000), hold(1)
        assert not huge.has.is_set()
        small.let_go()
        assert huge.has.wait(PATIENCE)
        assert not late.has.is_set()
        huge.let_go()
        assert late.has.wait(PATIENCE)
        late.let_go()


def test_a_large_one_is_not_starved_by_small_ones_that_come_later() -> None:
    budget = Budget(10)
    with holders(budget) as hold:
        first, large = hold(8), hold(9)
        late = [hold(1) for _ in range(3)]
        assert not any(one.has.is_set() for one in late), "they would fit, and must not overtake"
        first.let_go()
        assert large.has.wait(PATIENCE)
        large.let_go()
        for one in late:
            one.let_go()


def test_a_stop_ends_the_wait_and_those_behind_move_up() -> None:
    budget = Budget(10)
    stopping = threading.Event()

    def keep_going() -> None:
        if stopping.is_set():
            raise Stopped("the worker stops")

    def wait_for_room() -> None:
        with budget.hold(9, keep_going):
            raise AssertionError("there was no room")

    with holders(budget) as hold, ThreadPoolExecutor(1) as pool:
        first = hold(8)
        waiting = pool.submit(wait_for_room)
        behind = hold(1)
        stopping.set()
        with pytest.raises(Stopped):
            waiting.result(PATIENCE)
        assert behind.has.wait(PATIENCE)
        behind.let_go()
        first.let_go()
    assert budget.held == 0


def test_an_error_inside_gives_the_bytes_back() -> None:
    budget = Budget(10)
    with pytest.raises(ZeroDivisionError), budget.hold(10, going_on):
        _ = 1 / 0
    assert budget.held == 0


def test_many_threads_never_hold_more_than_the_budget_together() -> None:
    budget = Budget(100)
    seen: list[int] = []

    def work(number: int) -> None:
        with budget.hold(1 + number % 100, going_on):
            seen.append(budget.held)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(500), timeout=PATIENCE))
    assert len(seen) == 500
    assert max(seen) <= 100
    assert budget.held == 0
