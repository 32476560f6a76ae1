"""Rejected messages reach the dead-letter queue before they leave their own, whatever fails on the way."""

import asyncio
import itertools
import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest
from bench import PACE, Bench, finished, run_for
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import ConfigurationError, Refuse, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.letters import ERROR, MESSAGE_ID, RECEIVE_COUNT
from cloudtrail_processing.ports import EntryFailure, Letter, Unsent
from cloudtrail_processing.processor import Stage
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import Duplicate, FailEntries, FakeQueue, Faults, LostResponse
from cloudtrail_processing.testing.faults import Fault

DOWN = TransientError("down")
POISON = "poison"


class Grave(FakeQueue):
    """A dead-letter queue that is asked what it holds."""

    @property
    def bodies(self) -> list[str]:
        return [held.body for held in self._held.values()]

    def told(self, name: str) -> list[str]:
        return [held.attributes[name] for held in self._held.values()]


class Watched(FakeQueue):
    """A queue that notes every poisonous message that is to be deleted while no copy of it lies in the grave."""

    grave: Grave
    premature: tuple[str, ...] = ()

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        copied = set(self.grave.told(MESSAGE_ID))
        poison = {message.message_id for message in messages if message.body.startswith(POISON)}
        self.premature += tuple(poison - copied)
        return await super().delete(messages)


def watched(bench: Bench, grave: Grave) -> Watched:
    """Put a watched queue in the place of the bench's own."""
    queue = Watched(clock=bench.clock, faults=bench.faults, fifo=bench.fifo)
    queue.grave = grave
    bench.queue = queue
    return queue


def graveyard(*, fifo: bool = False, posts: Sequence[Fault] = (), **faults: Sequence[Fault]) -> tuple[Bench, Grave]:
    bench = Bench(faults=Faults(**faults), fifo=fifo)
    grave = Grave(clock=bench.clock, faults=Faults(post=posts), fifo=fifo)
    watched(bench, grave)
    return bench, grave


def test_a_message_that_can_never_work_is_copied_and_then_deleted(caplog: pytest.LogCaptureFixture) -> None:
    bench, grave = graveyard()
    bench.announce("good")
    message = bench.queue.send(POISON)
    caplog.set_level(logging.INFO)
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 5))
    assert (grave.bodies, grave.told(ERROR), grave.told(MESSAGE_ID)) == ([POISON], ["NotificationError"], [message])
    assert bench.queue.history_of(message) == ["sent", "received", "deleted"]
    assert bench.processor.taken == ["good/0"]
    assert bench.queue.messages_left == 0
    lines = [record.getMessage() for record in caplog.records if message in record.getMessage()]
    assert any(line.endswith("it is sent to the dead-letter queue") for line in lines)
    assert any(line.endswith("it lies in the dead-letter queue now") for line in lines)
    assert not any("redrive" in line for line in lines)


def test_without_a_dead_letter_queue_it_stays_for_the_redrive_policy(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    message = bench.queue.send(POISON)
    asyncio.run(run_for(bench.worker(), bench.clock, 1))
    assert "deleted" not in bench.queue.history_of(message)
    assert f"message {message} is rejected: NotificationError; it stays in its queue" in caplog.text


def test_an_unconfirmed_copy_leaves_the_message_hidden_for_a_while_and_tells() -> None:
    bench, grave = graveyard(posts=[ConfigurationError("denied")] * 100)
    message = bench.queue.send(POISON)
    bench.pace = replace(PACE, give_back=Backoff(first=400, cap=400))
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 30))
    assert "deleted" not in bench.queue.history_of(message)
    assert grave.bodies == []
    hidden = bench.visibilities(message)[-1] or 0
    assert 200 <= hidden <= 400
    assert [type(failure.error) for failure in bench.heard.at(Stage.SETTLE)] == [ConfigurationError]


def test_a_failed_delete_after_the_copy_sends_no_second_copy() -> None:
    bench, grave = graveyard(delete=[DOWN, FailEntries(), LostResponse()])
    bench.queue.send(POISON)
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 10))
    assert grave.bodies == [POISON]
    assert bench.queue.messages_left == 0


def test_an_original_that_could_not_be_deleted_is_copied_again_when_it_comes_again() -> None:
    """So it is after a crash between copy and delete, too."""
    bench, grave = graveyard(delete=[DOWN] * 6)
    message = bench.queue.send(POISON)
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 20))
    assert (grave.bodies, bench.queue.messages_left) == ([POISON], 1)
    bench.clock.advance(60)
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 20))
    assert (grave.told(MESSAGE_ID), grave.told(RECEIVE_COUNT)) == ([message, message], ["1", "2"])
    assert bench.queue.messages_left == 0


class Slow:
    """A dead-letter queue that takes its time."""

    def __init__(self, bench: Bench, seconds: float) -> None:
        self.bench = bench
        self.seconds = seconds
        self.posted: list[Letter] = []

    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        await self.bench.clock.sleep(self.seconds)
        self.posted += letters
        return ()


def test_a_message_stays_ours_while_its_copy_is_on_the_way() -> None:
    bench = Bench()
    message = bench.queue.send(POISON)
    slow = Slow(bench, 100)
    asyncio.run(run_for(bench.worker(dead_letters=slow), bench.clock, 120))
    assert [letter.message.message_id for letter in slow.posted] == [message]
    assert bench.queue.history_of(message).count("received") == 1
    assert len(bench.visibilities(message)) >= 3
    assert bench.queue.history_of(message)[-1] == "deleted"


def test_a_worker_that_stops_gives_back_what_it_could_not_copy() -> None:
    bench = Bench()
    message = bench.queue.send(POISON)
    slow = Slow(bench, 100_000)
    asyncio.run(run_for(bench.worker(dead_letters=slow), bench.clock, 10))
    assert slow.posted == []
    assert bench.visibilities(message)[-1] == 0
    assert bench.queue.messages_left == 1


def test_a_message_that_is_another_workers_by_now_is_not_copied() -> None:
    bench, grave = graveyard()

    def outlast_the_lease(_: EventBatch) -> None:
        bench.clock.advance(PACE.visibility_timeout * 2)
        raise Refuse("too late")

    bench.processor._act = outlast_the_lease
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(dead_letters=grave)
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(0.5)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert grave.bodies == []
    assert "deleted" not in bench.queue.history_of(message)


def test_a_fifo_group_goes_on_when_its_poison_is_copied_and_keeps_its_order() -> None:
    bench, grave = graveyard(fifo=True, posts=[DOWN])
    bench.announce("first", group="g")
    bench.queue.send(POISON, group="g")
    bench.announce("second", group="g")
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 20))
    assert bench.processor.taken == ["first/0", "second/0"]
    assert grave.bodies == [POISON]
    assert [held.group for held in grave._held.values()] == ["g"]


def test_a_fifo_group_waits_behind_poison_that_could_not_be_copied() -> None:
    bench, grave = graveyard(fifo=True, posts=[DOWN] * 100)
    bench.queue.send(POISON, group="g")
    bench.announce("second", group="g")
    asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 10))
    assert bench.processor.taken == []
    assert bench.queue.messages_left == 2


faults = st.lists(
    st.sampled_from(
        [
            None,
            DOWN,
            ConfigurationError("denied"),
            RuntimeError("foreign"),
            LostResponse(),
            FailEntries(),
            FailEntries((0,)),
            FailEntries((1, 2)),
        ]
    ),
    max_size=14,
)
twice = st.lists(st.sampled_from([None, LostResponse(), Duplicate()]), max_size=4)


@settings(max_examples=25, deadline=None)
@given(posts=faults, deletes=faults, changes=faults, receives=twice, stop=st.sampled_from([0.2, 1, 3, 9]))
def test_whatever_fails_nothing_is_deleted_without_a_copy_and_all_poison_arrives(
    posts: list[Fault], deletes: list[Fault], changes: list[Fault], receives: list[Fault], stop: float
) -> None:
    bench, grave = graveyard(posts=posts, delete=deletes, change_visibility=changes, receive=receives)
    bench.pace = replace(PACE, grace_time=2)
    queue = bench.queue
    assert isinstance(queue, Watched)
    good = bench.announce_many(3)
    poison = [queue.send(f"{POISON} {number}") for number in range(5)]

    async def case() -> None:
        for _ in range(2):
            await run_for(bench.worker(dead_letters=grave), bench.clock, stop)
        bench.clock.advance(100)
        await finished(bench.worker(dead_letters=grave).drain(patience=300), bench.clock, within=5000)

    asyncio.run(case())
    assert queue.premature == ()
    assert set(grave.told(MESSAGE_ID)) == set(poison)
    assert set(bench.processor.taken) == set(good)
    assert queue.messages_left == 0


@pytest.mark.parametrize(
    ("most", "posted", "said"),
    [
        (None, False, "give the queue a dead-letter queue"),
        (None, True, "rejected messages are sent to the configured dead-letter queue, but one that fails"),
        (1, False, "after 1 receive"),
        (2, True, "after 2 receive"),
        (3, False, None),
        (5, True, None),
    ],
)
def test_a_worker_says_at_start_what_is_wrong_with_the_way_out(
    most: int | None, *, posted: bool, said: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(max_receive_count=most)
    letters = Grave(clock=bench.clock) if posted else None
    asyncio.run(run_for(bench.worker(dead_letters=letters), bench.clock, 1))
    warnings = [record.getMessage() for record in caplog.records if "redrive policy" in record.getMessage()]
    assert len(warnings) == (said is not None)
    assert all((said or "") in warning for warning in warnings)


def test_many_poisonous_messages_are_copied_in_few_calls() -> None:
    bench, grave = graveyard()
    bench.pace = replace(PACE, threads=40)
    for number in range(40):
        bench.queue.send(f"{POISON} {number}")
    sizes: list[int] = []

    class Counting:
        async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
            sizes.append(len(letters))
            return await grave.post(letters)

    asyncio.run(run_for(bench.worker(dead_letters=Counting()), bench.clock, 5))
    assert sum(sizes) == 40
    assert max(sizes) <= 10
    assert len(sizes) <= 8
    assert list(itertools.islice(grave.bodies, 1)) == [f"{POISON} 0"]
