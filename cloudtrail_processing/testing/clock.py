"""A clock that moves only when told to."""

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_LOOP_TURNS = 20  # enough for what one awakened task starts to come to rest, without waiting for real time


class Signal:
    """Wakes every coroutine that waits for it; may be sent from any thread and outlives event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[asyncio.Future[None]] = set()

    async def until(self, met: Callable[[], bool]) -> None:
        """Return when ``met()`` is true; asked now and after every ``send``."""
        while not met():
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            with self._lock:
                self._waiting.add(future)
            try:
                # Asked again: another thread may have sent between the question and the registration.
                if not met():
                    await future
            finally:
                with self._lock:
                    self._waiting.discard(future)

    def send(self) -> None:
        """Let all who wait ask again."""
        with self._lock:
            for future in self._waiting:
                future.get_loop().call_soon_threadsafe(_finish, future)
            self._waiting.clear()


class ManualClock:
    """``ports.Clock`` for tests: time stands still until ``advance`` or ``elapse`` moves it.

    Starts at ``start``, midnight of 2026-01-01 UTC unless told otherwise. ``advance`` may be called from any thread,
    also from a processor in the middle of its work.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self._moved = Signal()
        self._due: list[float] = []

    @property
    def sleepers(self) -> int:
        """How many coroutines sleep now: wait for it before advancing past them."""
        return len(self._due)

    def now(self) -> datetime:
        """The start, and what has been advanced since."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has been advanced by ``seconds``; for 0 or less after one turn of the loop."""
        due = self._elapsed + seconds
        if seconds <= 0:
            await asyncio.sleep(0)
        self._due.append(due)
        try:
            await self._moved.until(lambda: self._elapsed >= due)
        finally:
            self._due.remove(due)

    def advance(self, seconds: float) -> None:
        """Move time on in one jump and wake the sleepers that are due."""
        with self._lock:
            self._elapsed += seconds
        self._moved.send()

    async def elapse(self, seconds: float) -> None:
        """Move time on as it would pass: stop where a sleeper is due and let the loop run, so that loops take turns."""
        end = self._elapsed + seconds
        await _turns()
        while self._elapsed < end:
            self.advance(min([due for due in self._due if due > self._elapsed] + [end]) - self._elapsed)
            await _turns()


def _finish(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _turns() -> None:
    for _ in range(_LOOP_TURNS):
        await asyncio.sleep(0)
