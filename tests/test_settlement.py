"""Every combination of outcomes has one verdict, and only complete evidence deletes."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from cloudtrail_processing.errors import (
    BookkeepingError,
    Claimed,
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    Disposition,
    LeaseLost,
    LogGone,
    LogTooLarge,
    NotificationError,
    ProcessorError,
    Refuse,
    RejectedRecords,
    RetryLater,
    SettingsError,
    Stopped,
    TransientError,
)
from cloudtrail_processing.flow import (
    Delete,
    Failed,
    Handled,
    Ignored,
    LogObject,
    Outcome,
    Processed,
    QueueMessage,
    Reject,
    Release,
    Retry,
    Skipped,
    Verdict,
)
from cloudtrail_processing.settlement import disposition, settle, settle_copied

LOG = LogObject("trail", "key")
DELAY = 30.0
ERRORS: list[CloudTrailProcessingError] = [
    TransientError("t"),
    ConfigurationError("c"),
    SettingsError("s"),
    LogGone("g"),
    ProcessorError("p"),
    RetryLater("r", after=7),
    LeaseLost("l"),
    CorruptLog("x"),
    LogTooLarge("y"),
    RejectedRecords("z"),
    NotificationError("n"),
    Refuse("f"),
    Stopped("o"),
]
INTERRUPTIONS = (Stopped, LeaseLost)


@dataclass(frozen=True)
class Case:
    """One outcome, and the verdict that it leads to when it stands alone."""

    outcome: Outcome
    alone: type[Verdict]


def _cases(errors: list[CloudTrailProcessingError]) -> Iterator[Case]:
    yield Case(Processed(LOG, records=3, delivered=2, filtered=1), Delete)
    yield Case(Skipped(LOG, "a filter said so"), Delete)
    yield Case(Ignored("a test event"), Delete)
    for error, chosen in itertools.product(errors, [None, *Disposition]):
        yield Case(Failed(LOG, error, chosen=chosen), _expected(error, chosen))


def _expected(error: CloudTrailProcessingError, chosen: Disposition | None) -> type[Verdict]:
    """The failure table of the design, written once more."""
    if isinstance(error, Stopped):
        return Release
    if isinstance(error, LeaseLost):
        return Retry
    if chosen is not None:
        return Reject if chosen is Disposition.REJECT else Retry
    return Reject if type(error) in (CorruptLog, LogTooLarge, RejectedRecords, NotificationError, Refuse) else Retry


ALL = list(_cases(ERRORS))
ONE_OF_EACH = list(_cases([ERRORS[0], ERRORS[5], ERRORS[6], ERRORS[7], ERRORS[12]]))
MOST_HOPEFUL_FIRST: list[type[Verdict]] = [Release, Retry, Reject, Delete]


def _settled(*outcomes: Outcome, named: int | None = None) -> Verdict:
    message = QueueMessage("m", "body", "receipt")
    return settle(Handled(message, len(outcomes) if named is None else named, outcomes), delay=DELAY)


@pytest.mark.parametrize("case", ALL, ids=str)
def test_each_outcome_alone_has_the_verdict_of_the_failure_table(case: Case) -> None:
    assert type(_settled(case.outcome)) is case.alone


@pytest.mark.parametrize("count", [2, 3])
def test_among_several_outcomes_the_most_hopeful_failure_decides(count: int) -> None:
    for cases in itertools.product(ONE_OF_EACH, repeat=count):
        expected = min((case.alone for case in cases), key=MOST_HOPEFUL_FIRST.index)
        assert type(_settled(*(case.outcome for case in cases))) is expected, cases


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_a_message_is_deleted_if_and_only_if_everything_it_names_is_evidence(count: int) -> None:
    for cases in itertools.product(ONE_OF_EACH, repeat=count):
        evidence = count > 0 and not any(isinstance(case.outcome, Failed) for case in cases)
        for named in range(5):
            verdict = _settled(*(case.outcome for case in cases), named=named)
            assert isinstance(verdict, Delete) == (evidence and named == count), (cases, named)


@pytest.mark.parametrize("chosen", [None, *Disposition])
@pytest.mark.parametrize("error", [Stopped("stop"), LeaseLost("lost")], ids=["Stopped", "LeaseLost"])
def test_no_handler_can_let_go_of_work_that_was_only_interrupted(
    error: CloudTrailProcessingError, chosen: Disposition | None
) -> None:
    assert disposition(Failed(LOG, error, chosen=chosen)) is error.disposition


def test_failures_of_further_processors_count_as_much_as_the_first() -> None:
    for first, second in itertools.product(
        (case for case in ONE_OF_EACH if isinstance(case.outcome, Failed)), repeat=2
    ):
        assert isinstance(first.outcome, Failed)
        assert isinstance(second.outcome, Failed)
        verdict = _settled(replace(first.outcome, also=(second.outcome,)))
        assert type(verdict) is min(first.alone, second.alone, key=MOST_HOPEFUL_FIRST.index)


def test_only_a_handler_may_say_skip_not_an_error_class() -> None:
    class Careless(Refuse):
        disposition = Disposition.SKIP

    assert disposition(Failed(LOG, Careless("drop it"))) is not Disposition.SKIP
    assert isinstance(_settled(Failed(LOG, Careless("drop it"))), Retry)


def test_a_delete_tells_whether_anything_had_to_be_read() -> None:
    read, unread = Processed(LOG, records=1, delivered=0, filtered=1), Skipped(LOG, "")
    assert _settled(unread, Ignored("")) == Delete(filtered=True)
    assert _settled(unread, read) == Delete(filtered=False)


@pytest.mark.parametrize(
    ("asked", "after"), [(7, 7), (None, DELAY), (0, 0), (-5, 0), (0.4, 0.4), (1e9, 1e9), (math.nan, DELAY)]
)
def test_a_processor_gets_the_time_it_asked_for(asked: float | None, after: float) -> None:
    verdict = _settled(Failed(LOG, RetryLater(after=asked)))
    assert isinstance(verdict, Retry)
    assert verdict.after == after


@pytest.mark.parametrize("asked", ["60", timedelta(minutes=1), object()])
def test_a_time_that_is_no_number_costs_nothing_but_its_wish(asked: Any) -> None:
    assert _settled(Failed(LOG, RetryLater(after=asked))) == Retry(
        after=DELAY, reason="RetryLater: the processor asked to retry later"
    )


def test_of_several_wishes_the_latest_is_granted() -> None:
    outcomes = [Failed(LOG, RetryLater(after=5)), Failed(LOG, RetryLater(after=50)), Failed(LOG, TransientError())]
    verdict = _settled(*outcomes)
    assert isinstance(verdict, Retry)
    assert verdict.after == 50


@pytest.mark.parametrize("word", [False, None, 0, 1, "yes"])
def test_a_rejected_message_goes_only_when_its_copy_is_confirmed(word: Any) -> None:
    rejected = Reject(after=DELAY, reason="CorruptLog: bad")
    assert settle_copied(rejected, copied=True) == Delete(copied=True)
    assert settle_copied(rejected, copied=word) is rejected


def test_a_message_whose_log_another_worker_has_waits_for_the_end_of_its_claim() -> None:
    verdict = _settled(Failed(LOG, Claimed("taken", after=7)))
    assert verdict == Retry(after=7, reason="Claimed: taken")


@pytest.mark.parametrize(("asked", "delay", "after"), [(7, 240, 240), (500, 240, 500), (math.nan, 240, 240)])
def test_a_claim_that_stands_for_long_does_not_use_up_the_receives_of_a_message(
    asked: float, delay: float, after: float
) -> None:
    """Work that takes hours renews its claim: a duplicate must not come back every few seconds until it is dead."""
    message = QueueMessage("m", "", "", receive_count=2)
    verdict = settle(Handled(message, 1, (Failed(LOG, Claimed("taken", after=asked)),)), delay=delay)
    assert verdict == Retry(after=after, reason="Claimed: taken")


def test_a_processor_is_granted_its_time_however_often_the_message_came() -> None:
    message = QueueMessage("m", "", "", receive_count=9)
    verdict = settle(Handled(message, 1, (Failed(LOG, RetryLater("soon", after=1)),)), delay=DELAY)
    assert verdict == Retry(after=1, reason="RetryLater: soon")


def test_a_rejected_message_stays_hidden_for_the_usual_delay() -> None:
    assert _settled(Failed(LOG, CorruptLog("bad"))) == Reject(after=DELAY, reason="CorruptLog: bad", error="CorruptLog")


def test_the_reason_names_the_first_deciding_failure_and_counts_the_others() -> None:
    verdict = _settled(
        Failed(LOG, CorruptLog("bad")), Failed(LOG, TransientError("slow")), Failed(LOG, LogGone("gone"))
    )
    assert isinstance(verdict, Retry)
    assert verdict.reason == "TransientError: slow (and 1 more)"


def test_missing_outcomes_are_told_in_the_reason() -> None:
    assert _settled(Ignored(""), named=2) == Retry(
        after=DELAY, reason="only 1 of 2 things the message names are settled"
    )
    assert _settled(named=0) == Retry(after=DELAY, reason="nothing was settled")


def test_a_released_message_says_what_stopped() -> None:
    assert _settled(Failed(LOG, Stopped("the worker stops"))) == Release(reason="Stopped: the worker stops")


def test_what_waits_for_an_operator_waits_as_long_as_was_said_and_a_processor_or_a_claim_still_has_its_own_time() -> (
    None
):
    def after(error: CloudTrailProcessingError, *, denied: float | None) -> float:
        verdict = settle(Handled(QueueMessage("m", "", ""), 1, (Failed(LOG, error),)), delay=DELAY, denied=denied)
        assert isinstance(verdict, Retry)
        return verdict.after

    assert after(ConfigurationError("403"), denied=300) == 300
    assert after(ConfigurationError("403"), denied=None) == DELAY
    assert after(CredentialsError("expired"), denied=300) == DELAY
    assert after(TransientError("slow"), denied=300) == DELAY
    assert after(RetryLater(after=7), denied=300) == 7


# ── what waits for an operator ──


@pytest.mark.parametrize(
    "error", [ConfigurationError("c"), SettingsError("s")], ids=["ConfigurationError", "SettingsError"]
)
def test_what_waits_for_an_operator_waits_longer(error: CloudTrailProcessingError) -> None:
    message = QueueMessage(message_id="m", body="", receipt="r")
    handled = Handled(message, 2, (Failed(LOG, TransientError("t")), Failed(LOG, error)))
    assert settle(handled, delay=DELAY, denied=300) == Retry(after=300, reason="TransientError: t (and 1 more)")


@pytest.mark.parametrize("kind", [CredentialsError, BookkeepingError])
def test_when_nothing_can_work_nothing_is_received_so_a_message_may_come_back_soon(
    kind: type[CloudTrailProcessingError],
) -> None:
    message = QueueMessage(message_id="m", body="", receipt="r")
    verdict = settle(Handled(message, 1, (Failed(LOG, kind("gone")),)), delay=DELAY, denied=300)
    assert verdict == Retry(after=DELAY, reason=f"{kind.__name__}: gone")
