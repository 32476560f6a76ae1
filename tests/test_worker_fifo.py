"""FIFO queues: order within a group whatever fails, groups beside each other, no neighbour dead-lettered untried."""

import asyncio
import threading
from dataclasses import replace

import pytest
from bench import PACE, Bench, Recorder, finished, ids_of, run_for, until

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import RetryLater, TransientError
from cloudtrail_processing.ports import QueueInfo
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import FakeQueue, Faults

IN_HAND = pytest.mark.parametrize("unknown", [False, True], ids=["one at a time", "many in hand"])
"""A queue that does not say that it is FIFO is received from ten at a time: order must hold all the same."""


class Silent(FakeQueue):
    """Does not say that it is FIFO."""

    async def info(self) -> QueueInfo:
        return replace(await super().info(), fifo=False)


def _bench(*, unknown: bool, **changed: object) -> Bench:
    bench = Bench(**{"fifo": True, "pace": replace(PACE, threads=20), **changed})  # type: ignore[arg-type]
    if unknown:
        bench.queue = Silent(clock=bench.clock, fifo=True, faults=bench.faults)
    return bench


def _names(count: int, *, group: str = "g") -> list[str]:
    return [f"{group}{number}" for number in range(count)]


def _send(bench: Bench, names: list[str], *, group: str = "g") -> list[str]:
    return [bench.announce(name, group=group) for name in names]


@IN_HAND
def test_messages_of_one_group_are_worked_on_in_order(*, unknown: bool) -> None:
    bench = _bench(unknown=unknown, pool=None)
    _send(bench, _names(15))
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert bench.processor.taken == [known for name in _names(15) for known in ids_of(name)]
    assert bench.queue.messages_left == 0


@IN_HAND
def test_the_first_failure_holds_back_the_rest_of_its_group(*, unknown: bool) -> None:
    failing = iter([RetryLater(after=50)])
    bench = _bench(unknown=unknown)

    def fail_the_third(batch: EventBatch) -> None:
        if batch[0].event_id == "g2/0" and (error := next(failing, None)):
            raise error

    bench.processor._act = fail_the_third
    messages = _send(bench, _names(6))
    asyncio.run(run_for(bench.worker(), bench.clock, 49))
    assert bench.processor.taken == ["g0/0", "g1/0"]
    assert bench.visibilities(messages[2]) == [50]
    released = [action for action in bench.queue.history if action.what == "visibility" and action.seconds == 0]
    assert [action.message_id for action in released] == (messages[3:] if unknown else [])
    asyncio.run(run_for(bench.worker(), bench.clock, 30))
    assert bench.processor.taken == [f"{name}/0" for name in _names(6)]


@IN_HAND
def test_another_group_goes_on_beside_a_failing_one(*, unknown: bool) -> None:
    bench = _bench(unknown=unknown)

    def fail_group_a(batch: EventBatch) -> None:
        if (batch[0].event_id or "").startswith("a"):
            raise ValueError("always")

    bench.processor._act = fail_group_a
    _send(bench, _names(3, group="a"), group="a")
    _send(bench, _names(3, group="b"), group="b")
    asyncio.run(run_for(bench.worker(), bench.clock, 20))
    assert bench.processor.taken == ["b0/0", "b1/0", "b2/0"]


@IN_HAND
def test_groups_are_worked_on_at_the_same_time(*, unknown: bool) -> None:
    barrier = threading.Barrier(3)
    bench = _bench(unknown=unknown, pool=None, act=lambda _: barrier.wait(30))
    for group in "abc":
        _send(bench, [group], group=group)
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert sorted(bench.processor.taken) == ["a/0", "b/0", "c/0"]


def test_neighbours_of_a_bad_message_do_not_become_dead_letters_with_it() -> None:
    """Received together, the whole group would be counted as received with every failure of its first message."""
    bench = _bench(unknown=False, max_receive_count=3, pace=replace(PACE, give_back=Backoff(first=1, cap=1)))
    bad = bench.queue.send("of no known shape", group="g")
    _send(bench, _names(9))
    asyncio.run(finished(bench.worker().drain(patience=30), bench.clock))
    assert [dead.message_id for dead in bench.queue.dead_letters] == [bad]
    assert bench.processor.taken == [f"{name}/0" for name in _names(9)]


@IN_HAND
def test_a_delete_that_fails_holds_back_the_group_too(*, unknown: bool) -> None:
    """Else a later message would be settled before an earlier one that comes again."""
    faults = Faults(delete=[TransientError("down")] * 6)
    bench = _bench(unknown=unknown, faults=faults)
    messages = _send(bench, _names(3))
    asyncio.run(finished(bench.worker().drain(patience=60), bench.clock))
    deleted = [action.message_id for action in bench.queue.history if action.what == "deleted"]
    assert deleted == messages
    assert bench.processor.taken == ["g0/0", "g0/0", "g1/0", "g2/0"]


@IN_HAND
def test_a_stop_in_the_middle_of_a_group_keeps_its_order(*, unknown: bool) -> None:
    entered, gate = threading.Event(), threading.Event()

    def wait(_: EventBatch) -> None:
        entered.set()
        assert gate.wait(30)

    bench = _bench(unknown=unknown, pool=None)
    messages = _send(bench, _names(4))

    async def case() -> None:
        worker = bench.worker(Recorder(wait))
        running = asyncio.ensure_future(worker.run())
        await until(entered.is_set, bench.clock)
        worker.stop()
        gate.set()
        await until(running.done, bench.clock)

    asyncio.run(case())
    assert bench.queue.history_of(messages[0])[-1] == "deleted"
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert bench.processor.taken == ["g1/0", "g2/0", "g3/0"]


@IN_HAND
def test_leases_of_messages_that_wait_behind_a_slow_one_are_kept(*, unknown: bool) -> None:
    entered, gate = threading.Event(), threading.Event()

    def wait(batch: EventBatch) -> None:
        if batch[0].event_id == "g0/0":
            entered.set()
            assert gate.wait(30)

    bench = _bench(unknown=unknown, pool=None, act=wait)
    messages = _send(bench, _names(5))

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.drain())
        await until(entered.is_set, bench.clock)
        await bench.clock.elapse(200)
        gate.set()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert bench.processor.taken == [f"{name}/0" for name in _names(5)]
    assert all(bench.queue.history_of(message).count("received") == 1 for message in messages)
