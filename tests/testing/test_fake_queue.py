"""``FakeQueue`` where it goes beyond the contract that it shares with the embedded AWS."""

import asyncio

import pytest

from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.testing import Duplicate, FailEntries, FakeQueue, Faults, LostResponse, ManualClock


def test_an_old_receipt_works_until_the_message_was_received_again() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["a", "b"], clock=clock)
        late, lost = await queue.receive(limit=2, wait=0, visibility=30)
        clock.advance(31)
        assert not await queue.delete([late])
        [again] = await queue.receive(limit=10, wait=0, visibility=30)
        [failure] = await queue.delete([lost])
        assert (failure.message, failure.gone) == (lost, True)
        assert not await queue.delete([again])

    asyncio.run(case())


def test_a_fifo_receipt_ends_with_its_visibility_timeout() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["a"], clock=clock, fifo=True)
        taken = await queue.receive(limit=1, wait=0, visibility=30)
        clock.advance(31)
        [failure] = await queue.delete(taken)
        assert failure.gone
        assert queue.messages_left == 1

    asyncio.run(case())


def test_a_fifo_group_comes_again_whole_and_in_order() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["1", "2", "3"], clock=clock, fifo=True)
        await queue.receive(limit=2, wait=0, visibility=30)
        assert not await queue.receive(limit=10, wait=0, visibility=30)
        clock.advance(31)
        assert [m.body for m in await queue.receive(limit=10, wait=0, visibility=30)] == ["1", "2", "3"]

    asyncio.run(case())


def test_a_poisoned_fifo_message_frees_its_group_when_it_becomes_a_dead_letter() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["poison", "good"], clock=clock, fifo=True, max_receive_count=1)
        await queue.receive(limit=1, wait=0, visibility=30)
        clock.advance(31)
        assert [m.body for m in await queue.receive(limit=1, wait=0, visibility=30)] == ["good"]
        assert [m.body for m in queue.dead_letters] == ["poison"]

    asyncio.run(case())


def test_visibility_ends_with_the_flight_and_at_twelve_hours_from_receive() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["a"], clock=clock)
        [message] = await queue.receive(limit=1, wait=0, visibility=30)
        clock.advance(20)
        [too_long] = await queue.change_visibility([(message, 43_200)])
        assert not too_long.gone
        assert not await queue.change_visibility([(message, 43_180)])
        clock.advance(43_180)
        [over] = await queue.change_visibility([(message, 30)])
        assert over.gone

    asyncio.run(case())


def test_an_idle_receive_waits_for_a_message_or_for_the_clock() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(clock=clock)
        poll = asyncio.ensure_future(queue.receive(limit=1, wait=20, visibility=30))
        await clock.elapse(19)
        assert not poll.done()
        queue.send("here")
        assert [message.body for message in await poll] == ["here"]
        poll = asyncio.ensure_future(queue.receive(limit=1, wait=20, visibility=30))
        await clock.elapse(20)
        assert list(await poll) == []
        assert clock.sleepers == 0

    asyncio.run(case())


def test_an_idle_receive_wakes_when_a_visibility_timeout_ends() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["slow"], clock=clock)
        await queue.receive(limit=1, wait=0, visibility=5)
        poll = asyncio.ensure_future(queue.receive(limit=1, wait=20, visibility=30))
        await clock.elapse(6)
        assert [message.receive_count for message in await poll] == [2]

    asyncio.run(case())


def test_a_message_sent_from_another_thread_ends_the_wait() -> None:
    async def case() -> None:
        queue = FakeQueue()
        poll = asyncio.ensure_future(queue.receive(limit=1, wait=20, visibility=30))
        await asyncio.sleep(0)
        await asyncio.to_thread(queue.send, "here")
        assert [message.body for message in await poll] == ["here"]

    asyncio.run(case())


def test_faults_go_wrong_by_plan_and_then_all_is_well() -> None:
    async def case() -> None:
        faults = Faults(delete=[TransientError("throttled"), FailEntries((1,)), LostResponse()])
        queue = FakeQueue(["a", "b"], faults=faults)
        taken = await queue.receive(limit=10, wait=0, visibility=30)
        with pytest.raises(TransientError, match="throttled"):
            await queue.delete(taken)
        assert queue.messages_left == 2
        [failure] = await queue.delete(taken)
        assert (failure.message, failure.gone) == (taken[1], False)
        with pytest.raises(TransientError, match="lost"):
            await queue.delete(taken)
        assert queue.messages_left == 0
        assert not await queue.delete(taken)
        assert queue.history_of(taken[0].message_id) == ["sent", "received", "deleted"]
        assert queue.history_of(taken[1].message_id) == ["sent", "received", "refused", "deleted"]

    asyncio.run(case())


def test_a_lost_receive_leaves_its_messages_in_flight() -> None:
    async def case() -> None:
        queue = FakeQueue(["a"], faults=Faults(receive=[LostResponse()]))
        with pytest.raises(TransientError):
            await queue.receive(limit=1, wait=0, visibility=30)
        assert (await queue.info()).in_flight == 1

    asyncio.run(case())


def test_a_duplicate_is_received_twice_and_the_first_receipt_is_gone() -> None:
    async def case() -> None:
        queue = FakeQueue(["a"], faults=Faults(receive=[Duplicate()]))
        first = await queue.receive(limit=1, wait=0, visibility=30)
        second = await queue.receive(limit=1, wait=0, visibility=30)
        assert first[0].message_id == second[0].message_id
        assert [failure.gone for failure in await queue.delete(first)] == [True]
        assert not await queue.delete(second)

    asyncio.run(case())


def test_history_tells_when_and_for_how_long() -> None:
    async def case() -> None:
        clock = ManualClock()
        queue = FakeQueue(["a"], clock=clock)
        [message] = await queue.receive(limit=1, wait=0, visibility=30)
        clock.advance(10)
        await queue.change_visibility([(message, 90)])
        last = queue.history[-1]
        assert (last.what, last.at, last.receive_count, last.seconds) == ("visibility", 10, 1, 90)

    asyncio.run(case())
