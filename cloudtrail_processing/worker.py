"""Many messages at once: receiving, leases, settling, stopping. The control plane, on asyncio.

It never parses a log, so a lease is never extended late; the work itself runs in a bounded pool of threads.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.hooks import Hooks
from cloudtrail_processing.idle import Idle
from cloudtrail_processing.intake import Intake
from cloudtrail_processing.introduction import Introduction, batch_of
from cloudtrail_processing.leases import Leases
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import Clock, DeadLetters, Queue, QueueInfo
from cloudtrail_processing.processor import EventProcessor, Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressReporter
from cloudtrail_processing.retry import DENIED, GIVE_BACK, POLL, PROBE, Backoff, within
from cloudtrail_processing.settling import Settling
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.verification import Rounds
from cloudtrail_processing.work import Work, end

logger = logging.getLogger(__name__)

AFTER_GRACE = 5
"""Seconds for interrupted work to notice, and for the last settles."""

_PROCESSOR_STUCK = "a processor did not return within the grace time; its messages were given back"
_PROBE_STUCK = (
    "a request for a log, to see whether work can go on, has not come to an end: no message was in hand for it; see "
    "whether its bucket can be reached"
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How a worker works. Times are in seconds.

    ``threads`` messages are worked on at once, and never more are received; ``pollers`` ask the queue for them, and
    wait up to ``gather`` while they could take few.
    """

    threads: int = 64
    pollers: int = 2
    wait_time: float = 20
    visibility_timeout: int = 300
    grace_time: float = 20
    gather: float = 0
    give_back: Backoff = GIVE_BACK
    denied: Backoff = DENIED
    poll_backoff: Backoff = POLL


class Worker:
    """Receives, works and settles until it is told to stop. Use one instance for one ``run`` or ``drain``."""

    def __init__(
        self,
        *,
        queue: Queue,
        pipeline: Pipeline,
        processors: Sequence[EventProcessor[Any]],
        user_code: UserCode,
        clock: Clock,
        pace: Pace | None = None,
        reporter: ProgressReporter | None = None,
        pool: Executor | None = None,
        dead_letters: DeadLetters | None = None,
        circuit: Circuit | None = None,
        concerns: Sequence[str] = (),
        rounds: Rounds | None = None,
    ) -> None:
        """Without ``pool`` it makes its own; without ``dead_letters`` rejects stay; ``circuit`` is the pipeline's.

        ``rounds`` looks for digests.
        """
        self._pace = pace or Pace()
        self._queue = queue
        self._processors = processors
        self._user_code = user_code
        self._clock = clock
        self._owns_pool = pool is None
        self._pool = ThreadPoolExecutor(self._pace.threads, "data-plane") if pool is None else pool
        self._circuit = Circuit(clock) if circuit is None else circuit
        self._probe, self._rounds = pipeline.probe, rounds
        self._stopping, self._stopped_at = asyncio.Event(), clock.now()
        progress = Progress(ProgressReporter() if reporter is None else reporter)
        self._leases = Leases(queue, visibility=self._pace.visibility_timeout, clock=clock)
        patience = max(self._pace.grace_time, AFTER_GRACE)
        self._hooks = Hooks(
            processors, user_code=user_code, pool=self._pool, clock=clock, patience=patience, tell=pipeline.tell
        )
        tell = self._hooks.tell
        self._settling = Settling(queue, clock=clock, progress=progress, on_failure=tell, dead_letters=dead_letters)
        self._intake = self._make_intake(progress)
        self._work = Work(
            pipeline.handle,
            pool=self._pool,
            leases=self._leases,
            settling=self._settling,
            delays=self._pace.give_back,
            denied=self._pace.denied,
            stopping=self._stopping,
            give_back=self._intake.give_back,
            on_handled=self._circuit.observe,
            on_broken=self._break,
        )
        self._introduction = Introduction(
            queue, clock=clock, backoff=PROBE, copies=self._settling.copies, known=self._know, also=concerns
        )
        self._used, self._longest_poll = False, 0.0
        self._broken: BaseException | None = None
        self.why_stuck = ""
        """What did not return after the grace time, and what became of its messages; empty when all did."""

    def _make_intake(self, progress: Progress) -> Intake:
        intake = Intake(
            self._queue,
            permits=self._pace.threads,
            visibility=self._pace.visibility_timeout,
            clock=self._clock,
            progress=progress,
            backoff=self._pace.poll_backoff,
            gate=self._circuit,
            on_messages=lambda messages, asked: self._work.accept(messages, asked),
            on_error=lambda error: self._hooks.tell(Failure(Stage.POLL, error)),
            gather=self._pace.gather,
        )
        intake.batch = 1  # until it is known that the queue is not FIFO
        return intake

    def stop(self) -> None:
        """Stop receiving and finish what is in hand. To be called on the event loop's thread; may be called again."""
        if not self._stopping.is_set():
            self._stopped_at = self._clock.now()
            self._work.polls_end = self._clock.monotonic() + self._longest_poll
            self._stopping.set()

    @property
    def stopping(self) -> bool:
        """True once a stop was asked for."""
        return self._stopping.is_set()

    @property
    def stuck(self) -> bool:
        """True when something did not return after the grace time: its thread may keep the process from ending."""
        return bool(self.why_stuck)

    @property
    def in_hand(self) -> int:
        """How many messages were received and have no verdict in effect yet."""
        return len(self._leases)

    @property
    def health(self) -> Health:
        """How the worker is now."""
        circuit, intake = self._circuit, self._intake
        if self._stopping.is_set():
            return Health(HealthState.STOPPING, "", self._stopped_at)
        if circuit.is_paused:
            return Health(HealthState.PAUSED, circuit.why, circuit.since)
        if intake.trouble:
            return Health(HealthState.FAILING, intake.trouble, intake.since)
        return Health(HealthState.OK, circuit.why, max(circuit.since, intake.since))

    async def run(self) -> None:
        """Work until ``stop`` is called; return when everything in hand is settled or given back.

        Raises ``ConfigurationError`` at once when the queue cannot be asked, ``ProcessorError`` when a processor's
        ``start`` fails, and what ended the worker when that was a bug.
        """
        async with self._running(wait=min(self._pace.wait_time, max(1, self._pace.grace_time))):
            await self._stopping.wait()

    async def drain(self, *, patience: float = 0) -> QueueInfo:
        """Work until nothing is left to receive, then stop; the answer tells what the queue still holds.

        Messages that were given back for later, or that others hold, are waited for only for ``patience`` seconds.
        Raises as ``run`` does, and what the queue raises when it cannot be polled several times in a row.
        """
        async with self._running(wait=min(1, self._pace.wait_time)):
            idle = Idle(
                self._queue,
                clock=self._clock,
                intake=self._intake,
                circuit=self._circuit,
                is_busy=lambda: bool(self._work.tasks) or (self._rounds is not None and self._rounds.is_looking),
            )
            await idle.reached(patience=patience, stopping=self._stopping)
        return await self._queue.info()

    @asynccontextmanager
    async def _running(self, *, wait: float) -> AsyncIterator[None]:
        if self._used:
            raise RuntimeError("a worker runs or drains once: build another one")
        self._used, self._longest_poll = True, wait
        pollers: list[asyncio.Task[None]] = []
        background: list[asyncio.Task[None]] = []
        try:
            await self._introduction.begin()
            probes = self._circuit.run(self._probe, pool=self._pool, stopping=self._stopping)
            others = (self._leases.keep(), self._settling.run(), self._introduction.repeat())
            background += [self._background(it) for it in (probes, *others)]
            await self._hooks.start(self._stopping)
            if self._rounds is not None:  # only now may a processor be told anything
                background.append(self._background(self._rounds.run(clock=self._clock, stopping=self._stopping)))
            self._tell_that_it_receives()
            polls = [self._intake.poll(wait=wait, stopping=self._stopping) for _ in range(self._pace.pollers)]
            pollers += [self._background(poll) for poll in polls]
            yield
        finally:
            self.stop()
            try:
                await self._finish(pollers)
            finally:
                await end([*pollers, *self._work.tasks, *background])
                await self._close()
        if self._broken is not None:
            raise self._broken

    def _know(self, info: QueueInfo) -> None:
        self._work.retention = info.retention
        self._intake.batch = batch_of(info)

    def _background(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task whose unexpected death ends the worker, loudly, instead of leaving it half alive."""

        async def watched() -> None:
            try:
                await coroutine
            except Exception as error:  # noqa: BLE001 - it is raised when the worker has ended
                self._break(error, "a part of the worker")

        return asyncio.create_task(watched())

    def _break(self, error: BaseException, what: str) -> None:
        logger.critical("%s failed: the worker stops", what, exc_info=error)
        self._broken = self._broken or error
        self.stop()

    async def _finish(self, pollers: Sequence[asyncio.Task[None]]) -> None:
        """Stop in order: receive nothing more, finish within the grace time, interrupt, give back what is left."""
        if await self._wait_for(pollers, self._pace.grace_time):
            logger.warning("the grace time is over: interrupting work on %d message(s)", len(self._leases.working()))
            await end(pollers)
            self._leases.stop_work()
            await self._wait_for([], AFTER_GRACE)
        try:
            await within(AFTER_GRACE, self._work.abandon(), clock=self._clock)
        except TimeoutError:
            logger.error(  # noqa: TRY400 - what hung was a call of the queue's
                "messages could not be given back in time; they come back when their visibility timeout is over"
            )
        await self._circuit.let_go(patience=AFTER_GRACE)

    async def _wait_for(self, tasks: Iterable[asyncio.Task[None]], seconds: float) -> bool:
        """Wait until the tasks and all work are done; True when the time was over first."""
        timer = asyncio.create_task(self._clock.sleep(seconds))
        try:
            while (pending := {task for task in (*tasks, *self._work.tasks) if not task.done()}) and not timer.done():
                await asyncio.wait({*pending, timer}, return_when=asyncio.FIRST_COMPLETED)
            return bool(pending)
        finally:
            timer.cancel()

    def _tell_that_it_receives(self) -> None:
        if not self._stopping.is_set():
            names, pace = ", ".join(processor.name for processor in self._processors), self._pace
            logger.info("receiving for %s: %d thread(s), %d poller(s)", names, pace.threads, pace.pollers)

    async def _close(self) -> None:
        at_work = self._work.is_stuck or self._hooks.stuck
        try:
            if at_work:
                logger.error("stop() of the processors is not called, because one of them is still at work")
            else:
                await self._hooks.stop()
            await self._hooks.close()
            await asyncio.to_thread(self._user_code.close)
        except TimeoutError:
            logger.exception("async user code does not end: it blocks its event loop")
        finally:
            if at_work or self._hooks.stuck:
                self.why_stuck = _PROCESSOR_STUCK
            elif self._circuit.is_probing:
                self.why_stuck = _PROBE_STUCK
            if self._owns_pool:
                self._pool.shutdown(wait=False)
