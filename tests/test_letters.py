"""A message that fails does not silently grow too old for its queue."""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest
from bench import PACE, Bench, run_for

from cloudtrail_processing.errors import TransientError
from cloudtrail_processing.flow import Delete, QueueMessage, Reject, Release, Retry, Verdict
from cloudtrail_processing.letters import in_time
from cloudtrail_processing.testing import FakeQueue

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DAY = 86_400
AGAIN = Retry(60, "TransientError: busy")


def judged(verdict: Verdict, *, hours: float | None, copies: bool, retention: float | None = DAY) -> tuple[str, bool]:
    """The kind of verdict for a message of that age, and whether an operator is told of it."""
    sent = None if hours is None else NOW - timedelta(hours=hours)
    message = QueueMessage("m", "", "r", sent_at=sent)
    result, concern = in_time(verdict, message, now=NOW, retention=retention, copies=copies)
    return type(result).__name__, concern is not None


@pytest.mark.parametrize(
    ("hours", "copies", "expected"),
    [
        (11.9, True, ("Retry", False)),
        (12, True, ("Retry", True)),
        (19.1, True, ("Retry", True)),
        (19.2, True, ("Reject", True)),
        (19.2, False, ("Retry", True)),
        (100, True, ("Reject", True)),
        (-1, True, ("Retry", False)),
        (None, True, ("Retry", False)),
    ],
)
def test_a_message_is_told_of_at_half_its_life_and_copied_before_its_end(
    hours: float | None, copies: bool, expected: tuple[str, bool]
) -> None:
    assert judged(AGAIN, hours=hours, copies=copies) == expected


@pytest.mark.parametrize("verdict", [Delete(), Release("stop"), Reject(5, "CorruptLog: x", error="CorruptLog")])
def test_no_other_verdict_is_touched_by_age(verdict: Verdict) -> None:
    assert judged(verdict, hours=23, copies=True) == (type(verdict).__name__, False)


def test_a_queue_that_does_not_tell_its_retention_says_nothing_of_age() -> None:
    assert judged(AGAIN, hours=99, copies=True, retention=None) == ("Retry", False)


def test_the_copy_says_what_had_failed() -> None:
    message = QueueMessage("m", "", "r", sent_at=NOW - timedelta(hours=20))
    result, _ = in_time(AGAIN, message, now=NOW, retention=DAY, copies=True)
    assert isinstance(result, Reject)
    assert (result.error, result.after) == ("TransientError", 60)
    assert "retention" in result.reason


def test_a_message_that_always_fails_is_in_the_dead_letter_queue_before_its_own_queue_drops_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_: object) -> None:
        raise TransientError("the sink is down")

    bench = Bench(act=fail, pace=PACE)
    bench.queue = FakeQueue(clock=bench.clock, retention=600)
    grave = FakeQueue(clock=bench.clock)
    message = bench.announce("a")
    with caplog.at_level(logging.ERROR):
        asyncio.run(run_for(bench.worker(dead_letters=grave), bench.clock, 700))
    assert (bench.queue.messages_left, grave.messages_left) == (0, 1)
    assert "expired" not in bench.queue.history_of(message)
    assert "SQS drops it" in caplog.text
