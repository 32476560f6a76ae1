"""A log is told from its other versions, claimed, allowed and left alone before anything else is asked of AWS."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from collecting import Collecting, Handler, ids, log_body, record

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.budget import Budget
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint
from cloudtrail_processing.delivery import Delivery, Holds, Lane
from cloudtrail_processing.errors import (
    BookkeepingError,
    Claimed,
    ConfigurationError,
    Disposition,
    LogGone,
    NotAllowed,
    Stopped,
    TransientError,
)
from cloudtrail_processing.failures import MissingLogs
from cloudtrail_processing.filters import source_filter
from cloudtrail_processing.flow import Failed, FetchedLog, LogObject, Outcome, Processed, QueueMessage, Skipped
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import Limits
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import Claim
from cloudtrail_processing.processor import Failure, Stage
from cloudtrail_processing.settlement import disposition
from cloudtrail_processing.testing import FakeLogStore, Faults
from cloudtrail_processing.usercode import UserCode

KEY = "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/01/01/111122223333_CloudTrail_eu-west-1_20260101T0000Z_a.json.gz"
BARE = log_object("trail", KEY)
BODY = log_body(record(n) for n in range(5))


class Bench:
    """One pipeline of fakes, with a checkpoint that outlives it."""

    def __init__(self, *sinks: Collecting, faults: Faults | None = None, **options: Any) -> None:
        self.sinks: Sequence[Collecting] = sinks or (Collecting(),)
        self.store = FakeLogStore({("trail", KEY): BODY}, faults=faults)
        self.checkpoint = MemoryCheckpoint()
        self.heard = Handler()
        lanes = [Lane(it, checkpoint=self.checkpoint) for it in self.sinks]
        delivery = Delivery(lanes, user_code=UserCode(), batch_size=2, holds=Holds(renew_every=1000))
        parts: dict[str, Any] = {"store": self.store, "exception_handler": self.heard, "pause": lambda _: None}
        self.pipeline = Pipeline(delivery=delivery, **(parts | options))

    def process(self, log: LogObject = BARE, *, received: int = 1) -> Outcome:
        return self.pipeline.process_log(log, message=QueueMessage("m", "", "r", receive_count=received))


def failure_of(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed)
    return outcome


# ── identity ──


def test_a_log_that_was_announced_without_a_version_is_looked_up_and_delivered_once() -> None:
    bench = Bench()
    assert isinstance(bench.process(), Processed)
    again = bench.process()
    assert isinstance(again, Skipped)
    assert "checkpoint" in again.why
    assert bench.sinks[0].ids == ids(range(5))
    assert (len(bench.store.identified), len(bench.store.fetched)) == (2, 1)


def test_a_log_whose_version_was_announced_costs_no_request_the_second_time() -> None:
    bench = Bench()
    log = next(bench.store.logs())
    assert isinstance(bench.process(log), Processed)
    assert isinstance(bench.process(log), Skipped)
    assert (bench.store.identified, len(bench.store.fetched)) == ([], 1)


def test_without_a_checkpoint_nothing_is_looked_up() -> None:
    bench = Bench()
    bench.pipeline = Pipeline(store=bench.store, delivery=Delivery([Lane(Collecting())], user_code=UserCode()))
    assert isinstance(bench.process(), Processed)
    assert bench.store.identified == []


def test_the_same_content_announced_in_two_ways_is_delivered_once() -> None:
    """CloudTrail's own message tells only the key; S3's tells version and etag."""
    bench = Bench()
    bench.process(BARE)
    assert isinstance(bench.process(next(bench.store.logs())), Skipped)


def test_a_log_that_was_overwritten_before_it_was_read_counts_as_what_it_is_now() -> None:
    bench = Bench()
    stale = replace(BARE, etag="of-another-time")
    assert isinstance(bench.process(stale), Processed)
    assert isinstance(bench.process(BARE), Skipped)
    assert {batch.log.etag for batch in bench.sinks[0].batches} == {next(bench.store.logs()).etag}


def test_a_store_that_cannot_identify_is_asked_for_the_log_itself() -> None:
    class Plain:
        def __init__(self) -> None:
            self.fetched = 0

        def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
            self.fetched += 1
            return FetchedLog(BODY, etag="e")

    bench = Bench(store=Plain())
    assert isinstance(bench.process(), Processed)
    assert isinstance(bench.process(), Skipped)
    assert bench.sinks[0].ids == ids(range(5))


def test_a_log_that_cannot_be_looked_up_is_found_missing_by_its_download_only() -> None:
    """The answer to a look-up has no body: a missing bucket would look like a missing log."""
    bench = Bench()
    error = failure_of(bench.process(log_object("no-such-bucket", KEY))).error
    assert isinstance(error, ConfigurationError)


def test_a_look_up_that_fails_fails_the_log() -> None:
    class Denied(FakeLogStore):
        def identify(self, log: LogObject) -> LogObject:
            raise ConfigurationError("AccessDenied")

    bench = Bench(store=Denied())
    assert isinstance(failure_of(bench.process()).error, ConfigurationError)
    assert [failure.stage for failure in bench.heard.failures] == [Stage.FETCH]


# ── claims ──


def test_a_log_in_other_hands_is_not_downloaded_and_comes_back_when_its_claim_ends() -> None:
    bench = Bench()
    log = next(bench.store.logs())
    bench.checkpoint.claim(log.id, processor=Lane(bench.sinks[0]).key)
    error = failure_of(bench.process(log)).error
    assert isinstance(error, Claimed)
    assert 0 < error.after <= 300
    assert bench.store.fetched == []


def test_a_download_that_fails_gives_the_claim_up() -> None:
    bench = Bench(faults=Faults([ConfigurationError("no")]))
    log = next(bench.store.logs())
    assert isinstance(bench.process(log), Failed)
    assert not bench.checkpoint.claim(log.id, processor=Lane(bench.sinks[0]).key).finished


def test_inline_records_are_delivered_once_too() -> None:
    bench = Bench()
    body = '{"Records":[' + '{"eventVersion":"1.08","eventID":"x","eventType":"AwsApiCall"}' + "]}"
    for _ in range(2):
        handled = bench.pipeline.handle(QueueMessage("m-1", body, "r"))
        assert not isinstance(handled.outcomes[0], Failed)
    assert bench.sinks[0].ids == ["x"]
    assert bench.store.identified == []


def test_a_handler_cannot_let_go_of_a_log_that_another_worker_has() -> None:
    assert disposition(Failed(BARE, Claimed("x", after=1), chosen=Disposition.SKIP)) is Disposition.RETRY


# ── allowed ──


def test_a_log_that_is_not_allowed_is_refused_before_any_request_and_any_filter() -> None:
    """A filter that does not want it would let its message go, and nobody would hear of the attempt."""
    bench = Bench(allowed=Allowed(buckets=("trail-*",)), source_filter=source_filter(lambda *_: False))
    outcome = failure_of(bench.process())
    assert isinstance(outcome.error, NotAllowed)
    assert disposition(outcome) is Disposition.REJECT
    assert (bench.store.identified, bench.store.fetched) == ([], [])
    assert [type(failure.error) for failure in bench.heard.failures] == [NotAllowed]


# ── missing logs ──


@pytest.mark.parametrize(
    ("policy", "received", "expected"),
    [
        ("retry", 1, Disposition.RETRY),
        ("retry", 4, Disposition.RETRY),
        ("retry", 5, Disposition.REJECT),
        ("dead_letter", 1, Disposition.REJECT),
    ],
)
def test_a_missing_log_is_looked_for_a_while_and_rejected_then(
    policy: Any, received: int, expected: Disposition
) -> None:
    bench = Bench(missing_logs=MissingLogs(policy, 5))
    outcome = failure_of(bench.process(log_object("trail", KEY + "x"), received=received))
    assert isinstance(outcome.error, LogGone)
    assert disposition(outcome) is expected


def test_a_missing_log_may_be_skipped_and_nothing_else_by_that() -> None:
    bench = Bench(missing_logs=MissingLogs("skip"), faults=Faults([TransientError("busy")] * 4))
    assert isinstance(bench.process(), Failed)
    assert isinstance(bench.process(log_object("trail", KEY + "x")), Skipped)


def test_an_exception_handler_goes_before_the_policy_for_missing_logs() -> None:
    bench = Bench(missing_logs=MissingLogs("skip"), exception_handler=Handler(lambda _: Disposition.RETRY))
    assert disposition(failure_of(bench.process(log_object("trail", KEY + "x")))) is Disposition.RETRY


# ── left alone, probed, bounded ──


def test_a_bucket_that_is_left_alone_is_not_asked_for_anything() -> None:
    error = ConfigurationError("left alone")
    bench = Bench(blocked=lambda bucket: error if bucket == "trail" else None)
    assert failure_of(bench.process()).error is error
    assert (bench.store.identified, bench.store.fetched) == ([], [])


def test_a_probe_downloads_and_delivers_nothing_and_leaves_no_claim() -> None:
    bench = Bench()
    assert bench.pipeline.probe(BARE) is None
    assert bench.sinks[0].calls == 0
    assert isinstance(bench.process(), Processed)


@pytest.mark.parametrize("error", [ConfigurationError("denied"), TransientError("busy")])
def test_a_probe_says_what_still_fails(error: Exception) -> None:
    assert Bench(faults=Faults([error] * 9)).pipeline.probe(BARE) is error


def test_a_probe_of_a_log_that_is_gone_went_well() -> None:
    assert Bench().pipeline.probe(log_object("trail", KEY + "x")) is None


def test_a_log_waits_until_there_is_room_for_it_and_a_stop_ends_the_wait() -> None:
    budget = Budget(len(BODY))
    bench = Bench(budget=budget)
    with budget.hold(1, lambda: None):
        outcome = bench.pipeline.process_log(BARE, keep_going=_stop_at(4))
    assert isinstance(failure_of(outcome).error, Stopped)
    assert isinstance(bench.process(), Processed)
    assert budget.held == 0


def _stop_at(call: int) -> Any:
    """A ``keep_going`` that raises from its ``call``-th call on."""
    calls: list[None] = []

    def keep_going() -> None:
        calls.append(None)
        if len(calls) >= call:
            raise Stopped("stop")

    return keep_going


def test_a_trial_of_a_bucket_that_is_left_alone_is_not_spent_on_a_log_that_needs_none() -> None:
    asked: list[str] = []
    bench = Bench(blocked=lambda bucket: asked.append(bucket))
    log = next(bench.store.logs())
    bench.process(log)
    bench.process(log)
    assert asked == ["trail"]
    bench.process(BARE)
    assert asked == ["trail", "trail"]


def test_a_lost_lease_ends_the_work_before_anything_is_claimed() -> None:
    bench = Bench()
    assert isinstance(failure_of(bench.pipeline.process_log(BARE, keep_going=_stop_at(1))).error, Stopped)
    assert (bench.store.identified, bench.store.fetched) == ([], [])


def test_a_large_log_waits_for_room_before_it_is_downloaded() -> None:
    """Bodies that are held while they wait would be beside the budget, one for each thread."""
    budget = Budget(64 * 2**20)
    bench = Bench(budget=budget, limits=Limits(inflated=32 * 2**20))
    bench.store.put("trail", KEY, b'{"Records":[' + b" " * (9 * 2**20) + b"]}")
    with budget.hold(40 * 2**20, lambda: None):
        outcome = bench.pipeline.process_log(BARE, keep_going=_stop_at(6))
    assert isinstance(failure_of(outcome).error, Stopped)
    assert isinstance(bench.process(), Processed)
    assert budget.held == 0


@pytest.mark.parametrize("stage", [Stage.PARSE, Stage.PROCESS])
def test_what_others_look_for_and_do_not_find_is_no_missing_log(stage: Stage) -> None:
    """A parser that fetches a message's body from elsewhere must not cost the message."""
    policy = MissingLogs("skip")
    assert policy.choose(Failure(stage, LogGone("the body of the message"), log=BARE)) is None
    assert policy.choose(Failure(Stage.FETCH, LogGone("x"))) is None
    assert policy.choose(Failure(Stage.FETCH, LogGone("x"), log=BARE)) is Disposition.SKIP


def test_a_checkpoint_that_cannot_be_used_is_not_the_buckets_fault() -> None:
    class Full(MemoryCheckpoint):
        def claim(self, log: str, *, processor: str) -> Claim:
            raise ConfigurationError("the disk is full")

    lane = Lane(Collecting(), checkpoint=Full())
    pipeline = Pipeline(store=Bench().store, delivery=Delivery([lane], user_code=UserCode()))
    error = failure_of(pipeline.process_log(BARE)).error
    assert isinstance(error, BookkeepingError)
    assert "the disk is full" in str(error)


def test_a_probe_that_fails_twice_tells_of_the_checkpoint_as_it_concerns_all_logs() -> None:
    class Full(MemoryCheckpoint):
        def claim(self, log: str, *, processor: str) -> Claim:
            raise ConfigurationError("the disk is full")

    store = Bench(faults=Faults([ConfigurationError("denied")] * 9)).store
    delivery = Delivery([Lane(Collecting(), checkpoint=Full())], user_code=UserCode())
    assert isinstance(Pipeline(store=store, delivery=delivery).probe(BARE), BookkeepingError)


def test_a_version_that_tells_nothing_does_not_make_two_contents_one() -> None:
    """Where versioning was suspended every version is "null": an overwritten log would pass for delivered."""
    bench = Bench(store=(store := Suspended({("trail", KEY): BODY})))
    announced = replace(BARE, version_id="null")
    assert isinstance(bench.process(announced), Processed)
    store.put("trail", KEY, log_body([record(9)]))
    assert isinstance(bench.process(announced), Processed)
    assert bench.sinks[0].ids == ids([*range(5), 9])


class Suspended(FakeLogStore):
    """A bucket whose versioning was suspended."""

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        return replace(super().fetch(replace(log, version_id=None), limit=limit), version_id="null")

    def identify(self, log: LogObject) -> LogObject:
        return replace(super().identify(log), version_id="null")
