"""Random plans of faults over the real worker and pipeline: deleted only if delivered, and all that is good delivered.

A plan is data from a seed: what lies in the queue, what every call of queue and store and every batch meets, and when
the worker is stopped or dies. Each seed is a test of its own, so that a plan that fails can be run again alone.
"""

import asyncio
import functools
import gzip
import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from bench import BUCKET, Bench, Inline, Recorder, finished, ids_of, key_of, log_of

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    LogGone,
    Refuse,
    RetryLater,
    TransientError,
)
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.ports import EntryFailure, QueueInfo
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import Duplicate, FailEntries, Faults, Flipped, LostResponse, ManualClock, Truncated
from cloudtrail_processing.testing.faults import Fault
from cloudtrail_processing.testing.generator import messages
from cloudtrail_processing.worker import Pace, Worker

PLANS = 240
EMPTY_LOG = gzip.compress(b'{"Records":[]}')
HALF_BAD_LOG = gzip.compress(b'{"Records":[null,' + gzip.decompress(log_of("half-bad", 2))[len(b'{"Records":[') :])


@dataclass
class Content:
    """What a message must bring about before it may be deleted; ``may_go`` is False for what must never be."""

    ids: frozenset[str] = frozenset()
    may_go: bool = True


class Plan:
    """What the dice of one seed say."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.dice.random() < probability

    def pace(self) -> Pace:
        threads = self.dice.randint(1, 8)
        return Pace(
            threads=threads,
            pollers=self.dice.randint(1, min(3, threads)),
            wait_time=self.dice.choice([0, 1, 20]),
            visibility_timeout=self.dice.choice([10, 30, 300]),
            grace_time=self.dice.choice([0, 2, 25]),
            give_back=Backoff(first=1, cap=4),
            denied=Backoff(first=1, cap=4),
            poll_backoff=Backoff(first=0.5, cap=4),
        )

    def error(self) -> Exception:
        return self.dice.choice([TransientError, ConfigurationError, RuntimeError, OSError])("a fault of the plan")

    def queue_faults(self, operation: str) -> list[Fault]:
        return [self.queue_fault(operation) if self.chance(0.4) else None for _ in range(self.dice.randint(0, 25))]

    def queue_fault(self, operation: str) -> Fault:
        if self.chance(0.4):
            return self.error()
        if self.chance(0.4):
            return LostResponse(self.error())
        if operation == "receive":
            return Duplicate()
        hit = tuple(number for number in range(10) if self.chance(0.3)) or (0,)
        return FailEntries(hit, gone=self.chance(0.3))

    def store_faults(self) -> list[Fault]:
        return [self.store_fault() for _ in range(self.dice.choice([0, 0, 0, 1, 2, 3]))]

    def store_fault(self) -> Fault:
        size, offset = self.dice.randint(0, 60), self.dice.randint(-8, 30)
        return self.dice.choice([self.error(), LogGone("not yet"), Truncated(size), Flipped(offset), None])

    def batch_error(self) -> BaseException:
        errors = [ValueError("a bug"), RetryLater(after=self.dice.choice([0, 3, -1])), Refuse("no"), SystemExit(1)]
        return self.dice.choice(errors)


class Slow(Inline):
    """Work takes its time, by the clock: leases must be kept meanwhile, and a stop may come before it.

    Hooks take none: one that takes longer than the grace time would rightly be called stuck.
    """

    def __init__(self, plan: Plan, clock: ManualClock) -> None:
        self._plan = plan
        self._clock = clock

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        if not isinstance(fn, functools.partial):  # only work on messages comes as one
            return super().submit(fn, *args, **kwargs)
        future: Future[Any] = Future()

        async def later() -> None:
            await self._clock.sleep(self._plan.dice.choice([0, 0.5, 4, 12, 28]))
            if future.set_running_or_notify_cancel():
                future.set_result(fn(*args, **kwargs))

        self._task = asyncio.ensure_future(later())
        return future


class Watched:
    """The queue as the worker sees it; notes every delete that was asked for without evidence."""

    def __init__(self, trial: "Trial") -> None:
        self._trial = trial
        self._queue = trial.bench.queue

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        return await self._queue.receive(limit=limit, wait=wait, visibility=visibility)

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        for message in messages:
            if not self._trial.may_be_deleted(message.message_id):
                self._trial.violations.append(message.message_id)
        return await self._queue.delete(messages)

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        return await self._queue.change_visibility(changes)

    async def info(self) -> QueueInfo:
        return await self._queue.info()


class Trial:
    """One plan carried out."""

    def __init__(self, seed: int) -> None:
        self.plan = Plan(seed)
        operations = ("receive", "delete", "change_visibility", "info")
        faults = {name: self.plan.queue_faults(name) for name in operations}
        faults["info"] = [fault for fault in faults["info"][:4] if fault is None or isinstance(fault, Exception)]
        names = [f"log{number}" for number in range(self.plan.dice.randint(1, 20))]
        self.bench = Bench(
            fifo=self.plan.chance(0.25),
            pace=self.plan.pace(),
            batch_size=self.plan.dice.randint(1, 4),
            faults=Faults(**faults),
            store_faults=Faults(**{key_of(name): self.plan.store_faults() for name in names}),
        )
        if self.plan.chance(0.3):
            self.bench.pool = Slow(self.plan, self.bench.clock)
        self.contents: dict[str, Content] = {}
        self.violations: list[str] = []
        self.worker: Worker | None = None
        self.lanes = [Recorder(self._lane()), Recorder(self._lane())]
        self._fill(names)

    def _lane(self) -> Any:
        """What one processor does: fails at some batches, dawdles at others, has the worker stopped at a few."""
        trouble = {number for number in range(60) if self.plan.chance(0.15)}
        seen: Counter[None] = Counter()

        def act(_: EventBatch) -> None:
            seen[None] += 1
            if seen[None] not in trouble:
                return
            if self.plan.chance(0.2):
                self.bench.clock.advance(self.plan.dice.choice([1, 12, 40]))
            elif self.plan.chance(0.1) and self.worker is not None:
                self.worker.stop()
            else:
                raise self.plan.batch_error()

        return act

    def _fill(self, names: list[str]) -> None:
        bench, plan = self.bench, self.plan
        bench.store.put(BUCKET, key_of("empty"), EMPTY_LOG)
        bench.store.put(BUCKET, key_of("bad"), b"\x1f\x8b no log at all")
        bench.store.put(BUCKET, key_of("half"), HALF_BAD_LOG)
        waiting = list(names)
        while waiting:
            several, waiting = waiting[: (size := plan.dice.randint(1, 3))], waiting[size:]
            counts = {name: plan.dice.randint(1, 6) for name in several}
            logs = [bench.store.put(BUCKET, key_of(name), log_of(name, count)) for name, count in counts.items()]
            ids = frozenset(known for name, count in counts.items() for known in ids_of(name, count))
            self._send(messages.s3_event(*logs), Content(ids))
        stored = {log.key: log for log in bench.store.logs()}
        if plan.chance(0.5):
            self._send(messages.s3_event(stored[key_of("empty")]), Content())
            self._send(messages.s3_test_event(), Content())
        if plan.chance(0.3):
            self._send("of no known shape", Content(may_go=False))
        if plan.chance(0.3):
            self._send(messages.s3_event(stored[key_of("bad")]), Content(may_go=False))
        if plan.chance(0.3):
            self._send(messages.s3_event(stored[key_of("half")]), Content(may_go=False))

    def _send(self, body: str, content: Content) -> None:
        # Each in a group of its own on FIFO, or else a bad message would rightly hold back the good ones for ever.
        group = f"group{len(self.contents)}" if not content.may_go else self.plan.dice.choice(["a", "b"])
        self.contents[self.bench.queue.send(body, group=group)] = content

    def may_be_deleted(self, message_id: str) -> bool:
        content = self.contents[message_id]
        return content.may_go and all(content.ids <= set(lane.taken) for lane in self.lanes)

    async def run(self) -> None:
        for _ in range(self.plan.dice.randint(0, 4)):
            await self._generation(seconds=self.plan.dice.choice([0.1, 1, 7, 30]))
        for _ in range(40):
            if self.is_over():
                return
            await self._generation(seconds=60)

    def is_over(self) -> bool:
        return self.bench.queue.messages_left == sum(not content.may_go for content in self.contents.values())

    async def _generation(self, *, seconds: float) -> None:
        """One worker's life: it runs so long, then is stopped, or dies without a word."""
        self.worker = self.bench.worker(*self.lanes, queue=Watched(self))
        running = asyncio.ensure_future(self.worker.run())
        await self.bench.clock.elapse(seconds)
        if self.plan.chance(0.2):
            for _ in range(2):
                running.cancel()
                await asyncio.sleep(0)
            with suppress(asyncio.CancelledError, CloudTrailProcessingError, RuntimeError, OSError):
                await finished(running, self.bench.clock)
            return
        self.worker.stop()
        with suppress(CloudTrailProcessingError, RuntimeError, OSError):  # the queue could not be asked at the start
            await finished(running, self.bench.clock)
        assert self.worker.in_hand == 0
        assert self.worker._intake._permits._value == self.bench.pace.threads
        assert not self.worker.stuck


@pytest.mark.parametrize("seed", range(PLANS))
def test_what_is_deleted_was_delivered_and_in_the_end_everything_good_is(seed: int) -> None:
    random.seed(seed)  # for the jitter
    trial = Trial(seed)
    asyncio.run(trial.run())
    assert trial.violations == []
    assert trial.is_over(), "something good is still in the queue"
    wanted = set().union(*(content.ids for content in trial.contents.values()))
    for lane in trial.lanes:
        assert wanted <= set(lane.taken)
    deleted = {action.message_id for action in trial.bench.queue.history if action.what == "deleted"}
    assert all(trial.may_be_deleted(message) for message in deleted)


def test_the_plans_do_bring_about_what_they_are_for() -> None:
    """Plans that hurt nobody would prove nothing."""
    seen: Counter[str] = Counter()
    for seed in range(40):
        trial = Trial(seed)
        asyncio.run(trial.run())
        seen.update(action.what for action in trial.bench.queue.history)
        seen.update(type(failure.error).__name__ for failure in trial.bench.heard.failures)
        seen.update(str(failure.stage) for failure in trial.bench.heard.failures)
        seen["delivered again"] += len(trial.lanes[0].taken) - len(set(trial.lanes[0].taken))
    happened = {name for name, count in seen.items() if count}
    assert {"refused", "visibility", "delivered again"} <= happened
    assert {"LeaseLost", "Stopped", "CorruptLog", "LogGone", "ConfigurationError", "TransientError"} <= happened
    assert {"ProcessorError", "RetryLater", "Refuse", "NotificationError", "RejectedRecords"} <= happened
    assert {"poll", "fetch", "parse", "process", "settle"} <= happened
