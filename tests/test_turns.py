"""Turns: one thread at a time, and the work that began first goes first."""

import threading
from collections.abc import Callable

import pytest

from cloudtrail_processing.turns import Turn, Turns

PATIENCE = 10


class Asking:
    """A thread that asks for a turn, notes that it had it, and hands it on."""

    def __init__(self, name: str, turn: Turn, had: list[str]) -> None:
        self._name, self._turn, self._had = name, turn, had
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        with self._turn:
            self._had.append(self._name)

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def until(reached: Callable[[], bool]) -> None:
    """Wait for something that happens in another thread."""
    waited = threading.Event()
    for _ in range(PATIENCE * 1000):
        if reached():
            return
        waited.wait(0.001)
    raise AssertionError("it never happened")


def test_work_that_began_first_goes_first_whenever_it_asks() -> None:
    turns, had = Turns(), list[str]()
    first, second, third, holder = (turns.join() for _ in range(4))
    with holder:
        asking = []
        for number, (name, turn) in enumerate([("third", third), ("first", first), ("second", second)]):
            asking.append(Asking(name, turn, had))
            until(lambda number=number: turns.waiting == number + 1)  # type: ignore[misc]
        assert had == []
    for one in asking:
        one.join()
    assert had == ["first", "second", "third"]
    assert not turns.is_taken


def test_a_turn_is_handed_on_when_its_work_fails() -> None:
    turns = Turns()
    with pytest.raises(ZeroDivisionError), turns.join():
        _ = 1 / 0
    assert not turns.is_taken
    with turns.join():
        assert turns.is_taken


def test_only_one_thread_has_its_turn() -> None:
    turns, inside, most = Turns(), list[int](), list[int]()

    def work(number: int) -> None:
        for _ in range(50):
            with turns.join():
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert most == [1] * 400
    assert not turns.is_taken
