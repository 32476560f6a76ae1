"""How much memory all logs in work may take together: a log that does not fit waits for its turn."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

_PATIENCE = 0.25  # seconds between two looks whether the work is still wanted


class Budget:
    """A number of bytes, shared by many threads in the order in which they came.

    Nobody overtakes: a large log is not starved by small ones, and those behind it wait a little longer. What is larger
    than the whole budget has its turn when nothing else is held, and is alone then.
    """

    def __init__(self, total_bytes: int) -> None:
        self._total = total_bytes
        self._held = 0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @property
    def held(self) -> int:
        """The bytes that are held now."""
        with self._changed:
            return self._held

    @contextmanager
    def hold(self, size: int, keep_going: Callable[[], None]) -> Iterator[None]:
        """Hold ``size`` bytes inside; waits until there is room for them.

        ``keep_going`` is called several times a second while it waits; what it raises ends the wait and goes through.
        A thread that holds something must not hold more: it could wait for itself.
        """
        self._enter(size, keep_going)
        try:
            yield
        finally:
            with self._changed:
                self._held -= size
                self._changed.notify_all()

    def _enter(self, size: int, keep_going: Callable[[], None]) -> None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
        try:
            while not self._taken(turn, size):
                keep_going()
        except BaseException:
            self._leave(turn)
            raise

    def _taken(self, turn: object, size: int) -> bool:
        """Wait a moment; True when it is our turn and the bytes are ours."""

        def fits() -> bool:
            return self._waiting[0] is turn and (not self._held or self._held + size <= self._total)

        with self._changed:
            if not self._changed.wait_for(fits, _PATIENCE):
                return False
            self._waiting.popleft()
            self._held += size
            self._changed.notify_all()
            return True

    def _leave(self, turn: object) -> None:
        with self._changed:
            if turn in self._waiting:
                self._waiting.remove(turn)
            self._changed.notify_all()


class Room:
    """What one log holds of a budget while it is in work: once, as soon as its size is known. A context manager."""

    def __init__(self, budget: Budget | None, keep_going: Callable[[], None]) -> None:
        """Without a budget there is always room."""
        self._budget = budget
        self._keep_going = keep_going
        self._holding = ExitStack()
        self._is_held = budget is None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._holding.close()

    def hold(self, size: int) -> None:
        """Wait until there is room for ``size`` bytes, and hold it; does nothing when something is held already."""
        if self._budget is not None and not self._is_held:
            self._holding.enter_context(self._budget.hold(size, self._keep_going))
            self._is_held = True
