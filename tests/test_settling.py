"""Verdicts take effect in tens; what fails is tried again alone, so often and no more, and then told of."""

import asyncio
import itertools
import math
from collections.abc import Awaitable, Sequence
from typing import TypeVar

import pytest
from bench import finished

from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.flow import Delete, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.letters import ERROR, REASON
from cloudtrail_processing.ports import EntryFailure, Letter, Unsent
from cloudtrail_processing.processor import Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.settling import Settled, Settling, seconds_hidden
from cloudtrail_processing.testing import FailEntries, FakeQueue, Faults, LostResponse, ManualClock
from cloudtrail_processing.testing.faults import Fault

DOWN = TransientError("down")
ATTEMPTS = 4
REJECT = Reject(60, "CorruptLog: s3://trail/a: not gzip", error="CorruptLog")
COPIED = Delete(copied=True)
T = TypeVar("T")


class Desk:
    """A settling over a fake queue that notes the size of every call."""

    def __init__(
        self,
        count: int = 1,
        *,
        faults: Faults | None = None,
        reporter: ProgressReporter | None = None,
        dead_faults: Faults | None = None,
    ) -> None:
        self.clock = ManualClock()
        self.dead = FakeQueue(clock=self.clock, faults=dead_faults)
        self.queue = FakeQueue(map(str, range(count)), clock=self.clock, faults=faults)
        self.calls: list[tuple[str, int]] = []
        self.failures: list[Failure] = []
        self.settling = Settling(
            self,  # type: ignore[arg-type]
            clock=self.clock,
            progress=Progress(reporter or ProgressReporter()),
            on_failure=self.failures.append,
            attempts=ATTEMPTS,
            backoff=Backoff(first=1, cap=4),
            dead_letters=self,
        )

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        self.calls.append(("delete", len(messages)))
        return await self.queue.delete(messages)

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        self.calls.append(("change", len(changes)))
        return await self.queue.change_visibility(changes)

    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        self.calls.append(("post", len(letters)))
        return await self.dead.post(letters)

    async def receive(self) -> list[QueueMessage]:
        received: list[QueueMessage] = []
        while more := await self.queue.receive(limit=10, wait=0, visibility=300):
            received += more
        return received

    async def settle(self, *verdicts: tuple[QueueMessage, Verdict], until: float = math.inf) -> list[Settled]:
        return await self.carried_out(
            *(self.settling.settle(message, verdict, until=until) for message, verdict in verdicts)
        )

    async def carried_out(self, *settles: Awaitable[T]) -> list[T]:
        running = asyncio.ensure_future(self.settling.run())
        settled: list[T] = await finished(asyncio.gather(*settles), self.clock)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return settled

    def copy_all(self) -> list[Delete | Reject]:
        """What is left to do about each message after it was to be copied."""

        async def case() -> list[Delete | Reject]:
            return await self.carried_out(*(self.settling.copy(message, REJECT) for message in await self.receive()))

        return asyncio.run(case())

    def in_dead_letters(self) -> list[str]:
        """The bodies there, without what was received or deleted; sorted as numbers."""
        return sorted((held.body for held in self.dead._held.values()), key=int)

    def all_at_once(self, verdict: Verdict) -> list[Settled]:
        async def case() -> list[Settled]:
            return await self.settle(*((message, verdict) for message in await self.receive()))

        return asyncio.run(case())


def test_verdicts_are_carried_out_in_tens_by_kind() -> None:
    desk = Desk(34)

    async def case() -> list[Settled]:
        messages = await desk.receive()
        verdicts: Sequence[Verdict] = [Delete()] * 23 + [Release("stop")] * 5 + [Retry(9, "later")] * 6
        return await desk.settle(*zip(messages, verdicts, strict=True))

    settled = asyncio.run(case())
    assert all(one.done for one in settled)
    assert sorted(desk.calls) == [("change", 1), ("change", 10), ("delete", 3), ("delete", 10), ("delete", 10)]
    assert desk.queue.messages_left == 11


def test_a_batch_waits_only_shortly_to_fill_up() -> None:
    desk = Desk()
    desk.all_at_once(Delete())
    [deleted] = [action for action in desk.queue.history if action.what == "deleted"]
    assert deleted.at <= 0.2


@pytest.mark.parametrize(
    ("verdict", "seconds"),
    [
        (Release("stop"), 0),
        (Retry(0, ""), 0),
        (Retry(-7, ""), 0),
        (Retry(-math.inf, ""), 0),
        (Retry(0.4, ""), 1),
        (Retry(30, ""), 30),
        (Reject(30.2, ""), 31),
        (Retry(1e9, ""), 43_199),
        (Reject(math.inf, ""), 43_199),
        (Retry(math.nan, ""), 43_199),
    ],
    ids=str,
)
def test_every_delay_is_one_that_sqs_accepts(verdict: Retry | Release | Reject, seconds: int) -> None:
    assert seconds_hidden(verdict) == seconds
    desk = Desk()
    [settled] = desk.all_at_once(verdict)
    assert settled.done
    assert [action.seconds for action in desk.queue.history if action.what == "visibility"] == [seconds]


@pytest.mark.parametrize("worked", [0, 30_000, 43_100, 43_198])
def test_no_delay_reaches_beyond_twelve_hours_from_the_receive(worked: int) -> None:
    desk = Desk()

    async def case() -> Settled:
        [message] = await desk.queue.receive(limit=1, wait=0, visibility=43_200)
        desk.clock.advance(worked)
        [settled] = await desk.settle((message, Retry(1e9, "")), until=43_200)
        return settled

    assert asyncio.run(case()).done
    assert not desk.failures


def test_only_the_entries_that_failed_are_tried_again() -> None:
    desk = Desk(10, faults=Faults(delete=[FailEntries((2, 7)), FailEntries((0,))]))
    assert all(one.done for one in desk.all_at_once(Delete()))
    assert desk.calls == [("delete", 10), ("delete", 2), ("delete", 1)]
    assert desk.queue.messages_left == 0
    assert not desk.failures


@pytest.mark.parametrize("fault", [DOWN, LostResponse(), RuntimeError("foreign"), FailEntries()], ids=repr)
@pytest.mark.parametrize("verdict", [Delete(), Retry(9, "")], ids=str)
def test_a_call_that_fails_as_a_whole_loses_no_entry(fault: Fault, verdict: Verdict) -> None:
    desk = Desk(10, faults=Faults([None, None, fault, fault]))  # two receives go well
    assert all(one.done for one in desk.all_at_once(verdict))
    assert len(desk.calls) == 3
    what = "deleted" if verdict == Delete() else "visibility"
    assert len({action.message_id for action in desk.queue.history if action.what == what}) == 10


@pytest.mark.parametrize(
    "fault", [DOWN, ConfigurationError("denied"), RuntimeError("foreign"), FailEntries()], ids=repr
)
@pytest.mark.parametrize("verdict", [Delete(), Release("")], ids=str)
def test_what_never_works_is_given_up_after_some_tries_and_told(fault: Fault, verdict: Verdict) -> None:
    faults = itertools.repeat(fault)
    desk = Desk(3, faults=Faults(delete=faults, change_visibility=faults))
    settled = desk.all_at_once(verdict)
    assert [one.done for one in settled] == [False] * 3
    assert len(desk.calls) == ATTEMPTS
    assert {(failure.stage, failure.message) for failure in desk.failures} == {
        (Stage.SETTLE, one.message) for one in settled
    }
    text = str(desk.failures[0].error)
    assert "message-1" in text
    assert "comes back when its visibility timeout is over" in text
    assert isinstance(desk.failures[0].error, ConfigurationError) == isinstance(fault, ConfigurationError)


def test_tries_are_spread_over_time() -> None:
    desk = Desk(faults=Faults(delete=itertools.repeat(DOWN)))
    desk.all_at_once(Delete())
    assert desk.clock.monotonic() >= 0.5 + 1 + 2


def test_a_receipt_that_is_gone_is_not_tried_again() -> None:
    desk = Desk(2, faults=Faults(delete=[FailEntries((0,), gone=True)]))
    assert sorted(one.done for one in desk.all_at_once(Delete())) == [False, True]
    assert desk.calls == [("delete", 2)]
    assert len(desk.failures) == 1


def test_new_verdicts_do_not_wait_for_those_that_are_tried_again() -> None:
    desk = Desk(2, faults=Faults(delete=[DOWN, None, DOWN, DOWN]))

    async def case() -> None:
        first, second = await desk.receive()
        running = asyncio.ensure_future(desk.settling.run())
        slow = asyncio.ensure_future(desk.settling.settle(first, Delete()))
        await desk.clock.elapse(0.3)
        quick = asyncio.ensure_future(desk.settling.settle(second, Delete()))
        await desk.clock.elapse(0.15)
        assert (quick.done(), slow.done()) == (True, False)
        await finished(slow, desk.clock)
        running.cancel()

    asyncio.run(case())


def test_it_counts_what_has_not_taken_effect_yet() -> None:
    desk = Desk(3, faults=Faults(delete=[DOWN]))

    async def case() -> None:
        messages = await desk.receive()
        running = asyncio.ensure_future(desk.settling.run())
        settles = [asyncio.ensure_future(desk.settling.settle(message, Delete())) for message in messages]
        await desk.clock.elapse(0.2)
        assert desk.settling.waiting == 3
        await finished(asyncio.gather(*settles), desk.clock)
        assert desk.settling.waiting == 0
        running.cancel()

    asyncio.run(case())


def test_when_it_ends_no_call_is_left_behind() -> None:
    desk = Desk()

    async def hang(messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        await asyncio.Event().wait()
        raise AssertionError

    async def case() -> None:
        [message] = await desk.receive()
        desk.delete = hang  # type: ignore[method-assign]
        running = asyncio.ensure_future(desk.settling.run())
        settle = asyncio.ensure_future(desk.settling.settle(message, Delete()))
        await desk.clock.elapse(1)
        running.cancel()
        settle.cancel()
        await asyncio.gather(running, settle, return_exceptions=True)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(case())


def test_every_try_to_delete_is_reported_with_how_it_went() -> None:
    told: list[ProgressStatus] = []

    class Reporter(ProgressReporter):
        def report_end(self, status: ProgressStatus, token: object) -> None:
            told.append(status)

    desk = Desk(2, faults=Faults(delete=[DOWN, FailEntries((1,))]), reporter=Reporter())

    async def case() -> None:
        first, second = await desk.receive()
        await desk.settle((first, Delete()), (second, Delete(filtered=True)))

    asyncio.run(case())
    steps = [(status.state, status.succeeded) for status in told]
    mine, filtered = ProgressState.DELETE_MESSAGE, ProgressState.DELETE_FILTERED_MESSAGE
    assert [step for step in steps if step[0] is mine] == [(mine, False), (mine, True)]
    assert [step for step in steps if step[0] is filtered] == [(filtered, False), (filtered, False), (filtered, True)]


def test_rejected_messages_are_copied_in_tens_and_only_then_may_be_deleted() -> None:
    desk = Desk(23)
    assert desk.copy_all() == [COPIED] * 23
    assert sorted(desk.calls) == [("post", 3), ("post", 10), ("post", 10)]
    assert desk.in_dead_letters() == [str(number) for number in range(23)]
    assert desk.queue.messages_left == 23


def test_a_copy_tells_why_it_was_rejected() -> None:
    desk = Desk()
    desk.copy_all()
    [copy] = asyncio.run(desk.dead.receive(limit=1, wait=0, visibility=30))
    assert (copy.attributes[ERROR], copy.attributes[REASON]) == (REJECT.error, REJECT.reason)


def test_only_letters_that_were_not_confirmed_are_sent_again() -> None:
    desk = Desk(10, dead_faults=Faults(post=[FailEntries((2, 7)), FailEntries((0,))]))
    assert desk.copy_all() == [COPIED] * 10
    assert desk.calls == [("post", 10), ("post", 2), ("post", 1)]
    assert desk.in_dead_letters() == [str(number) for number in range(10)]
    assert not desk.failures


@pytest.mark.parametrize("fault", [DOWN, RuntimeError("foreign"), FailEntries()], ids=repr)
def test_a_post_that_fails_as_a_whole_is_tried_again(fault: Fault) -> None:
    desk = Desk(10, dead_faults=Faults(post=[fault, fault]))
    assert desk.copy_all() == [COPIED] * 10
    assert desk.in_dead_letters() == [str(number) for number in range(10)]


def test_a_copy_whose_confirmation_was_lost_is_sent_again() -> None:
    desk = Desk(2, dead_faults=Faults(post=[LostResponse()]))
    assert desk.copy_all() == [COPIED] * 2
    assert desk.in_dead_letters() == ["0", "0", "1", "1"]


@pytest.mark.parametrize(
    "fault", [DOWN, ConfigurationError("denied"), RuntimeError("foreign"), FailEntries(), LostResponse()], ids=repr
)
def test_without_confirmation_a_message_stays_rejected_and_that_is_told(fault: Fault) -> None:
    desk = Desk(3, dead_faults=Faults(post=itertools.repeat(fault)))
    assert desk.copy_all() == [REJECT] * 3
    assert len(desk.calls) == ATTEMPTS
    assert [failure.stage for failure in desk.failures] == [Stage.SETTLE] * 3
    text = str(desk.failures[0].error)
    assert "message-1 could not be sent to the dead-letter queue in 4 tries" in text
    assert "stays in its own queue" in text
    assert isinstance(desk.failures[0].error, ConfigurationError) == isinstance(fault, ConfigurationError)


def test_a_dead_letter_queue_that_does_not_answer_properly_confirms_nothing() -> None:
    desk = Desk()

    async def nonsense(letters: Sequence[Letter]) -> Sequence[Unsent]:
        return None  # type: ignore[return-value]

    desk.post = nonsense  # type: ignore[method-assign]
    assert desk.copy_all() == [REJECT]


def test_without_a_dead_letter_queue_nothing_is_sent() -> None:
    desk = Desk()
    plain = Settling(
        desk.queue, clock=desk.clock, progress=Progress(ProgressReporter()), on_failure=desk.failures.append
    )
    [message] = asyncio.run(desk.receive())
    assert asyncio.run(plain.copy(message, REJECT)) == REJECT
    assert (plain.copies, desk.settling.copies, desk.calls) == (False, True, [])


def test_a_message_whose_copying_was_cancelled_is_not_sent_any_more() -> None:
    desk = Desk(dead_faults=Faults(post=[DOWN]))

    async def case() -> None:
        [message] = await desk.receive()
        running = asyncio.ensure_future(desk.settling.run())
        copy = asyncio.ensure_future(desk.settling.copy(message, REJECT))
        await desk.clock.elapse(0.3)
        copy.cancel()
        await desk.clock.elapse(30)
        running.cancel()
        await asyncio.gather(running, copy, return_exceptions=True)

    asyncio.run(case())
    assert desk.calls == [("post", 1)]
    assert desk.in_dead_letters() == []


def test_the_delete_of_a_copied_message_is_reported_as_any_other() -> None:
    told: list[ProgressStatus] = []

    class Reporter(ProgressReporter):
        def report_end(self, status: ProgressStatus, token: object) -> None:
            told.append(status)

    desk = Desk(reporter=Reporter())
    desk.all_at_once(COPIED)
    assert [(status.state, status.succeeded) for status in told] == [(ProgressState.DELETE_MESSAGE, True)]
