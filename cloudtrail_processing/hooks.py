"""User code that the control plane calls: never on its own event loop, and never waited for without end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

from cloudtrail_processing.ports import Clock
from cloudtrail_processing.processor import EventProcessor, Failure
from cloudtrail_processing.retry import within
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)

UNTOLD = 100
"""Failures that may wait for an exception handler that is slow; it is not told of more."""


class Hooks:
    """Starts and stops the processors, and tells an exception handler what concerns no work in hand."""

    def __init__(
        self,
        processors: Sequence[EventProcessor[Any]],
        *,
        user_code: UserCode,
        pool: Executor,
        clock: Clock,
        patience: float,
        tell: Callable[[Failure], object],
    ) -> None:
        """``patience`` is in seconds: for a ``start`` after a stop was asked for, and for each ``stop``.

        ``tell`` is called in a thread of its own, one failure after the other.
        """
        self._processors = processors
        self._user_code = user_code
        self._pool = pool
        self._clock = clock
        self._patience = patience
        self._tell = tell
        self._teller = ThreadPoolExecutor(1, thread_name_prefix="failures")
        self._untold: set[asyncio.Future[object]] = set()
        self._started: list[EventProcessor[Any]] = []
        self.stuck = False
        """True when a hook did not return in time: its thread may keep the process from ending."""

    async def start(self, stopping: asyncio.Event) -> None:
        """Start every processor, or no further one once a stop was asked for. Raises what a ``start`` raises."""
        for processor in self._processors:
            if stopping.is_set():
                return
            what = f"start of {processor.name}"
            starting = asyncio.ensure_future(self._call(what, processor.start))
            await _first_of(starting, stopping)
            if await self._in_time(what, starting):
                self._started.append(processor)

    async def stop(self) -> None:
        """Stop what was started, the last one first; what fails or hangs does not keep the others from it."""
        for processor in reversed(self._started):
            what = f"stop of {processor.name}"
            try:
                await self._in_time(what, self._call(what, processor.stop))
            except Exception:
                logger.exception("a processor failed to stop; its messages are settled all the same")

    def tell(self, failure: Failure) -> None:
        """Hand a failure to the exception handler, without waiting for it."""
        if len(self._untold) >= UNTOLD:
            logger.error("the exception handler is too slow to be told: stage %s: %s", failure.stage, failure.error)
            return
        telling = asyncio.get_running_loop().run_in_executor(self._teller, self._tell, failure)
        self._untold.add(telling)
        telling.add_done_callback(self._untold.discard)

    async def close(self, *, patience: float = 5) -> None:
        """Let the exception handler hear what it was not told yet, for ``patience`` seconds of real time at most."""
        try:
            if self._untold and (await asyncio.wait(set(self._untold), timeout=patience))[1]:
                self.stuck = True
                logger.error(
                    "the exception handler does not return; it is not told of %d failure(s)", len(self._untold)
                )
        finally:
            self._teller.shutdown(wait=False, cancel_futures=True)

    async def _call(self, what: str, hook: Callable[[], object]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._pool, lambda: self._user_code.call(what, hook))

    async def _in_time(self, what: str, running: Awaitable[object]) -> bool:
        """True when it has ended; what it raises is raised."""
        try:
            await within(self._patience, running, clock=self._clock)
        except TimeoutError:
            self.stuck = True
            logger.error("%s does not return within %.0f s: it is left behind", what, self._patience)  # noqa: TRY400
            return False
        return True


async def _first_of(work: "asyncio.Future[Any]", event: asyncio.Event) -> None:
    """Return when either is over; cancels the work when this is cancelled."""
    waiting: asyncio.Future[Any] = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        work.cancel()
        raise
    finally:
        waiting.cancel()
