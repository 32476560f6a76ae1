"""Many messages at once: receiving, leases, settling, stopping. The control plane, on asyncio.

It never parses a log, so a lease is never extended late; the work itself runs in a bounded pool of threads.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from cloudtrail_processing.errors import CloudTrailProcessingError, TransientError
from cloudtrail_processing.flow import Delete, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.intake import Intake
from cloudtrail_processing.leases import Lease, Leases
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import Clock, Queue, QueueInfo
from cloudtrail_processing.processor import EventProcessor, Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressReporter
from cloudtrail_processing.retry import GIVE_BACK, POLL, Backoff
from cloudtrail_processing.settlement import settle
from cloudtrail_processing.settling import Settling
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)
T = TypeVar("T")

AFTER_GRACE = 5
"""Seconds for interrupted work to notice, and for the last settles."""
EMPTY_POLLS = 3
"""Empty answers in a row that make a queue look drained: SQS samples its servers, so one proves little."""
FAILED_POLLS = 5
"""Failed calls in a row that end a drain; a worker that runs goes on for ever."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker works. Times are in seconds.

    ``threads`` messages are worked on at once, and never more are received; ``pollers`` ask the queue for them.
    """

    threads: int = 16
    pollers: int = 2
    wait_time: float = 20
    visibility_timeout: int = 300
    grace_time: float = 25
    give_back: Backoff = GIVE_BACK
    poll_backoff: Backoff = POLL


class Worker:
    """Receives, works and settles until it is told to stop. Use one instance for one ``run`` or ``drain``."""

    def __init__(
        self,
        *,
        queue: Queue,
        pipeline: Pipeline,
        processors: Sequence[EventProcessor],
        user_code: UserCode,
        clock: Clock,
        pace: Pace | None = None,
        reporter: ProgressReporter | None = None,
        pool: Executor | None = None,
    ) -> None:
        """``pool`` runs the work; without one the worker makes its own of ``pace.threads`` threads."""
        self._pace = pace or Pace()
        self._queue = queue
        self._pipeline = pipeline
        self._processors = processors
        self._user_code = user_code
        self._clock = clock
        self._pool = pool or ThreadPoolExecutor(self._pace.threads, thread_name_prefix="data-plane")
        self._owns_pool = pool is None
        progress = Progress(reporter or ProgressReporter())
        self._leases = Leases(queue, visibility=self._pace.visibility_timeout, clock=clock)
        self._settling = Settling(queue, clock=clock, progress=progress, on_failure=pipeline.tell)
        self._intake = Intake(
            queue,
            permits=self._pace.threads,
            visibility=self._pace.visibility_timeout,
            clock=clock,
            progress=progress,
            backoff=self._pace.poll_backoff,
            on_messages=self._accept,
            on_error=lambda error: pipeline.tell(Failure(Stage.POLL, error)),
        )
        self._work: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._broken: Exception | None = None
        self.stuck = False
        """True when a processor did not return after the grace time: its thread may keep the process from ending."""

    def stop(self) -> None:
        """Stop receiving and finish what is in hand. To be called on the event loop's thread; may be called again."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stopping.is_set()

    async def run(self) -> None:
        """Work until ``stop`` is called; return when everything in hand is settled or given back.

        Raises ``ConfigurationError`` at once when the queue cannot be asked, and ``ProcessorError`` when a processor's
        ``start`` fails.
        """
        async with self._running(wait=min(self._pace.wait_time, max(1, self._pace.grace_time))):
            await self._stopping.wait()

    async def drain(self, *, patience: float = 0) -> QueueInfo:
        """Work until nothing is left to receive, then stop; the answer tells what the queue still holds.

        Messages that were given back for later, or that others hold, are waited for only for ``patience`` seconds.
        Raises what the queue raises when it cannot be polled several times in a row.
        """
        async with self._running(wait=min(1, self._pace.wait_time)):
            await self._until_idle(patience)
        return await self._queue.info()

    async def _until_idle(self, patience: float) -> None:
        idle_since: float | None = None
        while not self._stopping.is_set():
            await self._clock.sleep(0.1)
            now = self._clock.monotonic()
            if self._intake.last_error is not None and self._intake.failed_polls >= FAILED_POLLS:
                raise self._intake.last_error
            if self._work or self._intake.empty_polls < EMPTY_POLLS:
                idle_since = None
                continue
            idle_since = now if idle_since is None else idle_since
            if now - idle_since >= patience or (await self._queue.info()).is_empty:
                return

    # ── from receive to settle ──

    def _accept(self, messages: Sequence[QueueMessage], asked: float) -> None:
        """Start work on what was received; messages of one FIFO group one after the other."""
        units: dict[str, list[Lease]] = {}
        for lease in self._leases.take(messages, asked=asked):
            units.setdefault(lease.message.group or lease.message.receipt, []).append(lease)
        for unit in units.values():
            task = asyncio.create_task(self._work_through(unit))
            self._work.add(task)
            task.add_done_callback(self._work.discard)

    async def _work_through(self, unit: Sequence[Lease]) -> None:
        """Work on messages whose order matters: after the first that is not deleted, the rest goes back untouched."""
        in_order = True
        for lease in unit:
            if in_order and not self._stopping.is_set():
                verdict = await self._verdict(lease)
            else:
                verdict = Release("the worker stops, or an earlier message of the same group is not settled")
            self._intake.give_back()
            settled = await self._settle(lease, verdict)
            in_order = in_order and settled and isinstance(verdict, Delete)

    async def _verdict(self, lease: Lease) -> Verdict:
        delay = self._pace.give_back.delay(lease.message.receive_count)
        try:
            handled = await self._in_pool(lambda: self._pipeline.handle(lease.message, keep_going=lease.check))
        except Exception as error:
            logger.critical("the thread pool failed", exc_info=True)
            return Retry(after=delay, reason=f"the thread pool failed: {type(error).__name__}")
        return settle(handled, delay=delay)

    async def _settle(self, lease: Lease, verdict: Verdict) -> bool:
        """Carry the verdict out. Whoever changes a visibility must be the only one, so the lease goes first then."""
        _log(lease, verdict)
        lease.settling = True
        if isinstance(verdict, Delete):
            settled = await self._settling.settle(lease.message, verdict)
            await self._leases.drop(lease)
            return settled.done
        await self._leases.drop(lease)
        return bool(lease.lost) or (await self._settling.settle(lease.message, verdict)).done

    # ── life ──

    @asynccontextmanager
    async def _running(self, *, wait: float) -> AsyncIterator[None]:
        await self._introduce()
        started: list[EventProcessor] = []
        pollers: list[asyncio.Task[None]] = []
        background = [self._background(self._leases.keep()), self._background(self._settling.run())]
        try:
            for processor in self._processors:
                await self._call(f"start of {processor.name}", processor.start)
                started.append(processor)
            poll = self._intake.poll
            pollers += [self._background(poll(wait=wait, stopping=self._stopping)) for _ in range(self._pace.pollers)]
            yield
        finally:
            self._stopping.set()
            await self._finish(pollers)
            await _end(background)
            await self._stop_processors(started)
            self._user_code.close()
            if self._owns_pool:
                self._pool.shutdown(wait=False)
        if self._broken is not None:
            raise self._broken

    async def _introduce(self) -> None:
        """Ask the queue about itself: a wrong name or a missing permission should end the worker before it starts."""
        try:
            info = await self._queue.info()
        except TransientError as error:
            logger.warning("cannot ask the queue about itself yet: %s", error)
            return
        if info.dead_letter_arn is None:
            logger.warning(
                "the queue has no redrive policy: a message that can never be processed comes back until its retention "
                "ends, and is lost then; give the queue a dead-letter queue"
            )

    def _background(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose unexpected death ends the worker, loudly, instead of leaving it half alive."""

        async def watched() -> None:
            try:
                await coroutine
            except Exception as error:
                logger.critical("the worker stops because of a bug", exc_info=True)
                self._broken = error
                self._stopping.set()

        return asyncio.create_task(watched())

    async def _finish(self, pollers: Sequence[asyncio.Task[None]]) -> None:
        """Stop in order: receive nothing more, finish within the grace time, interrupt, give back what is left."""
        if await self._wait_for(pollers, self._pace.grace_time):
            logger.warning("the grace time is over: interrupting work on %d message(s)", len(self._work))
            await _end(pollers)
            self._leases.stop_work()
            self.stuck = bool(await self._wait_for([], AFTER_GRACE))
        for lease in self._leases.working() if self.stuck else ():
            logger.error("message %s: its processor does not return; it is given back", lease.message.message_id)
            await self._settle(lease, Release("the worker stops and a processor did not return"))

    async def _wait_for(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> bool:
        """Wait until the tasks and all work are done; True when the time was over first."""
        timer = asyncio.create_task(self._clock.sleep(seconds))
        while (pending := {task for task in (*tasks, *self._work) if not task.done()}) and not timer.done():
            await asyncio.wait({*pending, timer}, return_when=asyncio.FIRST_COMPLETED)
        await _end([timer])
        return bool(pending)

    async def _stop_processors(self, started: Sequence[EventProcessor]) -> None:
        if self.stuck:
            logger.error("stop() of the processors is not called, because one of them is still at work")
            return
        for processor in reversed(started):
            try:
                await self._call(f"stop of {processor.name}", processor.stop)
            except CloudTrailProcessingError:
                logger.exception("a processor failed to stop; its messages are settled all the same")

    async def _call(self, what: str, hook: Callable[[], object]) -> None:
        await self._in_pool(lambda: self._user_code.call(what, hook))

    async def _in_pool(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _log(lease: Lease, verdict: Verdict) -> None:
    name = lease.message.message_id
    match verdict:
        case Delete():
            logger.debug("message %s is settled", name)
        case Retry(after, reason):
            logger.warning("message %s goes back for %.0f s: %s", name, after, reason)
        case Reject(after, reason):
            logger.error("message %s is rejected: %s; it stays for the queue's redrive policy", name, reason)
        case Release(reason):
            logger.info("message %s is given back at once: %s", name, reason)
