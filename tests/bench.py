"""A worker over fakes: time is a manual clock's, and work runs on the loop's own thread unless a pool is given."""

import asyncio
import gzip
import itertools
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.delivery import Delivery, Lane
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import ProgressReporter
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import FakeLogStore, FakeQueue, Faults, ManualClock
from cloudtrail_processing.testing.generator import messages, record
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import Pace, Worker

BUCKET = "trail"
PACE = Pace(threads=4, pollers=1, wait_time=1, visibility_timeout=30, grace_time=10, give_back=Backoff(first=4, cap=16))
Act = Callable[[EventBatch], object]


class Inline(Executor):
    """Runs everything at once, in the thread that asks: no test depends on threads that does not have to."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - an executor hands everything on
            future.set_exception(error)
        return future


class Recorder(EventProcessor):
    """Notes the ids of the events that it took, after it has done ``act``."""

    def __init__(self, act: Act | None = None) -> None:
        self._act = act
        self.taken: list[str] = []
        self.hooks: list[str] = []

    def start(self) -> None:
        self.hooks.append("start")

    def process(self, batch: EventBatch) -> None:
        if self._act is not None:
            self._act(batch)
        self.taken += [event.event_id or "" for event in batch]

    def stop(self) -> None:
        self.hooks.append("stop")


class Listener(ExceptionHandler):
    """Notes every failure and chooses nothing."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []

    def handle(self, failure: Failure) -> None:
        self.failures.append(failure)

    def at(self, stage: Stage) -> list[Failure]:
        return [failure for failure in self.failures if failure.stage is stage]


def key_of(name: str, *, kind: str = "CloudTrail") -> str:
    file = f"111122223333_{kind}_eu-west-1_20260101T0005Z_{name}.json.gz"
    return f"AWSLogs/111122223333/{kind}/eu-west-1/2026/01/01/{file}"


def ids_of(name: str, count: int = 1) -> list[str]:
    return [f"{name}/{number}" for number in range(count)]


def log_of(name: str, count: int = 1) -> bytes:
    """A log as stored, whose events have the ids ``ids_of(name, count)``."""
    return gzip.compress(orjson.dumps({"Records": [{**record(), "eventID": known} for known in ids_of(name, count)]}))


@dataclass
class Bench:
    """Everything around one worker; ``worker()`` makes it."""

    clock: ManualClock = field(default_factory=ManualClock)
    faults: Faults = field(default_factory=Faults)
    store_faults: Faults = field(default_factory=Faults)
    fifo: bool = False
    max_receive_count: int | None = None
    act: Act | None = None
    pace: Pace = PACE
    pool: Executor | None = field(default_factory=Inline)
    batch_size: int = 100
    reporter: ProgressReporter | None = None

    def __post_init__(self) -> None:
        self.queue = FakeQueue(
            clock=self.clock, fifo=self.fifo, max_receive_count=self.max_receive_count, faults=self.faults
        )
        self.store = FakeLogStore(faults=self.store_faults)
        self.store.put(BUCKET, "another object", b"")
        self.processor = Recorder(self.act)
        self.heard = Listener()
        self._numbers = itertools.count(1)

    def announce(self, *names: str, count: int = 1, group: str | None = None) -> str:
        """Store a log for each name and send one message about them all; returns the message's id."""
        logs = [self.store.put(BUCKET, key_of(name), log_of(name, count)) for name in names]
        return self.queue.send(messages.s3_event(*logs), group=group)

    def announce_many(self, number: int) -> list[str]:
        """One message each for ``number`` logs of one event; returns the events' ids."""
        names = [f"log{next(self._numbers)}" for _ in range(number)]
        for name in names:
            self.announce(name)
        return [known for name in names for known in ids_of(name)]

    def worker(self, *processors: EventProcessor, **changed: Any) -> Worker:
        chosen = processors or (self.processor,)
        user_code = UserCode()
        circuit = Circuit(self.clock)
        changed.setdefault("blocked", circuit.blocked)
        return Worker(
            queue=changed.pop("queue", self.queue),
            dead_letters=changed.pop("dead_letters", None),
            pipeline=self.pipeline(chosen, user_code, **changed),
            processors=chosen,
            user_code=user_code,
            clock=self.clock,
            pace=self.pace,
            reporter=self.reporter,
            pool=self.pool,
            circuit=circuit,
        )

    def pipeline(self, processors: Sequence[EventProcessor], user_code: UserCode, **changed: Any) -> Pipeline:
        lanes = [Lane(processor) for processor in processors]
        values: dict[str, Any] = {
            "store": self.store,
            "delivery": Delivery(lanes, user_code=user_code, batch_size=self.batch_size),
            "exception_handler": self.heard,
            "reporter": self.reporter,
            "fetch_attempts": 1,
        }
        return Pipeline(**{**values, **changed})

    def visibilities(self, message_id: str) -> list[int | None]:
        """The visibility changes of one message, in order."""
        history = self.queue.history
        return [action.seconds for action in history if (action.what, action.message_id) == ("visibility", message_id)]


async def finished(running: Awaitable[Any], clock: ManualClock, *, within: float = 1000) -> Any:
    """The result of ``running``, for which time passes; fails when it takes longer than ``within`` seconds."""
    task = asyncio.ensure_future(running)
    end = clock.monotonic() + within
    while not task.done():
        assert clock.monotonic() < end, f"not finished within {within} seconds"
        await clock.elapse(0.5)
        if threading.active_count() > 1:
            await asyncio.sleep(0.002)
    return await task


async def run_for(worker: Worker, clock: ManualClock, seconds: float) -> None:
    """Run the worker for that long, then stop it and let it finish."""
    running = asyncio.ensure_future(worker.run())
    await clock.elapse(seconds)
    worker.stop()
    await finished(running, clock)


async def until(met: Callable[[], bool], clock: ManualClock | None = None) -> None:
    """Return when ``met()``; for what other threads do. With a clock its time passes meanwhile, a little."""
    for _ in range(10_000):
        if met():
            return
        await asyncio.sleep(0.001)
        if clock is not None:
            await clock.elapse(0.01)
    raise AssertionError("it never came to that")
