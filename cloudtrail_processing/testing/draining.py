"""A real worker on a queue and a store in memory, until the queue has nothing more to give."""

import asyncio
from dataclasses import replace
from typing import Any

from cloudtrail_processing.app import build
from cloudtrail_processing.parts import Parts, Processors
from cloudtrail_processing.ports import LogStore, QueueInfo
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing.clock import ManualClock
from cloudtrail_processing.testing.queue import FakeQueue
from cloudtrail_processing.testing.store import FakeLogStore
from cloudtrail_processing.worker import Worker

_STEP = 0.05


def drain(
    processors: Processors,
    *,
    queue: FakeQueue,
    store: LogStore,
    parts: Parts | None = None,
    patience: float = 0,
    **values: Any,
) -> QueueInfo:
    """Run a worker over ``queue`` and ``store`` as ``Worker.drain`` does; the answer tells what the queue still holds.

    With the queue's own ``ManualClock`` time passes by itself, some fifty times faster than real: waiting for
    a visibility timeout costs a test nothing. ``values`` are settings; ``patience`` is in seconds of the clock.
    """
    chosen = replace(parts or Parts(), queue=queue, store=store, clock=queue.clock)
    if chosen.listing is None and isinstance(store, FakeLogStore):
        chosen = replace(chosen, listing=store.listed)
    return asyncio.run(_drain(processors, settings=Settings.load(**values), parts=chosen, patience=patience))


async def _drain(processors: Processors, *, settings: Settings, parts: Parts, patience: float) -> QueueInfo:
    async with build(processors, settings=settings, parts=parts) as worker:
        return await _in_passing_time(worker, clock=parts.clock, patience=patience)


async def _in_passing_time(worker: Worker, *, clock: object, patience: float) -> QueueInfo:
    draining = asyncio.create_task(worker.drain(patience=patience))
    while isinstance(clock, ManualClock) and not draining.done():
        await asyncio.sleep(_STEP / 50)
        await clock.elapse(_STEP)
    return await draining
