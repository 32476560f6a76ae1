"""Receiving: several pollers, a permit before each message, and patience with errors."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.ports import Clock, Queue
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.retry import Backoff

logger = logging.getLogger(__name__)

BATCH = 10
"""Messages in one receive call at most."""
SHORT = 0.5
"""Seconds to rest when a poll came back empty at once, although it should have waited."""


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
        on_messages: Callable[[Sequence[QueueMessage], float], None],
        on_error: Callable[[CloudTrailProcessingError], None],
    ) -> None:
        """``on_messages`` takes what was received and when it was asked for; ``on_error`` is told of failed polls."""
        self._queue = queue
        self._permits = asyncio.Semaphore(permits)
        self._visibility = visibility
        self._clock = clock
        self._progress = progress
        self._backoff = backoff
        self._on_messages = on_messages
        self._on_error = on_error
        self.empty_polls = 0
        """Empty answers in a row."""
        self.failed_polls = 0
        """Failed calls in a row."""
        self.last_error: CloudTrailProcessingError | None = None

    def give_back(self) -> None:
        """Return the permit of one message that is no longer in work."""
        self._permits.release()

    async def poll(self, *, wait: float, stopping: asyncio.Event) -> None:
        """Receive until ``stopping`` is set; errors slow the loop down and never end it.

        A running long poll is left to end by itself: SQS may still hand messages to a call that was cut off, and they
        would stay hidden for the whole visibility timeout.
        """
        while not stopping.is_set():
            permits = await self._take_permits()
            received = 0
            try:
                if not stopping.is_set():
                    received = await self._receive(permits, wait)
            except CloudTrailProcessingError as error:
                self.failed_polls += 1
                self.last_error = error
                self._on_error(error)
            finally:
                for _ in range(permits - received):
                    self._permits.release()
            if self.failed_polls:
                await self._rest(self._backoff.delay(self.failed_polls), stopping)

    async def _take_permits(self) -> int:
        """One permit for certain, and as many more as are free, up to a full receive."""
        await self._permits.acquire()
        taken = 1
        while taken < BATCH and not self._permits.locked():
            await self._permits.acquire()
            taken += 1
        return taken

    async def _receive(self, limit: int, wait: float) -> int:
        asked = self._clock.monotonic()
        with self._progress.step(ProgressState.POLL_QUEUE) as step:
            messages = await self._queue.receive(limit=limit, wait=wait, visibility=self._visibility)
            step.result(messages=len(messages))
        self.failed_polls = 0
        self.empty_polls = 0 if messages else self.empty_polls + 1
        if messages:
            self._on_messages(messages, asked)
        elif self._clock.monotonic() - asked < min(wait, SHORT):
            await self._clock.sleep(SHORT)
        return len(messages)

    async def _rest(self, seconds: float, stopping: asyncio.Event) -> None:
        resting = asyncio.create_task(self._clock.sleep(seconds))
        stopped = asyncio.create_task(stopping.wait())
        try:
            await asyncio.wait({resting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            resting.cancel()
            stopped.cancel()
