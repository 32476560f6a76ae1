"""The real worker with its real clients on the embedded AWS: what the fakes promise holds on S3, SNS and SQS."""

import asyncio
import itertools
import json
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager, closing
from typing import Any

import pytest
from bench import Listener, Recorder, ids_of, key_of, log_of

from cloudtrail_processing import EventProcessor, Parts, Settings, build
from cloudtrail_processing.app import SystemClock
from cloudtrail_processing.assembly import make_pipeline
from cloudtrail_processing.aws.queue import SqsQueue
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import ConfigurationError, LogGone, NotificationError, RetryLater, TransientError
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.ports import EntryFailure, QueueInfo
from cloudtrail_processing.processor import Stage
from cloudtrail_processing.testing import EmbeddedAws, FailEntries, Faults, LostResponse
from cloudtrail_processing.testing.embedded import Via
from cloudtrail_processing.testing.generator import messages
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import Pace, Worker

DOWN = TransientError("down")
A_LONG_TIME = 1000  # seconds: more than any message here is hidden


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as running:
        yield running


class Trail:
    """A bucket and a queue of their own on the embedded AWS."""

    def __init__(self, aws: EmbeddedAws, **queue: Any) -> None:
        self.aws = aws
        self.bucket = f"trail-{uuid.uuid4()}"
        aws.create_bucket(self.bucket)
        self.url = aws.create_queue(self.bucket, **queue)

    def put(self, name: str, count: int = 1) -> LogObject:
        return self.aws.put_log(self.bucket, key_of(name), log_of(name, count))

    def announce(self, name: str, count: int = 1, *, group: str = "default") -> str:
        return self.aws.send(self.url, messages.s3_event(self.put(name, count)), group=group)

    def left(self) -> int:
        return self.aws.messages_left(self.url)

    def dead(self) -> int:
        return self.aws.messages_left(self.aws.dead_letters_of(self.url))

    def visible(self) -> int:
        names: Any = ["ApproximateNumberOfMessages"]
        answer = self.aws.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def settings(self, **values: Any) -> Settings:
        chosen = {"threads": 4, "wait_time": 1, "grace_time": 5, "batch_size": 1, **values}
        return Settings.load(queue_url=self.url, **chosen)

    @asynccontextmanager
    async def at_work(
        self, processor: EventProcessor, *, parts: dict[str, Any] | None = None, **values: Any
    ) -> AsyncIterator[Worker]:
        """A worker that runs inside, and is stopped at the end."""
        chosen = Parts(aws=self.aws.options, **(parts or {}))
        async with build(processor, settings=self.settings(**values), parts=chosen) as worker, running(worker):
            yield worker

    def work(self, processor: EventProcessor, *, parts: dict[str, Any] | None = None, **values: Any) -> None:
        """Run a worker until nothing is left in the queue."""

        async def case() -> None:
            async with self.at_work(processor, parts=parts, **values):
                await comes_true(lambda: self.left() == 0)

        asyncio.run(case())


@asynccontextmanager
async def running(worker: Worker) -> AsyncIterator[None]:
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


async def comes_true(met: Callable[[], bool]) -> None:
    for _ in range(600):
        if await asyncio.to_thread(met):
            return
        await asyncio.sleep(0.03)
    raise AssertionError("it never came to that")


class Flaky:
    """The real queue behind a plan of faults; ``calls`` names the calls that went through to it."""

    def __init__(self, queue: SqsQueue, faults: Faults) -> None:
        self._queue = queue
        self._faults = faults
        self.calls: list[str] = []

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        return await self._queue.receive(limit=limit, wait=wait, visibility=visibility)

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        return await self._call("delete", messages, send=self._queue.delete, message_of=lambda message: message)

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        return await self._call(
            "change_visibility", changes, send=self._queue.change_visibility, message_of=lambda change: change[0]
        )

    async def info(self) -> QueueInfo:
        return await self._queue.info()

    async def _call(
        self,
        name: str,
        entries: Sequence[Any],
        *,
        send: Callable[[Sequence[Any]], Awaitable[Sequence[EntryFailure]]],
        message_of: Callable[[Any], QueueMessage],
    ) -> Sequence[EntryFailure]:
        fault = self._faults.next(name)
        plan = fault if isinstance(fault, FailEntries) else FailEntries((len(entries),))
        failed = [EntryFailure(message_of(entry), plan.reason) for n, entry in enumerate(entries) if plan.hits(n)]
        failures = await send([entry for n, entry in enumerate(entries) if not plan.hits(n)])
        self.calls.append(name)
        if isinstance(fault, LostResponse):
            raise fault.error
        return [*failures, *failed]


class Gate(Recorder):
    """Waits in ``process`` until it is opened, and notes the ids of batches that it was given."""

    def __init__(self, *, is_open: bool = False) -> None:
        super().__init__(self._wait)
        self.batches: list[str] = []
        self.opened = threading.Event()
        if is_open:
            self.opened.set()

    def _wait(self, batch: EventBatch) -> None:
        self.batches.append(batch.id)
        assert self.opened.wait(30)


# ── how a queue hears of logs ──


@pytest.mark.parametrize(
    ("via", "raw"),
    [("s3", False), ("sns", False), ("sns", True), ("cloudtrail", False), ("cloudtrail", True)],
    ids=["S3", "S3 by SNS", "S3 by SNS, raw", "CloudTrail by SNS", "CloudTrail by SNS, raw"],
)
def test_every_log_put_into_the_bucket_is_delivered_once_and_its_message_deleted(
    aws: EmbeddedAws, via: Via, *, raw: bool
) -> None:
    trail, processor, heard = Trail(aws), Recorder(), Listener()
    aws.notify(trail.bucket, trail.url, via=via, raw=raw)
    names = [f"log{number}" for number in range(12)]
    for name in names:
        trail.put(name, 3)
    trail.work(processor, parts={"exception_handler": heard}, batch_size=2)
    assert sorted(processor.taken) == sorted(known for name in names for known in ids_of(name, 3))
    assert not heard.failures
    assert trail.dead() == 0


def test_a_notification_that_comes_twice_is_delivered_twice_under_the_same_batch_ids(aws: EmbeddedAws) -> None:
    trail, processor = Trail(aws), Gate(is_open=True)
    body = messages.s3_event(trail.put("a", 3))
    for _ in range(2):
        aws.send(trail.url, body)
    trail.work(processor)
    assert sorted(processor.taken) == sorted(ids_of("a", 3) * 2)
    assert {processor.batches.count(batch) for batch in processor.batches} == {2}
    assert trail.dead() == 0


# ── visibility ──


@asynccontextmanager
async def _with_short_leases(trail: Trail, processor: EventProcessor, queue: Flaky) -> AsyncIterator[None]:
    """A running worker whose messages are hidden for two seconds at a time: less than the settings allow."""
    user_code, settings = UserCode(), trail.settings()
    with closing(trail.aws.store()) as store, ExitStack() as end:
        parts = Parts(store=store)
        pipeline = make_pipeline([processor], settings=settings, parts=parts, user_code=user_code, closing=end)
        pace = Pace(threads=4, pollers=1, wait_time=1, visibility_timeout=2, grace_time=5)
        worker = Worker(
            queue=queue,
            pipeline=pipeline,
            processors=[processor],
            user_code=user_code,
            clock=SystemClock(),
            pace=pace,
        )
        async with running(worker):
            yield


def test_slow_work_keeps_its_message_beyond_the_visibility_timeout(aws: EmbeddedAws) -> None:
    trail, processor = Trail(aws), Gate()
    trail.announce("slow")

    async def case() -> None:
        async with aws.queue(trail.url) as sqs:
            queue = Flaky(sqs, Faults())
            async with _with_short_leases(trail, processor, queue):
                # The earliest extensions come after 0.53 s each: at the fifth, two seconds are long over.
                await comes_true(lambda: len(queue.calls) >= 5)
                processor.opened.set()
                await comes_true(lambda: trail.left() == 0)
            assert queue.calls.count("delete") == 1

    asyncio.run(case())
    assert len(processor.batches) == 1
    assert processor.taken == ids_of("slow")


def test_a_message_that_cannot_be_kept_is_delivered_again_and_loses_nothing(aws: EmbeddedAws) -> None:
    trail, processor, again = Trail(aws), Recorder(), threading.Event()
    entered: list[str] = []

    def wait_until_it_comes_again(batch: EventBatch) -> None:
        entered.append(batch.id)
        if len(entered) > 1:
            again.set()
        assert again.wait(30)

    processor._act = wait_until_it_comes_again
    trail.announce("slow", 2)

    async def case() -> None:
        async with aws.queue(trail.url) as sqs:
            faults = Faults(change_visibility=(None if again.is_set() else FailEntries() for _ in itertools.count()))
            async with _with_short_leases(trail, processor, Flaky(sqs, faults)):
                await comes_true(lambda: trail.left() == 0)

    asyncio.run(case())
    assert processor.taken.count("slow/0") >= 2
    assert "slow/1" in processor.taken
    assert trail.dead() == 0


def test_a_worker_that_lost_its_time_takes_nothing_from_the_one_that_got_the_message(aws: EmbeddedAws) -> None:
    """As after a pause of the machine: the message is visible again while the first delivery is still at work."""
    trail, processor = Trail(aws), Gate()
    trail.announce("a")

    async def case() -> None:
        async with trail.at_work(processor):
            await comes_true(lambda: len(processor.batches) == 1)
            aws.elapse(A_LONG_TIME)
            await comes_true(lambda: len(processor.batches) == 2)
            processor.opened.set()
            await comes_true(lambda: trail.left() == 0)

    asyncio.run(case())
    assert processor.taken == ids_of("a") * 2
    assert trail.dead() == 0


# ── deletes ──


def test_deletes_that_fail_are_made_again_without_a_second_delivery(aws: EmbeddedAws) -> None:
    trail, processor, heard = Trail(aws), Recorder(), Listener()
    names = [f"log{number}" for number in range(8)]
    for name in names:
        trail.announce(name)
    faults = Faults(delete=[DOWN, FailEntries((0, 1)), LostResponse(), FailEntries(), None])

    async def case() -> None:
        async with aws.queue(trail.url) as sqs:
            parts = {"queue": Flaky(sqs, faults), "exception_handler": heard}
            async with trail.at_work(processor, parts=parts):
                await comes_true(lambda: trail.left() == 0)

    asyncio.run(case())
    assert sorted(processor.taken) == sorted(known for name in names for known in ids_of(name))
    assert not heard.failures


# ── stopping ──


def test_a_stop_in_the_middle_leaves_everything_to_the_next_worker(aws: EmbeddedAws) -> None:
    trail, first, second = Trail(aws), Gate(), Recorder()
    names = [f"log{number}" for number in range(8)]
    for name in names:
        trail.announce(name, 2)

    async def case() -> None:
        with ThreadPoolExecutor(1) as pool:
            async with trail.at_work(first, parts={"pool": pool}, threads=5, grace_time=0) as worker:
                await comes_true(lambda: worker.in_hand == 5 and bool(first.batches))
                worker.stop()
                await comes_true(lambda: all(lease.stopped for lease in worker._leases.working()))
                first.opened.set()
        assert not worker.stuck

    asyncio.run(case())
    assert len(first.taken) == 1, "the batch under way is finished, and no other begun"
    aws.elapse(1)  # until the polls that were open at the stop are over
    assert trail.visible() == 8
    trail.work(second)
    assert sorted(second.taken) == sorted(known for name in names for known in ids_of(name, 2))
    assert trail.dead() == 0


def test_a_drain_ends_when_nothing_is_left(aws: EmbeddedAws) -> None:
    trail, processor = Trail(aws), Recorder()
    for name in "abc":
        trail.announce(name)

    async def case() -> QueueInfo:
        async with build(processor, settings=trail.settings(wait_time=0), parts=Parts(aws=trail.aws.options)) as worker:
            return await worker.drain()

    assert asyncio.run(case()).is_empty
    assert sorted(processor.taken) == [*ids_of("a"), *ids_of("b"), *ids_of("c")]


# ── order ──


def test_a_fifo_queue_keeps_the_order_of_each_group_past_a_failure(aws: EmbeddedAws) -> None:
    trail, failing = Trail(aws, fifo=True), iter([RetryLater(after=0)])

    def fail_once(batch: EventBatch) -> None:
        if batch[0].event_id == "b1/0" and (error := next(failing, None)):
            raise error

    processor = Recorder(fail_once)
    for number in range(3):
        for group in "abc":
            trail.announce(f"{group}{number}", group=group)
    trail.work(processor, wait_time=0)
    for group in "abc":
        mine = [known for known in processor.taken if known.startswith(group)]
        assert mine == [f"{group}{number}/0" for number in range(3)]


# ── what cannot be processed ──


def test_a_poison_message_becomes_a_dead_letter_and_its_neighbours_are_delivered(aws: EmbeddedAws) -> None:
    trail, processor, heard = Trail(aws, max_receive_count=2), Recorder(), Listener()
    trail.announce("before")
    aws.send(trail.url, "what is this")
    trail.announce("after")

    def becomes_dead() -> bool:
        aws.elapse(A_LONG_TIME)
        return trail.dead() == 1

    async def case() -> None:
        async with trail.at_work(processor, parts={"exception_handler": heard}):
            await comes_true(lambda: trail.left() == 1)
            await comes_true(becomes_dead)

    asyncio.run(case())
    assert sorted(processor.taken) == [*ids_of("after"), *ids_of("before")]
    # Only how it was read: time jumps here, also while a message is being given back.
    assert [type(failure.error) for failure in heard.at(Stage.PARSE)] == [NotificationError] * 2
    assert (trail.left(), trail.dead()) == (0, 1)


def test_a_missing_object_and_a_forbidden_bucket_keep_their_messages_until_they_can_be_read(aws: EmbeddedAws) -> None:
    trail, forbidden, processor, heard = Trail(aws), Trail(aws), Recorder(), Listener()
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{forbidden.bucket}/*"}
    aws.send(trail.url, messages.s3_event(LogObject(trail.bucket, key_of("late"))))
    aws.send(trail.url, messages.s3_event(forbidden.put("locked")))
    aws.s3.put_bucket_policy(Bucket=forbidden.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    trail.announce("fine")

    async def case() -> None:
        async with trail.at_work(processor, parts={"exception_handler": heard}):
            await comes_true(lambda: trail.left() == 2 and len(heard.at(Stage.FETCH)) == 2)

    asyncio.run(case())
    assert processor.taken == ids_of("fine")
    assert {type(failure.error) for failure in heard.at(Stage.FETCH)} == {LogGone, ConfigurationError}
    assert (trail.left(), trail.visible(), trail.dead()) == (2, 0, 0)

    trail.put("late")
    aws.s3.delete_bucket_policy(Bucket=forbidden.bucket)
    aws.elapse(A_LONG_TIME)
    trail.work(processor)
    assert sorted(processor.taken) == [*ids_of("fine"), *ids_of("late"), *ids_of("locked")]
