"""A drain ends when nothing is left to do, and with the error when nothing can be done."""

import asyncio
from typing import Any

import pytest
from bench import finished

from cloudtrail_processing.circuit import Circuit
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, TransientError
from cloudtrail_processing.idle import EMPTY_POLLS, FAILED_POLLS, Idle
from cloudtrail_processing.intake import Intake
from cloudtrail_processing.progress import Progress, ProgressReporter
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import FakeQueue, Faults, ManualClock


class Watch:
    """Watches an intake whose polls the test only pretends."""

    def __init__(self, *faults: CloudTrailProcessingError) -> None:
        self.clock = ManualClock()
        self.queue = FakeQueue(clock=self.clock, faults=Faults(info=faults))
        self.circuit = Circuit(self.clock)
        self.busy = False
        self.stopping = asyncio.Event()
        self.intake = Intake(
            self.queue,
            permits=1,
            visibility=30,
            clock=self.clock,
            progress=Progress(ProgressReporter()),
            backoff=Backoff(first=1, cap=1),
            gate=self.circuit,
            on_messages=lambda *_: None,
            on_error=lambda _: None,
        )
        self.intake.empty_polls = EMPTY_POLLS

    def reached(self, *, patience: float = 0) -> Any:
        idle = Idle(self.queue, clock=self.clock, intake=self.intake, circuit=self.circuit, is_busy=lambda: self.busy)
        return idle.reached(patience=patience, stopping=self.stopping)

    async def goes_on(self) -> bool:
        """True when it is not reached within a minute."""
        waiting = asyncio.ensure_future(self.reached(patience=5))
        await self.clock.elapse(60)
        over = waiting.done()
        self.stopping.set()
        await finished(waiting, self.clock)
        return not over


def test_enough_empty_answers_and_nothing_in_hand_are_idle() -> None:
    watch = Watch()
    asyncio.run(finished(watch.reached(), watch.clock))
    assert watch.clock.monotonic() <= 1


def test_one_empty_answer_too_few_is_not() -> None:
    watch = Watch()
    watch.intake.empty_polls = EMPTY_POLLS - 1
    assert asyncio.run(watch.goes_on())


def test_work_in_hand_is_not() -> None:
    watch = Watch()
    watch.busy = True
    assert asyncio.run(watch.goes_on())


@pytest.mark.parametrize("patience", [0, 20])
def test_what_is_hidden_is_waited_for_as_long_as_was_said(patience: float) -> None:
    watch = Watch()
    watch.queue.send("later", delay=1000)
    asyncio.run(finished(watch.reached(patience=patience), watch.clock, within=patience + 2))
    assert watch.clock.monotonic() >= patience


def test_an_empty_queue_is_not_waited_for_even_if_it_cannot_be_asked_at_first() -> None:
    watch = Watch(TransientError("busy"))
    asyncio.run(finished(watch.reached(patience=1000), watch.clock))
    assert watch.clock.monotonic() <= 5


def test_polls_that_keep_failing_end_it_with_their_error() -> None:
    watch = Watch()
    watch.intake.last_error, watch.intake.failed_polls = ConfigurationError("AccessDenied"), FAILED_POLLS
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        asyncio.run(finished(watch.reached(), watch.clock))
    assert watch.clock.monotonic() <= 1
