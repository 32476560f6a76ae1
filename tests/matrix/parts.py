"""Every part that a worker of the matrix reaches: the fake of the world, behind a call at which a fault may strike."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from matrix.life import PACE, SOON, Blow, Life
from matrix.world import ALLOWED, BATCH_SIZE, NOISE, VISIBILITY, name_of

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.delivery import Delivery, Lane
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import EventFilter, Header, SourceFilter
from cloudtrail_processing.flow import FetchedLog, LogObject, QueueMessage, RejectedRecord
from cloudtrail_processing.logfile import split
from cloudtrail_processing.notification import parse
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import Claim, EntryFailure, Letter, QueueInfo, Unsent
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure
from cloudtrail_processing.progress import ProgressReporter, ProgressStatus
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import Worker

T = TypeVar("T")


def make(life: Life) -> Worker:
    """A worker of which every part is watched."""
    world, user_code = life.world, UserCode()
    circuit = Circuit(world.clock, delays=SOON)
    processors = (First(life), Second(life))
    reporter = WatchedReporter(life)
    return Worker(
        queue=WatchedQueue(life),
        dead_letters=WatchedGrave(life) if world.grave else None,
        pipeline=_pipeline(life, processors, user_code=user_code, circuit=circuit, reporter=reporter),
        processors=processors,
        user_code=user_code,
        clock=world.clock,
        pace=PACE,
        reporter=reporter,
        pool=life.pool,
        circuit=circuit,
    )


def _pipeline(
    life: Life,
    processors: Sequence["First"],
    *,
    user_code: UserCode,
    circuit: Circuit,
    reporter: ProgressReporter,
) -> Pipeline:
    return Pipeline(
        store=WatchedStore(life),
        delivery=_delivery(life, processors, user_code),
        parser=_around(life, "parse", parse),
        splitter=_around(life, "split", split),
        source_filter=WatchedSourceFilter(life),
        exception_handler=WatchedHandler(life),
        reporter=reporter,
        allowed=WatchedAllowed(life),  # type: ignore[arg-type]
        blocked=circuit.blocked,
        fetch_attempts=2,
        pause=lambda _: None,
    )


def _delivery(life: Life, processors: Sequence["First"], user_code: UserCode) -> Delivery:
    world = life.world
    checkpoint = WatchedCheckpoint(life) if world.checkpoint else None
    memory = WatchedMemory(life) if world.seen else None
    return Delivery(
        [Lane(it, it.wants, checkpoint=checkpoint, seen=memory) for it in processors],
        user_code=user_code,
        batch_size=BATCH_SIZE,
        quarantine=WatchedQuarantine(life) if world.quarantine else None,
        holds=life.holds,
    )


def _around(life: Life, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def watched(argument: Any) -> Any:
        with life.at(stage):
            return function(argument)

    return watched


def held(part: T | None) -> T:
    """A part that is watched only where there is one."""
    assert part is not None
    return part


class Part:
    """A part of one process."""

    def __init__(self, life: Life) -> None:
        self.life = life
        self.world = life.world


# ── what users write ──


class First(EventProcessor):
    """Takes events, those excepted that its filter does not want."""

    lane = 0

    def __init__(self, life: Life) -> None:
        self.life = life
        self.wants: EventFilter | None = Quiet(life)

    def start(self) -> None:
        with self.life.at("start"):
            self.life.hooks.append(f"start {self.name}")

    def process(self, batch: EventBatch) -> None:
        self.life.renew()
        with self.life.at("process"):
            self.life.world.taken[self.lane].extend(event.event_id or "" for event in batch)

    def stop(self) -> None:
        self.life.hooks.append(f"stop {self.name}")
        with self.life.at("stop"):
            return


class Second(First):
    """Takes all events."""

    lane = 1

    def __init__(self, life: Life) -> None:
        super().__init__(life)
        self.wants = None


class Quiet(EventFilter):
    """Does not want noise; cannot tell before it has seen the whole event."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def on_log(self, log: LogObject) -> bool | None:
        with self._life.at("event filter, log"):
            return None

    def on_header(self, header: Header) -> bool | None:
        with self._life.at("event filter, header"):
            return None

    def on_event(self, event: CloudTrailEvent) -> bool:
        with self._life.at("event filter, event"):
            return event.event_name != NOISE


class WatchedSourceFilter(Part, SourceFilter):
    def decide(self, log: LogObject, message: QueueMessage | None) -> bool:
        with self.life.at("source filter"):
            return name_of(log.key) != "skipped"


class WatchedHandler(Part, ExceptionHandler):
    def handle(self, failure: Failure) -> None:
        if threading.current_thread() is threading.main_thread():
            with self.life.at("handler"):
                return


class WatchedReporter(Part, ProgressReporter):
    def report_start(self, status: ProgressStatus) -> None:
        self.life.steps += 1
        with self.life.at("report start"):
            return

    def report_end(self, status: ProgressStatus, token: object) -> None:
        self.life.steps -= 1
        with self.life.at("report end"):
            return


# ── what lies around the pipeline ──


class WatchedAllowed(Part):
    def check(self, log: LogObject, *, inline: Sequence[bytes] = ()) -> None:
        with self.life.at("allow-list"):
            ALLOWED.check(log, inline=inline)


class WatchedStore(Part):
    def identify(self, log: LogObject) -> LogObject:
        with self.life.at("identify"):
            return self.world.store.identify(log)

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        with self.life.at("fetch" if self.life.at_work else "probe"):
            return self.world.store.fetch(log, limit=limit)


class WatchedQuarantine(Part):
    def keep(self, records: Sequence[RejectedRecord]) -> None:
        with self.life.at("keep"):
            held(self.world.quarantine).keep(records)


class WatchedCheckpoint(Part):
    def claim(self, log: str, *, processor: str) -> Claim:
        with self.life.at("claim"):
            return held(self.world.checkpoint).claim(log, processor=processor)

    def advance(self, claim: Claim, next_index: int) -> None:
        with self.life.at("renew" if self.life.renewing else "advance"):
            held(self.world.checkpoint).advance(claim, next_index)

    def finish(self, claim: Claim) -> None:
        with self.life.at("finish"):
            held(self.world.checkpoint).finish(claim)

    def release(self, claim: Claim) -> None:
        with self.life.at("release"):
            held(self.world.checkpoint).release(claim)

    def close(self) -> None:
        """It outlives the process."""


class WatchedMemory(Part):
    def unseen(self, keys: Sequence[str]) -> set[str]:
        with self.life.at("unseen"):
            return held(self.world.seen).unseen(keys)

    def remember(self, keys: Sequence[str]) -> None:
        with self.life.at("remember"):
            held(self.world.seen).remember(keys)

    def close(self) -> None:
        """It outlives the process."""


class WatchedQueue(Part):
    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        return await self.life.call(
            "receive", lambda: self.world.queue.receive(limit=limit, wait=wait, visibility=visibility)
        )

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        if not self.life.killed:
            self.life.premature += [it.message_id for it in messages if not self.world.is_settled(it.message_id)]
        return await self.life.call(
            "delete", lambda: self.world.queue.delete(messages), refused=lambda blow: _refused(messages, blow)
        )

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        messages = [message for message, _ in changes]
        is_lease = any(seconds == VISIBILITY for _, seconds in changes)
        return await self.life.call(
            "extend" if is_lease else "give back",
            lambda: self.world.queue.change_visibility(changes),
            refused=lambda blow: _refused(messages, blow),
        )

    async def info(self) -> QueueInfo:
        return await self.life.call("introduce", self.world.queue.info)


class WatchedGrave(Part):
    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        return await self.life.call(
            "post",
            lambda: held(self.world.grave).post(letters),
            refused=lambda _: [Unsent(it, "InternalError: by the matrix") for it in letters],
        )


def _refused(messages: Sequence[QueueMessage], blow: Blow) -> list[EntryFailure]:
    return [EntryFailure(message, "refused by the matrix", gone=blow.gone) for message in messages]
