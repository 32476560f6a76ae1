"""Real parts plugged in: ``run`` a worker until it is told to stop, or ``build`` one."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloudtrail_processing.assembly import limits_of, make_pipeline, opened, warnings
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.errors import (
    Claimed,
    CloudTrailProcessingError,
    ConfigurationError,
    ProcessorError,
    SettingsError,
)
from cloudtrail_processing.intake import GATHER
from cloudtrail_processing.parts import Parts, Processors, aws_options, processors_of
from cloudtrail_processing.ports import Checkpoint, DeadLetters, Queue
from cloudtrail_processing.progress import LoggingReporter
from cloudtrail_processing.proving import make_digests, make_rounds
from cloudtrail_processing.retry import DENIED, GIVE_BACK
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.signals import taken
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import Pace, Worker

logger = logging.getLogger(__name__)


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)


def run(
    processors: Processors | None = None,
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    **values: Any,
) -> None:
    """Run a worker until SIGTERM or Ctrl-C: then it finishes what is in hand; a second signal ends it at once.

    ``values`` are settings, as ``queue_url=…``. Without ``processors``, those named by the settings are made. Raises
    ``SettingsError`` or ``ConfigurationError`` before anything is received, and ``ProcessorError`` when a processor did
    not return within the grace time: its thread may then keep the interpreter from ending.
    """
    try:
        asyncio.run(_serve(processors, Settings.of(settings, **values), parts))
    except ConfigurationError as error:
        # What is wrong is in its text; fifty lines of frames, ours and a client's, would only hide it.
        raise error.with_traceback(None) from None


@asynccontextmanager
async def build(
    processors: Processors | None = None, *, settings: Settings, parts: Parts | None = None
) -> AsyncIterator[Worker]:
    """A worker with its real parts, which are closed at the end.

    ``async with build(MyProcessor(), settings=Settings.load()) as worker: await worker.drain()``
    """
    chosen = processors_of(processors, settings)
    user_code = UserCode()
    async with AsyncExitStack() as closing:
        parts = opened(settings, parts or Parts(), closing=closing)
        clock = SystemClock() if parts.clock is None else parts.clock
        circuit = Circuit(clock)
        digests = make_digests(chosen, settings=settings, parts=parts, user_code=user_code, limits=limits_of(settings))
        pipeline = make_pipeline(
            chosen,
            settings=settings,
            parts=parts,
            user_code=user_code,
            closing=closing,
            blocked=circuit.blocked,
            digests=digests,
        )
        dead_letters = _dead_letters(settings, parts, closing) if parts.dead_letters is None else parts.dead_letters
        yield Worker(
            queue=_queue(settings, parts, closing) if parts.queue is None else parts.queue,
            pipeline=pipeline,
            processors=chosen,
            user_code=user_code,
            clock=clock,
            circuit=circuit,
            concerns=[*warnings(settings), *await _unready(settings, parts, dead_letters)],
            pace=_pace(settings),
            reporter=LoggingReporter() if parts.reporter is None else parts.reporter,
            dead_letters=dead_letters,
            pool=parts.pool,
            rounds=make_rounds(digests, pipeline.process_log, parts=parts),
        )


async def _serve(processors: Processors | None, settings: Settings, parts: Parts | None) -> None:
    async with build(processors, settings=settings, parts=parts) as worker:
        with _signals(worker):
            await worker.run()
        if worker.stuck:
            raise ProcessorError(worker.why_stuck)


def _signals(worker: Worker) -> AbstractContextManager[None]:
    """While inside: the first signal stops the worker, the second ends the process at once.

    Nothing is lost by the second: what was in hand comes back when its visibility timeout is over.
    """
    loop = asyncio.get_running_loop()

    def stop() -> None:
        logger.warning(
            "stopping: no more messages are received; a second signal ends at once, and messages in hand come back "
            "after their visibility timeout"
        )
        worker.stop()

    return taken(lambda: loop.call_soon_threadsafe(stop), again=lambda number: os._exit(128 + number))


def _pace(settings: Settings) -> Pace:
    return Pace(
        threads=settings.threads,
        pollers=settings.pollers,
        wait_time=settings.wait_time,
        visibility_timeout=settings.visibility_timeout,
        grace_time=settings.grace_time,
        gather=GATHER,
        give_back=replace(GIVE_BACK, first=settings.retry_delay, cap=settings.max_retry_delay),
        denied=replace(DENIED, first=settings.denied_delay, cap=settings.max_denied_delay),
    )


def _queue(settings: Settings, parts: Parts, closing: AsyncExitStack) -> Queue:
    if settings.queue_url is None:
        raise SettingsError("no queue: set queue_url, or CLOUDTRAIL_PROCESSING_QUEUE_URL")
    return _opened_queue(settings.queue_url, settings, parts, closing)


def _dead_letters(settings: Settings, parts: Parts, closing: AsyncExitStack) -> DeadLetters | None:
    url = settings.dead_letter_url
    return None if url is None else _opened_queue(url, settings, parts, closing)


async def _unready(settings: Settings, parts: Parts, dead_letters: DeadLetters | None) -> list[str]:
    """What the settings name and cannot be used yet: better told at start than by the first message that needs it."""
    told = []
    if settings.checkpoint and parts.checkpoint:
        try:
            await asyncio.to_thread(_try, parts.checkpoint)
        except CloudTrailProcessingError as error:
            told.append(f"the checkpoint cannot be used yet, and without it no log is delivered: {error}")
    if settings.verify != "off" and parts.ledger:
        try:
            await asyncio.to_thread(parts.ledger.listed, "a try at start")
        except CloudTrailProcessingError as error:
            told.append(f"the integrity ledger cannot be used yet, and without it no log is delivered: {error}")
    if isinstance(dead_letters, SqsQueue):
        try:
            await dead_letters.info()
        except CloudTrailProcessingError as error:
            told.append(f"the dead-letter queue does not answer yet, and rejected messages stay until it does: {error}")
    return told


def _try(checkpoint: Checkpoint) -> None:
    with suppress(Claimed):  # another process tries it at this very moment
        checkpoint.release(checkpoint.claim("a try at start", processor="-"))


def _opened_queue(url: str, settings: Settings, parts: Parts, closing: AsyncExitStack) -> SqsQueue:
    queue = SqsQueue(url, aws_options(settings, parts), source=settings.queue_url or "")
    closing.push_async_callback(queue.close)
    return queue
