"""Leases live from receive to verdict, are extended in tens before they end, and are never extended afterwards."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from bench import until

from cloudtrail_processing.errors import LeaseLost, Stopped, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.leases import Lease, Leases
from cloudtrail_processing.ports import EntryFailure
from cloudtrail_processing.testing import Before, Duplicate, FailEntries, FakeQueue, Faults, LostResponse, ManualClock

DOWN = TransientError("down")
DAY = 86_400


class Held:
    """Leases on messages of a fake queue, with a clock to move."""

    def __init__(self, count: int = 1, *, visibility: int = 30, faults: Faults | None = None) -> None:
        self.clock = ManualClock()
        self.queue = FakeQueue(map(str, range(count)), clock=self.clock, faults=faults)
        self.leases = Leases(self.queue, visibility=visibility, clock=self.clock, chance=lambda: 1)
        self.visibility = visibility

    async def take(self, *, limit: int = 10) -> list[Lease]:
        asked = self.clock.monotonic()
        received = await self.queue.receive(limit=limit, wait=20, visibility=self.visibility)
        return self.leases.take(received, asked=asked)

    async def keep_for(self, seconds: float) -> None:
        keeping = asyncio.ensure_future(self.leases.keep())
        await self.clock.elapse(seconds)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

    def extended(self) -> list[float]:
        return [action.at for action in self.queue.history if action.what == "visibility"]


def test_a_lease_is_extended_at_a_third_of_the_visibility_time_for_as_long_as_it_is_open() -> None:
    held = Held(visibility=30)

    async def case() -> None:
        [lease] = await held.take()
        await held.keep_for(100)
        lease.check()
        assert not await held.queue.receive(limit=1, wait=0, visibility=30)

    asyncio.run(case())
    gaps = [later - earlier for earlier, later in itertools.pairwise([0.0, *held.extended()])]
    assert len(gaps) >= 8
    assert all(10 <= gap <= 12 for gap in gaps)


def test_jitter_only_ever_extends_earlier() -> None:
    for chance in (0.0, 0.5, 1.0):
        leases = Leases(FakeQueue(), visibility=30, clock=ManualClock(), chance=lambda chance=chance: chance)  # type: ignore[misc]
        [lease] = leases.take([QueueMessage("m", "", "r")], asked=0)
        assert lease.due == pytest.approx(10 * (0.8 + 0.2 * chance))


def test_messages_are_extended_ten_in_a_call() -> None:
    held = Held(25)
    sizes: list[int] = []
    change = held.queue.change_visibility

    class Counting:
        async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
            sizes.append(len(changes))
            return await change(changes)

    async def case() -> None:
        for _ in range(3):
            await held.take()
        held.leases._queue = Counting()  # type: ignore[assignment]
        held.clock.advance(11)
        await held.leases.extend_due()

    asyncio.run(case())
    assert sizes == [10, 10, 5]


def test_a_long_poll_does_not_eat_up_a_short_lease() -> None:
    """Visibility 10 and a wait of 20: a late arrival is ours, extended at once, and not over and over."""
    held = Held(0, visibility=10)

    async def case() -> None:
        taking = asyncio.ensure_future(held.take())
        await held.clock.elapse(19)
        held.queue.send("late")
        [lease] = await taking
        lease.check()
        await held.keep_for(30)
        lease.check()

    asyncio.run(case())
    assert held.extended()[0] <= 19 + 1
    assert 8 <= len(held.extended()) <= 12


def test_the_first_extension_is_planned_from_when_the_receive_was_asked() -> None:
    leases = Leases(FakeQueue(), visibility=30, clock=ManualClock(), chance=lambda: 1)
    [lease] = leases.take([QueueMessage("m", "", "r")], asked=-15)
    assert (lease.due, lease.expires) == (-5, 30)


def test_a_lease_that_could_not_be_extended_is_lost_when_its_time_is_over_and_not_before() -> None:
    held = Held(faults=Faults(change_visibility=itertools.repeat(DOWN)))

    async def case() -> None:
        [lease] = await held.take()
        await held.keep_for(29)
        lease.check()
        await held.keep_for(2)
        with pytest.raises(LeaseLost, match="message-1 is no longer ours"):
            lease.check()

    asyncio.run(case())


def test_a_lease_ends_by_the_clock_even_while_an_extension_hangs() -> None:
    """Work must stop when the time is over, however long SQS takes to answer."""
    held = Held()

    class Hanging:
        async def change_visibility(self, _: object) -> Sequence[EntryFailure]:
            await asyncio.Event().wait()
            raise AssertionError

    async def case() -> None:
        [lease] = await held.take()
        held.leases._queue = Hanging()  # type: ignore[assignment]
        await held.keep_for(31)
        with pytest.raises(LeaseLost):
            lease.check()

    asyncio.run(case())


class HangsAtFirst:
    """A queue whose first extensions never get an answer."""

    def __init__(self, held: Held, *, times: int) -> None:
        self._change = held.queue.change_visibility
        self._left = times
        self.hanging = 0

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        if self._left:
            self._left -= 1
            self.hanging += 1
            await asyncio.Event().wait()
        return await self._change(changes)


def test_an_extension_that_hangs_is_cut_off_and_tried_again_while_there_is_time() -> None:
    """Neither its own messages are lost by it, nor those that become due meanwhile."""
    held = Held(2)

    async def case() -> None:
        [first] = await held.take(limit=1)
        held.clock.advance(2)
        [second] = await held.take(limit=1)
        held.leases._queue = HangsAtFirst(held, times=2)  # type: ignore[assignment]
        await held.keep_for(100)
        first.check()
        second.check()

    asyncio.run(case())
    assert {action.what for action in held.queue.history} == {"sent", "received", "visibility"}


def test_dropping_does_not_wait_for_extensions_of_other_messages() -> None:
    held = Held(2)

    async def case() -> None:
        [first] = await held.take(limit=1)
        held.leases._queue = queue = HangsAtFirst(held, times=1)  # type: ignore[assignment]
        held.clock.advance(11)
        extending = asyncio.ensure_future(held.leases.extend_due())
        await until(lambda: queue.hanging == 1)
        [second] = held.leases.take([QueueMessage("m", "", "r")], asked=held.clock.monotonic())
        await asyncio.wait_for(held.leases.drop(second), 30)
        assert not extending.done()
        assert held.leases.working() == [first]
        extending.cancel()
        await asyncio.gather(extending, return_exceptions=True)

    asyncio.run(case())


@pytest.mark.parametrize("fault", [DOWN, LostResponse(), FailEntries(), RuntimeError("a foreign error")])
def test_an_extension_that_fails_is_tried_again_while_there_is_time(
    fault: Exception | LostResponse | FailEntries,
) -> None:
    held = Held(faults=Faults(change_visibility=[fault, fault]))

    async def case() -> None:
        [lease] = await held.take()
        await held.keep_for(60)
        lease.check()

    asyncio.run(case())
    assert held.extended()


def test_one_entry_that_fails_does_not_cost_its_neighbours_their_extension() -> None:
    held = Held(3, faults=Faults(change_visibility=[FailEntries((1,), gone=True)]))

    async def case() -> None:
        taken = await held.take()
        await held.keep_for(60)
        assert sorted(lease.is_ours for lease in taken) == [False, True, True]

    asyncio.run(case())


def test_a_receipt_that_is_gone_loses_the_lease_at_once() -> None:
    held = Held()

    async def case() -> None:
        [lease] = await held.take()
        await held.queue.delete([lease.message])
        await held.keep_for(12)
        assert not lease.is_ours
        with pytest.raises(LeaseLost):
            lease.check()

    asyncio.run(case())


def test_gone_is_no_loss_while_a_delete_is_on_its_way() -> None:
    """The delete may have taken effect although its answer was lost: then there is no receipt left to extend."""
    held = Held()

    async def case() -> None:
        [lease] = await held.take()
        lease.settling = True
        await held.queue.delete([lease.message])
        await held.keep_for(60)
        assert lease.lost is None

    asyncio.run(case())


def test_two_copies_of_one_message_are_two_leases() -> None:
    held = Held(faults=Faults(receive=[Duplicate()]))

    async def case() -> None:
        [first] = await held.take()
        [second] = await held.take()
        assert first.message.message_id == second.message.message_id
        assert len(held.leases) == 2
        await held.leases.drop(first)
        assert held.leases.working() == [second]
        await held.keep_for(40)
        second.check()

    asyncio.run(case())


def test_a_dropped_lease_is_never_extended_again() -> None:
    held = Held(2)

    async def case() -> None:
        first, second = await held.take()
        await held.leases.drop(first)
        await held.keep_for(20)
        assert second.is_ours

    asyncio.run(case())
    assert {action.message_id for action in held.queue.history if action.what == "visibility"} == {"message-2"}


def test_dropping_waits_for_an_extension_that_is_under_way() -> None:
    """Else a late extension could undo the visibility that a verdict has set."""
    held = Held()
    started, answer = asyncio.Event(), asyncio.Event()

    class Slow:
        async def change_visibility(self, _: object) -> Sequence[EntryFailure]:
            started.set()
            await answer.wait()
            return ()

    async def case() -> None:
        [lease] = await held.take()
        held.leases._queue = Slow()  # type: ignore[assignment]
        held.clock.advance(11)
        extending = asyncio.ensure_future(held.leases.extend_due())
        await started.wait()
        dropping = asyncio.ensure_future(held.leases.drop(lease))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not dropping.done()
        answer.set()
        await asyncio.gather(dropping, extending)

    asyncio.run(case())


def test_no_extension_reaches_beyond_twelve_hours_from_the_receive() -> None:
    held = Held(visibility=40_000)

    async def case() -> None:
        [lease] = await held.take()
        await held.keep_for(DAY)
        assert not lease.is_ours

    asyncio.run(case())
    asked = [action for action in held.queue.history if action.what in ("visibility", "refused")]
    assert all(action.what == "visibility" for action in asked)
    assert all(action.at + (action.seconds or 0) <= 43_200 for action in asked)


def test_the_last_minutes_before_the_twelve_hours_are_no_loop() -> None:
    held = Held(visibility=30)
    calls = 0

    async def case() -> None:
        nonlocal calls
        [lease] = await held.take()
        lease.received = held.clock.monotonic() - 43_200 + 20
        await held.keep_for(100)
        calls = len(held.extended())

    asyncio.run(case())
    assert calls <= 30


def test_stopping_work_concerns_every_open_lease_and_leaves_them_alive() -> None:
    held = Held(2)

    async def case() -> None:
        taken = await held.take()
        held.leases.stop_work()
        for lease in taken:
            assert lease.is_ours
            with pytest.raises(Stopped):
                lease.check()

    asyncio.run(case())


def test_a_lease_is_checked_from_other_threads_while_the_loop_extends() -> None:
    held = Held(faults=Faults(change_visibility=[Before(lambda: None), FailEntries(gone=True)]))

    async def case() -> None:
        [lease] = await held.take()

        def work() -> None:
            while True:
                lease.check()

        working = asyncio.ensure_future(asyncio.to_thread(work))
        await held.keep_for(60)
        await until(working.done)
        assert isinstance(working.exception(), LeaseLost)

    asyncio.run(case())
