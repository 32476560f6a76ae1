"""A queue is asked about itself until it answers: at first what is wrong for good is raised, later nothing is."""

import asyncio
from collections.abc import Sequence

import pytest

from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.introduction import Introduction, batch_of
from cloudtrail_processing.ports import QueueInfo
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import FakeQueue, Faults, ManualClock
from cloudtrail_processing.testing.faults import Fault

DOWN = TransientError("down")
DENIED = ConfigurationError("AccessDenied: sqs:GetQueueAttributes")


class Meeting:
    """An introduction to a fake queue; ``known`` is what was learned."""

    def __init__(self, *faults: Fault, copies: bool = False, fifo: bool = False) -> None:
        self.clock = ManualClock()
        self.known: list[QueueInfo] = []
        self.introduction = Introduction(
            FakeQueue(clock=self.clock, fifo=fifo, retention=1000, faults=Faults(info=faults)),
            clock=self.clock,
            backoff=Backoff(first=5, cap=5),
            copies=copies,
            known=self.known.append,
        )

    async def take_place(self, seconds: float) -> bool:
        """Begin, and repeat for so long; True when nothing was left to ask."""
        await self.introduction.begin()
        repeating = asyncio.ensure_future(self.introduction.repeat())
        await self.clock.elapse(seconds)
        over = repeating.done()
        repeating.cancel()
        await asyncio.gather(repeating, return_exceptions=True)
        return over


def test_a_queue_that_answers_is_asked_once() -> None:
    meeting = Meeting()
    assert asyncio.run(meeting.take_place(0))
    assert [info.retention for info in meeting.known] == [1000]


def test_what_is_wrong_for_good_is_raised_at_the_beginning() -> None:
    meeting = Meeting(DENIED)
    with pytest.raises(ConfigurationError, match="GetQueueAttributes"):
        asyncio.run(meeting.take_place(0))


@pytest.mark.parametrize("faults", [[DOWN], [DOWN, DOWN, DENIED, DOWN]], ids=["once", "for a while"])
def test_it_is_asked_again_until_it_answers_whatever_it_says_until_then(
    faults: Sequence[Fault], caplog: pytest.LogCaptureFixture
) -> None:
    meeting = Meeting(*faults)
    assert asyncio.run(meeting.take_place(60))
    assert len(meeting.known) == 1
    assert caplog.text.count("ask the queue about itself") == len(faults)
    assert caplog.text.count("redrive policy") == 1


def test_it_is_not_asked_in_a_hurry() -> None:
    meeting = Meeting(*[DOWN] * 20)
    assert not asyncio.run(meeting.take_place(40))
    assert not meeting.known


@pytest.mark.parametrize(("fifo", "batch"), [(True, 1), (False, 10)])
def test_of_a_fifo_queue_one_message_is_received_at_a_time(*, fifo: bool, batch: int) -> None:
    meeting = Meeting(fifo=fifo)
    asyncio.run(meeting.take_place(0))
    assert [batch_of(info) for info in meeting.known] == [batch]
