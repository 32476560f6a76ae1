"""Who may use the interpreter for long: one thread at a time, and one log after the other.

Threads that decode at once only fight for the interpreter. Were they let in as they come, all logs in work would be
half done all the time, and in memory; and each batch would cost two changes of threads. So whoever has had its turn has
it again at once when it comes back within a moment, as from a quick processor; else the work that began first has it.
"""

import heapq
import math
import threading
import time
from itertools import count
from types import TracebackType
from typing import Final

MOMENT: Final = 0.002
"""Seconds for which a turn is kept for whoever had it last."""

_Waiting = tuple[int, threading.Lock]
"""The number of the work, and what wakes its thread."""


class Turns:
    """Hands out turns to many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._last: int | None = None
        self._kept_until = -math.inf
        self._waiting: list[_Waiting] = []
        self._numbers = count()

    @property
    def is_taken(self) -> bool:
        """True while it is somebody's turn."""
        return self._is_taken

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def join(self) -> "Turn":
        """The turns of work that begins now: it goes before whatever begins later."""
        return Turn(self, next(self._numbers))

    def enter(self, number: int) -> None:
        """Wait until it is the turn of work ``number``."""
        with self._lock:
            if not self._is_taken and (number == self._last or not self._waiting):
                self._is_taken, self._last = True, number
                return
            me = (number, threading.Lock())
            me[1].acquire()
            heapq.heappush(self._waiting, me)
        try:
            while not self._begins(me):
                me[1].acquire(timeout=MOMENT if self._waiting[0] is me else -1)
        except BaseException:
            self._give_up(me)
            raise

    def leave(self) -> None:
        """Let others have their turn, unless this thread comes back within a moment."""
        with self._lock:
            self._is_taken = False
            self._kept_until = time.monotonic() + MOMENT

    def end(self, number: int) -> None:
        """Work ``number`` needs no more turns: whoever waits need not wait for it."""
        with self._lock:
            if self._last == number:
                self._last, self._kept_until = None, -math.inf
                self._wake_first()

    def _begins(self, me: _Waiting) -> bool:
        """True when it is our turn now."""
        with self._lock:
            if self._is_taken or self._waiting[0] is not me or time.monotonic() < self._kept_until:
                return False
            heapq.heappop(self._waiting)
            self._is_taken, self._last = True, me[0]
            self._wake_first()  # it does not know yet that it is the first one now
            return True

    def _give_up(self, me: _Waiting) -> None:
        with self._lock:
            self._waiting.remove(me)
            heapq.heapify(self._waiting)
            self._wake_first()

    def _wake_first(self) -> None:
        if self._waiting and self._waiting[0][1].locked():
            self._waiting[0][1].release()


class Turn:
    """The turns of one piece of work, as a context manager: one after the other, by one thread."""

    __slots__ = ("_number", "_turns")

    def __init__(self, turns: Turns, number: int) -> None:
        self._turns = turns
        self._number = number

    def __enter__(self) -> None:
        self._turns.enter(self._number)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.leave()

    def end(self) -> None:
        """No more turns are needed. May be repeated."""
        self._turns.end(self._number)
