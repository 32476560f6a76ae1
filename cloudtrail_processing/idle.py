"""Is there anything left to do? For a worker that ends by itself when its queue is empty."""

import asyncio
import logging
from collections.abc import Callable

from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.intake import Intake
from cloudtrail_processing.ports import Clock, Queue

logger = logging.getLogger(__name__)

EMPTY_POLLS = 3
"""Empty answers in a row that make a queue look drained: SQS samples its servers, so one proves little."""
FAILED_POLLS = 5
"""Failed calls in a row that end a drain; a worker that runs goes on for ever."""
FAILED_TRIES = 2
"""Vain attempts to go on, after nothing worked any more, that end a drain; a worker that runs goes on for ever."""


class Idle:
    """Watches a worker until it has nothing left to do, or cannot do it."""

    def __init__(
        self, queue: Queue, *, clock: Clock, intake: Intake, circuit: Circuit, is_busy: Callable[[], bool]
    ) -> None:
        """``is_busy`` is True while anything is in hand."""
        self._queue = queue
        self._clock = clock
        self._intake = intake
        self._circuit = circuit
        self._is_busy = is_busy

    async def reached(self, *, patience: float, stopping: asyncio.Event) -> None:
        """Return when nothing is left to receive, or ``stopping`` is set.

        Messages that are hidden are waited for only for ``patience`` seconds. Raises what keeps failing.
        """
        idle_since: float | None = None
        while not stopping.is_set():
            await self._clock.sleep(0.1 if idle_since is None else min(1, patience))
            self._raise_what_keeps_failing()
            if self._is_busy() or self._intake.empty_polls < EMPTY_POLLS:
                idle_since = None
                continue
            now = self._clock.monotonic()
            idle_since = now if idle_since is None else idle_since
            if now - idle_since >= patience or await self._is_empty():
                return

    def _raise_what_keeps_failing(self) -> None:
        if self._intake.last_error is not None and self._intake.failed_polls >= FAILED_POLLS:
            raise self._intake.last_error
        if self._circuit.error is not None and self._circuit.failed_tries >= FAILED_TRIES:
            raise self._circuit.error

    async def _is_empty(self) -> bool:
        try:
            return (await self._queue.info()).is_empty
        except TransientError as error:
            logger.warning("cannot ask the queue whether it is empty: %s", error)
            return False
