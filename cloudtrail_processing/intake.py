"""Receiving: several pollers, a permit before each message, and patience with errors."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Protocol

from cloudtrail_processing.errors import CloudTrailProcessingError, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.ports import BATCH, Clock, Queue
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.retry import Backoff, first_of

logger = logging.getLogger(__name__)

SHORT = 0.5
"""Seconds between two polls at least when the first came back empty, even if it did not wait."""
GATHER = 0.2
"""Seconds that a real worker waits for more messages to be finished, before it asks the queue for few."""
WORRYING = 3
"""Failed calls in a row that are trouble: one alone means little."""


class Gate(Protocol):
    """Says whether receiving makes sense, before each receive."""

    def admit(self, limit: int) -> int:
        """How many messages may be received now, ``limit`` at most; 0: ask again after ``changed``."""
        ...

    def changed(self) -> Awaitable[object]:
        """To be awaited: ends when another answer of ``admit`` is possible than at the time of this call.

        It counts from the call: a change before the first moment of waiting must end it, too.
        """
        ...

    def received(self, messages: int) -> None:
        """Told after each receive that was admitted."""
        ...


class Intake:
    """Receives only what can start now. One permit is one message in work; who finishes it gives the permit back."""

    def __init__(
        self,
        queue: Queue,
        *,
        permits: int,
        visibility: int,
        clock: Clock,
        progress: Progress,
        backoff: Backoff,
        gate: Gate,
        on_messages: Callable[[Sequence[QueueMessage], float], None],
        on_error: Callable[[CloudTrailProcessingError], None],
        gather: float = 0,
    ) -> None:
        """``on_messages`` takes what was received and when it was asked for; ``on_error`` is told of failed polls.

        ``gather`` seconds at most pass between the first permit that is free and a call for few messages: SQS is paid
        by calls, and each costs as much processor time as some hundred events. Never while a quarter are free.
        """
        self._queue = queue
        self._permits = asyncio.Semaphore(permits)
        self._quarter = permits // 4
        self._gather = gather
        self._gathering = asyncio.Lock()
        self._missing = 0
        self._enough = asyncio.Event()
        self._visibility = visibility
        self._clock = clock
        self._progress = progress
        self._backoff = backoff
        self._gate = gate
        self._on_messages = on_messages
        self._on_error = on_error
        self.batch = BATCH
        """Messages received at a time, at most; it may be changed while polls run."""
        self.empty_polls = 0
        """Empty answers in a row."""
        self.failed_polls = 0
        """Failed calls in a row."""
        self.last_error: CloudTrailProcessingError | None = None
        self.since: datetime = clock.now()
        """When polls began to fail, or to go well again; else when this was made. In UTC."""

    @property
    def trouble(self) -> str:
        """Why nothing can be received, in one line; empty when it can, or failed only once or twice."""
        if self.failed_polls < WORRYING:
            return ""
        return " ".join(f"{self.failed_polls} polls of the queue failed in a row: {self.last_error}".split())

    def give_back(self) -> None:
        """Return the permit of one message that is no longer in work."""
        self._permits.release()
        self._missing -= 1
        if self._missing <= 0:
            self._enough.set()

    async def poll(self, *, wait: float, stopping: asyncio.Event) -> None:
        """Receive until ``stopping`` is set; errors never end the loop.

        A running long poll is left to end by itself: SQS may still hand messages to a call that was cut off, and they
        would stay hidden for the whole visibility timeout.
        """
        while not stopping.is_set():
            async with self._gathering:  # or each poller would keep half of what is free from the other
                permits = await self._take_permits(self.batch, stopping)
            limit = 0 if stopping.is_set() else self._gate.admit(permits)
            received, pause = 0, 0.0
            try:
                if limit:
                    received, pause = await self._receive(limit, wait)
                    self._gate.received(received)
            finally:
                for _ in range(permits - received):
                    self._permits.release()
            if not limit:
                await first_of(self._gate.changed(), stopping.wait())
            elif pause > 0:
                await first_of(self._clock.sleep(pause), stopping.wait())

    async def _take_permits(self, most: int, stopping: asyncio.Event) -> int:
        """One permit for certain, and as many more as are free, or will be in a moment."""
        await self._permits.acquire()
        taken = 1 + await self._take_free(most - 1)
        self._missing = min(most, self._quarter) - taken
        if self._gather and self._missing > 0:
            self._enough.clear()
            await first_of(self._enough.wait(), self._clock.sleep(self._gather), stopping.wait())
            taken += await self._take_free(most - taken)
        return taken

    async def _take_free(self, most: int) -> int:
        taken = 0
        while taken < most and not self._permits.locked():
            await self._permits.acquire()
            taken += 1
        return taken

    async def _receive(self, limit: int, wait: float) -> tuple[int, float]:
        """How many messages were received, and for how many seconds the poller should rest now."""
        asked = self._clock.monotonic()
        try:
            with self._progress.step(ProgressState.POLL_QUEUE) as step:
                messages = await self._queue.receive(limit=limit, wait=wait, visibility=self._visibility)
                step.result(messages=len(messages))
        except Exception as error:  # noqa: BLE001 - a worker must outlive whatever one call met
            return 0, self._after_failure(error)
        if self.failed_polls:
            self.failed_polls, self.since = 0, self._clock.now()
        if messages:
            self.empty_polls = 0
            self._on_messages(messages, asked)
            return len(messages), 0
        self.empty_polls += 1
        return 0, SHORT - (self._clock.monotonic() - asked)

    def _after_failure(self, error: Exception) -> float:
        if isinstance(error, CloudTrailProcessingError):
            known = error
        else:
            known = TransientError(f"receiving met a foreign error: {type(error).__name__}: {error}; it is tried again")
            known.__cause__ = error
        if not self.failed_polls:
            self.since = self._clock.now()
        self.failed_polls += 1
        self.last_error = known
        self._on_error(known)
        return self._backoff.delay(self.failed_polls)
