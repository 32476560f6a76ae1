"""Pollers receive only what can start now, and neither spin, nor die, nor lose a permit."""

import asyncio
import itertools
from collections.abc import Awaitable, Sequence

import pytest
from bench import finished

from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, TransientError
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.intake import Intake
from cloudtrail_processing.progress import Progress, ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import FakeQueue, Faults, LostResponse, ManualClock

DOWN = TransientError("down")


class Open:
    """Lets everything in, as long as it is ``open``; notes what it was told."""

    def __init__(self) -> None:
        self.open = True
        self.most: int | None = None
        self.told: list[int] = []
        self._change = asyncio.Event()

    def admit(self, limit: int) -> int:
        return min(limit, self.most or limit) if self.open else 0

    def changed(self) -> Awaitable[object]:
        return self._change.wait()

    def received(self, messages: int) -> None:
        self.told.append(messages)

    def change(self, *, is_open: bool) -> None:
        self.open = is_open
        self._change.set()
        self._change = asyncio.Event()


class Gate:
    """An intake over a fake queue; ``limits`` are what each receive asked for, ``at`` when it was sent."""

    def __init__(
        self,
        bodies: int = 0,
        *,
        permits: int = 4,
        faults: Faults | None = None,
        reporter: ProgressReporter | None = None,
        backoff: Backoff | None = None,
        gather: float = 0,
    ) -> None:
        self.clock = ManualClock()
        self.queue = FakeQueue(map(str, range(bodies)), clock=self.clock, faults=faults)
        self.limits: list[int] = []
        self.at: list[float] = []
        self.asking = 0
        self.most_asking = 0
        self.taken: list[QueueMessage] = []
        self.asked: list[float] = []
        self.errors: list[CloudTrailProcessingError] = []
        self.stopping = asyncio.Event()
        self.empty_at_once = False
        self.gate = Open()
        self.intake = Intake(
            self,  # type: ignore[arg-type]
            permits=permits,
            visibility=1000,
            clock=self.clock,
            progress=Progress(reporter or ProgressReporter()),
            backoff=backoff or Backoff(first=1, cap=8),
            gate=self.gate,
            on_messages=self._take,
            on_error=self.errors.append,
            gather=gather,
        )

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        self.limits.append(limit)
        self.at.append(self.clock.monotonic())
        self.asking += 1
        self.most_asking = max(self.most_asking, self.asking)
        try:
            wait = 0 if self.empty_at_once else wait
            return await self.queue.receive(limit=limit, wait=wait, visibility=visibility)
        finally:
            self.asking -= 1

    def _take(self, messages: Sequence[QueueMessage], asked: float) -> None:
        self.taken += messages
        self.asked.append(asked)

    def give_back(self, count: int) -> None:
        for _ in range(count):
            self.intake.give_back()

    def free(self) -> int:
        return self.intake._permits._value

    async def poll_for(self, seconds: float, *, wait: float = 20, pollers: int = 1) -> None:
        polls = [asyncio.ensure_future(self.intake.poll(wait=wait, stopping=self.stopping)) for _ in range(pollers)]
        await self.clock.elapse(seconds)
        assert not any(poll.done() for poll in polls)
        self.stopping.set()
        if len(self.taken) == 4:
            self.give_back(4)
        await finished(asyncio.gather(*polls), self.clock)


def test_no_more_is_received_than_there_are_permits() -> None:
    gate = Gate(20, permits=4)
    asyncio.run(gate.poll_for(60))
    assert len(gate.taken) == 4
    assert max(gate.limits) == 4


def test_one_call_never_asks_for_more_than_a_batch() -> None:
    gate = Gate(1, permits=100)
    asyncio.run(gate.poll_for(5))
    assert set(gate.limits) == {10}


async def limits_after(gate: Gate, *steps: tuple[int, float], pollers: int = 1) -> list[int]:
    """What is asked for after each step: so many permits given back, then so many seconds."""
    polls = [asyncio.ensure_future(gate.intake.poll(wait=0, stopping=gate.stopping)) for _ in range(pollers)]
    await gate.clock.elapse(0.01)
    first = len(gate.limits)
    for count, seconds in steps:
        gate.give_back(count)
        await gate.clock.elapse(seconds)
    gate.stopping.set()
    gate.give_back(40)
    await finished(asyncio.gather(*polls), gate.clock)
    return gate.limits[first:]


def test_a_call_for_few_messages_waits_a_moment_for_more_permits() -> None:
    gate = Gate(100, permits=40, gather=0.5)
    assert asyncio.run(limits_after(gate, (1, 0.1), (2, 0.1), (7, 0.01))) == [10]


def test_a_call_for_few_messages_does_not_wait_for_long() -> None:
    """Others may be worked on for hours."""
    gate = Gate(100, permits=40, gather=0.5)
    assert asyncio.run(limits_after(gate, (3, 0.4), (0, 0.2))) == [3]


def test_never_more_than_a_quarter_of_the_permits_waits() -> None:
    gate = Gate(100, permits=8, gather=0.5)
    assert asyncio.run(limits_after(gate, (2, 0.01))) == [2]
    alone = Gate(100, permits=1, gather=0.5)
    assert asyncio.run(limits_after(alone, (1, 0.01))) == [1]


def test_pollers_do_not_gather_against_each_other() -> None:
    gate = Gate(100, permits=40, gather=0.5)
    assert asyncio.run(limits_after(gate, (5, 0.1), (5, 0.01), pollers=2)) == [10]


def test_who_gathers_stops_at_once() -> None:
    gate = Gate(100, permits=40, gather=500)

    async def stopped() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=0, stopping=gate.stopping))
        await gate.clock.elapse(0.01)
        gate.give_back(1)
        await gate.clock.elapse(0.01)
        gate.stopping.set()
        await gate.clock.elapse(0.01)
        assert poll.done()

    asyncio.run(stopped())
    assert gate.free() == 1


@pytest.mark.parametrize("batch", [1, 3])
def test_the_batch_may_be_smaller(batch: int) -> None:
    gate = Gate(3, permits=100)
    gate.intake.batch = batch
    asyncio.run(gate.poll_for(5))
    assert max(gate.limits) == batch


def test_the_batch_may_grow_while_a_poll_runs() -> None:
    gate = Gate(30, permits=100)
    gate.intake.batch = 1

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await asyncio.sleep(0)
        gate.intake.batch = 10
        await gate.clock.elapse(5)
        gate.stopping.set()
        await finished(poll, gate.clock)

    asyncio.run(case())
    assert (gate.limits[0], gate.limits[-1], len(gate.taken)) == (1, 10, 30)


def test_a_permit_that_comes_back_lets_one_more_message_in() -> None:
    gate = Gate(20, permits=4)

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await gate.clock.elapse(5)
        assert len(gate.taken) == 4
        gate.give_back(1)
        await gate.clock.elapse(5)
        assert len(gate.taken) == 5
        gate.stopping.set()
        gate.give_back(4)
        await finished(poll, gate.clock)
        assert gate.free() == 4

    asyncio.run(case())


@pytest.mark.parametrize("fault", [None, DOWN, LostResponse(), RuntimeError("foreign")], ids=repr)
def test_no_permit_leaks_whatever_a_receive_comes_to(fault: Exception | LostResponse | None) -> None:
    """Empty receives, failed ones and foreign errors all give back what they had taken."""
    gate = Gate(faults=Faults(receive=itertools.repeat(fault)))
    asyncio.run(gate.poll_for(200, pollers=3))
    assert gate.free() == 4


def test_a_poller_that_is_cancelled_gives_its_permits_back() -> None:
    gate = Gate()

    async def case() -> None:
        polls = [asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping)) for _ in range(2)]
        await gate.clock.elapse(3)
        for poll in polls:
            poll.cancel()
        await asyncio.gather(*polls, return_exceptions=True)
        assert gate.free() == 4

    asyncio.run(case())


def test_pollers_ask_at_the_same_time() -> None:
    gate = Gate(permits=40)
    asyncio.run(gate.poll_for(19, pollers=3))
    assert gate.most_asking == 3


def test_two_pollers_cannot_block_each_other_over_the_last_permit() -> None:
    gate = Gate(50, permits=1)

    async def case() -> None:
        polls = [asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping)) for _ in range(2)]
        for done in range(1, 51):
            await gate.clock.elapse(0.1)
            assert len(gate.taken) == done
            gate.give_back(1)
        gate.stopping.set()
        await finished(asyncio.gather(*polls), gate.clock)
        assert gate.free() == 1

    asyncio.run(case())


@pytest.mark.parametrize("error", [DOWN, ConfigurationError("denied"), RuntimeError("foreign")], ids=repr)
def test_errors_slow_the_loop_down_and_never_end_it(error: Exception) -> None:
    gate = Gate(1, faults=Faults(receive=itertools.chain(itertools.repeat(error, 20), itertools.repeat(None))))
    asyncio.run(gate.poll_for(200))
    assert len(gate.taken) == 1
    assert len(gate.errors) == 20
    gaps = [later - earlier for earlier, later in itertools.pairwise(gate.at[:21])]
    assert gaps[0] >= 0.5
    assert all(4 <= gap <= 9 for gap in gaps[4:])
    assert len({round(gap, 3) for gap in gaps[4:]}) > 5, "the waits are spread out"


def test_a_foreign_error_is_told_as_one_of_ours_with_its_cause() -> None:
    foreign = RuntimeError("Session is closed")
    gate = Gate(faults=Faults(receive=[foreign]))
    asyncio.run(gate.poll_for(1))
    [error] = gate.errors
    assert isinstance(error, TransientError)
    assert error.__cause__ is foreign
    assert "RuntimeError: Session is closed" in str(error)


def test_failures_in_a_row_are_counted_until_one_call_goes_well() -> None:
    gate = Gate(faults=Faults(receive=[DOWN, DOWN]))

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=1, stopping=gate.stopping))
        await gate.clock.elapse(1.5)
        assert (gate.intake.failed_polls, gate.intake.last_error) == (2, DOWN)
        await gate.clock.elapse(5)
        assert gate.intake.failed_polls == 0
        gate.stopping.set()
        await finished(poll, gate.clock)

    asyncio.run(case())


@pytest.mark.parametrize("wait", [0, 1, 20])
def test_an_answer_that_is_empty_at_once_does_not_make_it_spin(wait: int) -> None:
    gate = Gate()
    gate.empty_at_once = True
    asyncio.run(gate.poll_for(100, wait=wait))
    assert 150 <= len(gate.at) <= 210


def test_nothing_is_held_while_a_poller_rests() -> None:
    gate = Gate(faults=Faults(receive=itertools.repeat(DOWN)), backoff=Backoff(first=100, cap=100))

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=1, stopping=gate.stopping))
        await gate.clock.elapse(10)
        assert gate.free() == 4
        gate.stopping.set()
        await finished(poll, gate.clock, within=1)

    asyncio.run(case())


def test_a_long_poll_costs_one_call_in_twenty_seconds() -> None:
    gate = Gate()
    asyncio.run(gate.poll_for(200))
    assert len(gate.at) <= 11


def test_the_time_of_asking_travels_with_the_messages() -> None:
    gate = Gate()

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await gate.clock.elapse(15)
        gate.queue.send("late")
        await gate.clock.elapse(1)
        gate.stopping.set()
        await finished(poll, gate.clock)

    asyncio.run(case())
    assert gate.asked == [0.0]


def test_a_poll_that_runs_when_the_worker_stops_still_hands_on_what_it_brings() -> None:
    gate = Gate()

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await gate.clock.elapse(5)
        gate.stopping.set()
        gate.queue.send("last")
        await finished(poll, gate.clock, within=1)
        assert len(gate.taken) == 1
        assert len(gate.at) == 1

    asyncio.run(case())


def test_a_poller_that_waits_for_a_permit_receives_nothing_after_the_stop() -> None:
    gate = Gate(9, permits=2)

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await gate.clock.elapse(1)
        gate.stopping.set()
        gate.give_back(2)
        await finished(poll, gate.clock)
        assert len(gate.taken) == 2

    asyncio.run(case())


def test_every_poll_is_reported_with_its_count_and_its_outcome() -> None:
    told: list[ProgressStatus] = []

    class Reporter(ProgressReporter):
        def report_end(self, status: ProgressStatus, token: object) -> None:
            told.append(status)

    gate = Gate(3, faults=Faults(receive=[DOWN]), reporter=Reporter())
    asyncio.run(gate.poll_for(2))
    assert [(status.state, status.succeeded, status.messages) for status in told[:2]] == [
        (ProgressState.POLL_QUEUE, False, 0),
        (ProgressState.POLL_QUEUE, True, 3),
    ]


# ── the gate ──


def test_nothing_is_received_while_the_gate_is_shut_and_all_of_it_goes_on_afterwards() -> None:
    gate = Gate(3)

    async def case() -> None:
        gate.gate.open = False
        polls = [asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping)) for _ in range(2)]
        await gate.clock.elapse(1000)
        assert (gate.at, gate.free()) == ([], 4)
        gate.gate.change(is_open=True)
        await gate.clock.elapse(1)
        assert len(gate.taken) == 3
        gate.stopping.set()
        gate.give_back(3)
        await finished(asyncio.gather(*polls), gate.clock)
        assert gate.free() == 4

    asyncio.run(case())


def test_a_shut_gate_delays_no_stop() -> None:
    gate = Gate(3)

    async def case() -> None:
        gate.gate.open = False
        poll = asyncio.ensure_future(gate.intake.poll(wait=20, stopping=gate.stopping))
        await gate.clock.elapse(1)
        gate.stopping.set()
        await finished(poll, gate.clock, within=0.1)
        assert (gate.free(), gate.at) == (4, [])

    asyncio.run(case())


def test_a_gate_may_let_in_fewer_and_hears_how_many_came() -> None:
    gate = Gate(3, faults=Faults(receive=[None, DOWN, None, None]))
    gate.gate.most = 1
    asyncio.run(gate.poll_for(30))
    assert set(gate.limits) == {1}
    assert gate.gate.told[:5] == [1, 0, 1, 1, 0]


def test_polls_that_fail_again_and_again_are_trouble_until_one_goes_well() -> None:
    gate = Gate(faults=Faults(receive=[DOWN] * 4))

    async def case() -> None:
        poll = asyncio.ensure_future(gate.intake.poll(wait=1, stopping=gate.stopping))
        await gate.clock.elapse(0.1)
        since = gate.intake.since
        assert gate.intake.trouble == ""
        await gate.clock.elapse(5)
        assert gate.intake.trouble.endswith("polls of the queue failed in a row: down")
        assert gate.intake.since == since
        await gate.clock.elapse(20)
        assert gate.intake.trouble == ""
        assert gate.intake.since > since
        gate.stopping.set()
        await finished(poll, gate.clock)

    asyncio.run(case())
