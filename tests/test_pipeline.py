"""One message through every stage: one outcome for each thing it names, whatever goes wrong."""

import gzip
import itertools
import json
import logging
import traceback
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from collecting import (
    AsyncCollecting,
    Collecting,
    Filter,
    Handler,
    Keeping,
    Reporter,
    Sink,
    causes,
    ids,
    log_body,
    record,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudtrail_processing.delivery import Delivery, Lane, never_stop
from cloudtrail_processing.errors import (
    ConfigurationError,
    CorruptLog,
    Disposition,
    LeaseLost,
    LogGone,
    LogTooLarge,
    NotificationError,
    ProcessorError,
    Refuse,
    RejectedRecords,
    RetryLater,
    Stopped,
    TrailingData,
    TransientError,
)
from cloudtrail_processing.filters import SourceFilter, Where, event_filter, source_filter
from cloudtrail_processing.flow import (
    Failed,
    Handled,
    Ignored,
    LogObject,
    Notification,
    Outcome,
    Processed,
    QueueMessage,
    Release,
    Retry,
    Skipped,
)
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import Limits, Records
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.processor import Failure, Stage
from cloudtrail_processing.progress import ProgressState
from cloudtrail_processing.settlement import settle
from cloudtrail_processing.testing import FakeLogStore, Faults, Flipped, Truncated
from cloudtrail_processing.usercode import UserCode

BUCKET = "trail"
CANARY = "canary-7f3a"


def key(name: str, *, account: str = "111122223333") -> str:
    return (
        f"AWSLogs/{account}/CloudTrail/eu-west-1/2026/01/01/"
        f"{account}_CloudTrail_eu-west-1_20260101T0000Z_{name}.json.gz"
    )


A, B, C = key("aaa"), key("bbb"), key("ccc")


def body(*records: object) -> bytes:
    return gzip.compress(log_body(records), mtime=0)


def three(first: int = 0) -> bytes:
    return body(*(record(n) for n in range(first, first + 3)))


def message(*keys: str) -> QueueMessage:
    return said({"s3Bucket": BUCKET, "s3ObjectKey": list(keys)})


def said(content: object) -> QueueMessage:
    return QueueMessage("m-1", content if isinstance(content, str) else json.dumps(content), "receipt-" + CANARY)


class Bench:
    """A pipeline of fakes: what goes in by ``handle``, what came of it in ``sinks``, ``handler`` and ``reporter``."""

    def __init__(
        self,
        *sinks: Collecting,
        objects: dict[str, bytes] | None = None,
        faults: Faults | None = None,
        answer: Callable[[Failure], Any] = lambda _: None,
        batch_size: int = 2,
        quarantine: Keeping | None = None,
        **options: Any,
    ) -> None:
        self.sinks = sinks or (Collecting(),)
        given = {A: three(), B: three(10), C: three(20)} if objects is None else objects
        self.store = FakeLogStore({(BUCKET, name): content for name, content in given.items()}, faults=faults)
        self.handler = Handler(answer)
        self.reporter = Reporter()
        self.pauses: list[float] = []
        self.user_code = UserCode()
        lanes = [Lane(it, None if it.filter is None else event_filter(it.filter)) for it in self.sinks]
        delivery = Delivery(lanes, user_code=self.user_code, batch_size=batch_size, quarantine=quarantine)
        parts: dict[str, Any] = {"store": self.store, "exception_handler": self.handler, "reporter": self.reporter}
        self.pipeline = Pipeline(delivery=delivery, pause=self.pauses.append, **(parts | options))

    def handle(self, message: QueueMessage, keep_going: Callable[[], None] = never_stop) -> Handled:
        handled = self.pipeline.handle(message, keep_going=keep_going)
        assert not self.reporter.open, "every step that started has ended"
        self.user_code.close()
        return handled

    def outcomes(self, *keys: str) -> list[Outcome]:
        handled = self.handle(message(*keys))
        assert handled.named == len(handled.outcomes) == len(keys)
        return list(handled.outcomes)

    @property
    def told(self) -> list[tuple[Stage, type[BaseException]]]:
        return [(failure.stage, type(failure.error)) for failure in self.handler.failures]


def failed(outcome: Outcome) -> Failed:
    assert isinstance(outcome, Failed)
    return outcome


# ── all goes well ──


def test_every_log_of_a_message_is_delivered_and_counted() -> None:
    bench = Bench()
    first, second = bench.outcomes(A, B)
    assert (first, second) == (Processed(log_object(BUCKET, A), 3, 3, 0), Processed(log_object(BUCKET, B), 3, 3, 0))
    assert bench.sinks[0].ids == ids([0, 1, 2, 10, 11, 12])
    assert bench.told == []


def test_the_steps_are_those_of_the_java_library_with_counts_that_are_right() -> None:
    bench = Bench(
        Collecting(wants=Where(event_name="Delete*")), objects={A: body(record(1), record(2, eventName="DeleteX"))}
    )
    bench.outcomes(A)
    states = [status.state for status in bench.reporter.ends]
    assert states == [
        ProgressState.PARSE_MESSAGE,
        ProgressState.DOWNLOAD_LOG,
        ProgressState.PROCESS_LOG,
        ProgressState.PROCESS_SOURCE,
    ]
    (download,) = bench.reporter.of(ProgressState.DOWNLOAD_LOG)
    (processed,) = bench.reporter.of(ProgressState.PROCESS_LOG)
    assert download.size == len(body(record(1), record(2, eventName="DeleteX")))
    assert (processed.records, processed.delivered, processed.filtered) == (2, 1, 1)
    assert all(status.succeeded and status.message for status in bench.reporter.ends)


def test_the_version_that_was_read_is_in_the_batch_and_its_id() -> None:
    bench = Bench()
    bench.outcomes(A)
    (log,) = {batch.log for batch in bench.sinks[0].batches}
    assert (log.version_id, log.key) == ("v1", A)
    assert log.etag
    assert [batch.id for batch in bench.sinks[0].batches] == [f"{log.uri}?v1#0-2", f"{log.uri}?v1#2-3"]


def test_a_redelivered_message_gives_the_same_batches_again() -> None:
    bench = Bench()
    bench.outcomes(A)
    before = list(bench.sinks[0].batches)
    bench.outcomes(A)
    assert bench.sinks[0].batches == before * 2


def test_records_inside_the_message_are_delivered_under_a_stable_name() -> None:
    bench = Bench()
    event = {**record(5), "eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}
    handled = bench.handle(said({"detail-type": "AWS API Call via CloudTrail", "source": "aws.iam", "detail": event}))
    (outcome,) = handled.outcomes
    assert isinstance(outcome, Processed)
    assert bench.sinks[0].ids == ["id-5"]
    assert [batch.id for batch in bench.sinks[0].batches] == ["message/m-1#0-1"]
    assert bench.store.fetched == []


def test_harmless_things_beside_a_log_have_their_own_outcomes() -> None:
    bench = Bench()
    handled = bench.handle(message(A, "AWSLogs/", "other.txt", A))
    assert sorted(type(outcome).__name__ for outcome in handled.outcomes) == ["Ignored", "Ignored", "Processed"]
    assert handled.named == 3


def test_a_harmless_message_is_ignored() -> None:
    bench = Bench()
    handled = bench.handle(said({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}))
    assert [type(outcome) for outcome in handled.outcomes] == [Ignored]
    assert handled.named == 1


# ── what is skipped ──


def test_what_the_source_filter_does_not_want_is_not_downloaded() -> None:
    bench = Bench(source_filter=SourceFilter(account="999988887777"))
    (outcome,) = bench.outcomes(A)
    assert isinstance(outcome, Skipped)
    assert bench.store.fetched == []
    assert [status.skipped for status in bench.reporter.of(ProgressState.PROCESS_LOG)] == [outcome.why]


def test_what_no_processor_can_want_is_not_downloaded() -> None:
    other = Where(account_id="999988887777")
    bench = Bench(Collecting(wants=other), Sink(wants=other))
    (outcome,) = bench.outcomes(A)
    assert isinstance(outcome, Skipped)
    assert bench.store.fetched == []


def test_a_log_that_one_processor_may_want_is_downloaded_for_it_alone() -> None:
    bench = Bench(Collecting(wants=Where(account_id="999988887777")), Sink())
    assert [type(it) for it in bench.outcomes(A)] == [Processed]
    assert [sink.ids for sink in bench.sinks] == [[], ids(range(3))]


# ── what fails ──


def raising(error: BaseException) -> Callable[..., Any]:
    def function(*_: object, **__: object) -> Any:
        raise error

    return function


def test_one_log_that_fails_never_hides_the_others() -> None:
    bench = Bench(objects={A: three(), B: b"\x1f\x8b broken", C: three(20)})
    first, second, third = bench.outcomes(A, B, C)
    assert [type(it) for it in (first, second, third)] == [Processed, Failed, Processed]
    assert bench.sinks[0].ids == ids([0, 1, 2, 20, 21, 22])
    assert bench.told == [(Stage.READ, CorruptLog)]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", CorruptLog),
        (b"no json", CorruptLog),
        (b'{"other":[]}', CorruptLog),
        (gzip.compress(b'{"Records":[]}') + b"tail", TrailingData),
        (gzip.compress(b'{"Records":[' + b" " * 5_000_000 + b"]}"), LogTooLarge),
    ],
)
def test_a_log_that_cannot_be_read_fails_with_its_name_and_the_reason(
    content: bytes, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(objects={A: content})
    (outcome,) = bench.outcomes(A)
    assert type(failed(outcome).error) is error
    assert f"s3://{BUCKET}/{A}" in str(failed(outcome).error)
    assert bench.told == [(Stage.READ, error)]
    (line,) = [it.getMessage() for it in caplog.records if it.levelno >= logging.WARNING]
    assert line.count(A) == 1
    assert "m-1" in line


def test_a_log_that_is_too_large_is_a_matter_of_the_limits() -> None:
    bench = Bench(limits=Limits(inflated=20))
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, LogTooLarge)


@pytest.mark.parametrize("fault", [Truncated(30), Flipped(-6), Flipped(20)])
def test_a_log_that_arrives_damaged_is_never_taken_for_whole(fault: Any) -> None:
    bench = Bench(faults=Faults([fault]))
    (outcome,) = bench.outcomes(A)
    assert type(failed(outcome).error) is TransientError, "its ETag does not prove that it lies there like that"
    assert bench.sinks[0].ids == []


def test_a_log_that_was_damaged_on_the_way_is_delivered_the_next_time() -> None:
    bench = Bench(faults=Faults([Truncated(30)]))
    bench.outcomes(A)
    assert [type(outcome) for outcome in bench.outcomes(A)] == [Processed]
    assert bench.sinks[0].ids == ids(range(3))


def test_a_log_that_comes_damaged_the_same_way_each_time_is_believed_so() -> None:
    """As with a KMS key, where the ETag proves nothing. How often the message was received does not count."""
    bench = Bench(faults=Faults(itertools.repeat(Truncated(30))))
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, CorruptLog)
    assert len(bench.store.fetched) == 4


def test_a_log_that_comes_damaged_in_several_ways_may_yet_come_whole() -> None:
    bench = Bench(faults=Faults([Truncated(30), Truncated(30), Truncated(31)]))
    (outcome,) = bench.outcomes(A)
    assert type(failed(outcome).error) is TransientError


def test_a_log_that_lies_there_damaged_is_believed_so_at_once() -> None:
    bench = Bench(objects={A: three()[:-20]})
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, CorruptLog)
    assert len(bench.store.fetched) == 1


def test_bad_records_without_a_quarantine_fail_the_log_after_the_good_ones() -> None:
    bench = Bench(objects={A: body(record(1), None, record(3))})
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, RejectedRecords)
    assert bench.sinks[0].ids == ids([1, 3])
    assert bench.told == [(Stage.READ, RejectedRecords)]


def test_bad_records_with_a_quarantine_are_counted_in_a_processed_log() -> None:
    quarantine = Keeping()
    records = [record(1), None, record(2, eventName="Get"), "x"]
    bench = Bench(
        Collecting(wants=lambda it: it.event_name != "Get"), objects={A: body(*records)}, quarantine=quarantine
    )
    (outcome,) = bench.outcomes(A)
    assert outcome == Processed(log_object(BUCKET, A), records=4, delivered=1, filtered=1, quarantined=2)
    assert [kept.index for kept in quarantine.kept] == [1, 3]
    assert [status.rejected for status in bench.reporter.of(ProgressState.PROCESS_LOG)] == [2]


def test_a_quarantine_that_fails_fails_the_log() -> None:
    bench = Bench(objects={A: body(None, record(1))}, quarantine=Keeping(OSError()))
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, ProcessorError)
    assert isinstance(failed(outcome).error.__cause__, OSError)
    assert bench.sinks[0].ids == ["id-1"]


def test_processors_fail_one_by_one_and_each_is_told_with_its_name() -> None:
    first, second, third = Collecting(), Sink(None, Refuse("no")), AsyncCollecting(RetryLater(after=9))
    bench = Bench(first, second, third)
    (outcome,) = bench.outcomes(A)
    assert first.ids == ids(range(3))
    assert second.ids == ids(range(2))
    told = [(failure.stage, failure.processor, type(failure.error)) for failure in bench.handler.failures]
    assert told == [(Stage.PROCESS, "Sink", Refuse), (Stage.PROCESS, "AsyncCollecting", RetryLater)]
    assert isinstance(failed(outcome).error, Refuse)
    assert [type(it.error) for it in failed(outcome).also] == [RetryLater]
    assert {failure.message for failure in bench.handler.failures} == {message(A)}
    assert {failure.log.key for failure in bench.handler.failures if failure.log} == {A}


def test_a_source_filter_that_fails_keeps_the_log() -> None:
    bench = Bench(source_filter=source_filter(raising(KeyError("x"))))
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, ProcessorError)
    assert bench.told == [(Stage.FILTER, ProcessorError)]


def test_a_filter_that_fails_on_the_key_is_told_with_its_processor_and_the_others_get_the_log() -> None:
    bench = Bench(Collecting(), Sink(wants=Filter(log=raising(KeyError("x")))))
    bench.outcomes(A)
    assert bench.sinks[0].ids == ids(range(3))
    assert [(failure.stage, failure.processor) for failure in bench.handler.failures] == [(Stage.PROCESS, "Sink")]


@pytest.mark.parametrize(
    ("parser", "error"),
    [
        (raising(KeyError("x")), ProcessorError),
        (raising(NotificationError("odd")), NotificationError),
        (raising(RetryLater(after=3)), RetryLater),
        (lambda _: None, NotificationError),
        (lambda _: ["nonsense"], ProcessorError),
        (lambda _: "nonsense", ProcessorError),
    ],
)
def test_a_message_that_cannot_be_parsed_is_kept(parser: Any, error: type[Exception]) -> None:
    bench = Bench(parser=parser)
    handled = bench.handle(message(A))
    (outcome,) = handled.outcomes
    assert type(failed(outcome).error) is error
    assert failed(outcome).log is None
    assert bench.told == [(Stage.PARSE, error)]
    assert [status.succeeded for status in bench.reporter.of(ProgressState.PARSE_MESSAGE)] == [False]


def test_a_notification_that_names_nothing_is_no_evidence() -> None:
    bench = Bench(parser=lambda _: Notification())
    assert isinstance(settle(bench.handle(message(A)), delay=1), Retry)


# ── bugs of ours ──


def test_a_bug_keeps_the_message_and_costs_the_other_logs_nothing() -> None:
    def splitter(data: bytes) -> Records:
        if b"id-10" in data:
            raise ValueError("a bug")
        return Records.of([json.dumps(it).encode() for it in json.loads(data)["Records"]])

    bench = Bench(splitter=splitter)
    first, second, third = bench.outcomes(A, B, C)
    assert [type(it) for it in (first, second, third)] == [Processed, Failed, Processed]
    assert B in str(failed(second).error)
    assert isinstance(failed(second).error.__cause__, ValueError)
    assert failed(second).error.disposition is Disposition.RETRY
    (uncaught,) = bench.reporter.of(ProgressState.UNCAUGHT_EXCEPTION)
    assert (uncaught.succeeded, type(uncaught.error), uncaught.message) == (False, ValueError, message(A, B, C))
    assert uncaught.log == log_object(BUCKET, B)
    assert len(bench.told) == 1


def test_a_bug_is_an_outcome_also_for_a_log_without_a_message() -> None:
    bench = Bench(splitter=raising(ValueError("a bug")))
    outcome = bench.pipeline.process_log(log_object(BUCKET, A))
    assert isinstance(failed(outcome).error, TransientError)
    assert len(bench.reporter.of(ProgressState.UNCAUGHT_EXCEPTION)) == 1
    assert not bench.reporter.open


def test_a_store_of_a_users_own_that_raises_or_returns_nonsense_fails_its_log() -> None:
    class Odd:
        def fetch(self, log: LogObject, *, limit: int) -> Any:
            if log.key == A:
                raise OSError("disk")

    bench = Bench(store=Odd())
    assert [type(it) for it in bench.outcomes(A, B)] == [Failed, Failed]


# ── trying again in place ──


def test_a_transient_error_is_tried_again_in_place() -> None:
    bench = Bench(faults=Faults([TransientError("busy"), TransientError("busy")]))
    assert [type(it) for it in bench.outcomes(A)] == [Processed]
    assert len(bench.store.fetched) == 3
    assert bench.told == []


def test_after_a_few_attempts_a_transient_error_goes_back_to_the_queue() -> None:
    bench = Bench(faults=Faults(itertools.repeat(TransientError("busy"))), fetch_attempts=3)
    (outcome,) = bench.outcomes(A)
    assert str(failed(outcome).error) == "busy"
    assert len(bench.store.fetched) == 3
    assert all(pause <= 0.25 for pause in bench.pauses), "a waiting thread notices soon that its work must end"
    assert bench.told == [(Stage.FETCH, TransientError)]


@pytest.mark.parametrize("error", [LogGone("gone"), ConfigurationError("403"), LeaseLost("lost")])
def test_what_waiting_does_not_mend_is_not_tried_again(error: Exception) -> None:
    bench = Bench(faults=Faults([error]))
    (outcome,) = bench.outcomes(A)
    assert type(failed(outcome).error) is type(error)
    assert (len(bench.store.fetched), bench.pauses) == (1, [])
    assert bench.told == [(Stage.FETCH, type(error))]


def test_a_log_over_the_limit_is_asked_for_once_as_a_small_one_and_once_as_a_large_one() -> None:
    bench = Bench(faults=Faults([LogTooLarge("big")] * 2))
    (outcome,) = bench.outcomes(A)
    assert type(failed(outcome).error) is LogTooLarge
    assert (len(bench.store.fetched), bench.pauses) == (2, [])


# ── interruption ──


@pytest.mark.parametrize("error", [Stopped("stop"), LeaseLost("lost")])
def test_work_is_given_up_before_each_download_and_is_not_tried_again(error: Exception) -> None:
    bench = Bench()
    handled = bench.handle(message(A, B), raising(error))
    assert [failed(it).error for it in handled.outcomes] == [error, error]
    assert bench.store.fetched == []
    assert bench.pauses == []


def test_work_is_given_up_between_two_attempts() -> None:
    bench = Bench(faults=Faults(itertools.repeat(TransientError("busy"))))
    calls = itertools.count()

    def keep_going() -> None:
        if next(calls) == 2:
            raise Stopped("stop")

    handled = bench.handle(message(A), keep_going)
    assert isinstance(settle(handled, delay=1), Release)
    assert len(bench.store.fetched) == 1


def test_work_is_given_up_between_two_batches_and_what_was_processed_stays_so() -> None:
    bench = Bench()

    def keep_going() -> None:
        if len(bench.sinks[0].batches) == 3:
            raise Stopped("stop")

    handled = bench.handle(message(A, B, C), keep_going)
    assert [type(it) for it in handled.outcomes] == [Processed, Failed, Failed]
    assert bench.sinks[0].ids == ids([0, 1, 2, 10, 11])
    assert isinstance(settle(handled, delay=1), Release)
    assert {status.succeeded for status in bench.reporter.of(ProgressState.PROCESS_SOURCE)} == {False}


# ── the exception handler ──


@pytest.mark.parametrize("choice", [Disposition.RETRY, Disposition.REJECT, "retry", "reject"])
def test_a_handler_may_choose_what_becomes_of_a_failure(choice: str) -> None:
    bench = Bench(objects={A: b"broken"}, answer=lambda _: choice)
    (outcome,) = bench.outcomes(A)
    assert failed(outcome).chosen is Disposition(choice)


def test_a_handler_may_accept_the_loss_of_a_log() -> None:
    bench = Bench(objects={A: b"broken", B: three()}, answer=lambda _: Disposition.SKIP)
    first, second = bench.outcomes(A, B)
    assert isinstance(first, Skipped)
    assert isinstance(second, Processed)


def test_a_handler_may_accept_one_processors_loss_and_not_the_others() -> None:
    bench = Bench(
        Collecting(ValueError()),
        Sink(ValueError()),
        answer=lambda failure: Disposition.SKIP if failure.processor == "Sink" else None,
    )
    (outcome,) = bench.outcomes(A)
    assert (str(failed(outcome).error), failed(outcome).also) == ("processor Collecting raised ValueError", ())


def test_a_handler_may_accept_that_a_message_cannot_be_read() -> None:
    bench = Bench(answer=lambda _: Disposition.SKIP)
    handled = bench.handle(said("no json"))
    assert [type(outcome) for outcome in handled.outcomes] == [Ignored]


@pytest.mark.parametrize("error", [Stopped("stop"), LeaseLost("lost")])
def test_a_handler_cannot_let_go_of_work_that_was_only_interrupted(error: Exception) -> None:
    bench = Bench(answer=lambda _: Disposition.SKIP)
    handled = bench.handle(message(A), raising(error))
    assert [failed(it).error for it in handled.outcomes] == [error]


@pytest.mark.parametrize(
    "answer", [raising(ValueError()), raising(SystemExit()), raising(Refuse("no")), lambda _: "nonsense", lambda _: 7]
)
def test_a_handler_that_raises_or_answers_nonsense_changes_nothing(answer: Any) -> None:
    bench = Bench(objects={A: b"broken"}, answer=answer)
    (outcome,) = bench.outcomes(A)
    assert isinstance(failed(outcome).error, CorruptLog)
    assert failed(outcome).chosen is None


def test_a_handler_is_told_of_failures_that_concern_no_message() -> None:
    bench = Bench()
    failure = Failure(Stage.POLL, TransientError("busy"))
    bench.pipeline.tell(failure)
    assert bench.handler.failures == [failure]


def test_without_a_handler_every_failure_is_still_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(Collecting(ValueError("x")), exception_handler=None)
    bench.outcomes(A)
    (line,) = [it for it in caplog.records if it.levelno >= logging.WARNING]
    assert f"s3://{BUCKET}/{A}" in line.getMessage()
    assert "m-1" in line.getMessage()
    assert line.exc_info


# ── what is told, and what never ──


@pytest.mark.parametrize(
    ("content", "sink"),
    [
        (body(CANARY, record(1)), Collecting()),
        (f'{{"Records":[{{"eventName":"{CANARY}"'.encode(), Collecting()),
        (f'{{"{CANARY}":1}}'.encode()[:-1], Collecting()),
        (f'"{CANARY}"'.encode(), Collecting()),
        (f'{{"Records":"{CANARY}"}}'.encode(), Collecting()),
        (body(record(1, eventName=CANARY)), Collecting(TransientError("x"))),
        (body(record(1, eventName=CANARY)), Collecting(RetryLater())),
        (body(record(1, eventName=CANARY)), AsyncCollecting(Refuse("no"))),
        (body(b'{"eventName":"' + CANARY.encode() + b'\xff"}'), Collecting(wants=Where(event_name="x"))),
        (body(record(1, eventName=CANARY)), Collecting(wants=Filter(event=raising(KeyError())))),
    ],
)
def test_no_log_line_and_no_error_shows_what_is_in_a_log(
    content: bytes, sink: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        bench = Bench(sink, objects={A: content})
        bench.outcomes(A)
    assert bench.told
    texts = [text for failure in bench.handler.failures for text in texts_of(failure.error)]
    assert CANARY not in caplog.text
    assert not [text for text in texts if CANARY in text]


def texts_of(error: BaseException) -> Iterable[str]:
    yield from (str(it) for it in causes(error))
    yield "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    "content",
    [
        CANARY,
        f'{{"{CANARY}',
        {"Type": "SubscriptionConfirmation", "Token": CANARY},
        {"Records": [{"x": CANARY}]},
        [CANARY],
    ],
)
def test_no_log_line_and_no_error_shows_a_message_body_or_a_receipt(
    content: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        bench = Bench()
        bench.handle(said(content))
    assert bench.told == [(Stage.PARSE, NotificationError)]
    assert "m-1" in caplog.text
    assert CANARY not in caplog.text
    assert not [text for failure in bench.handler.failures for text in texts_of(failure.error) if CANARY in text]


# ── any message, any faults ──

GOOD = (lambda: None,) * 3
faults = st.sampled_from(
    [
        *GOOD,
        lambda: TransientError("t"),
        lambda: LogGone("g"),
        lambda: ConfigurationError("c"),
        lambda: Truncated(9),
        lambda: Flipped(-3),
        lambda: OSError("o"),
    ]
)
moods = st.sampled_from([*GOOD, lambda: ValueError("x"), RetryLater, lambda: Refuse("r"), SystemExit])
"""Makers, since an error that is raised twice would be told twice."""
answers = st.sampled_from([None, None, *Disposition, "nonsense"])


named = st.builds(
    Notification,
    logs=st.lists(st.sampled_from([A, B, C, key("missing")]), max_size=4, unique=True).map(
        lambda keys: tuple(log_object(BUCKET, it) for it in keys)
    ),
    ignored=st.lists(st.sampled_from(["a folder", "a digest file"]).map(Ignored), max_size=2).map(tuple),
    inline=st.lists(st.integers(0, 3).map(lambda n: json.dumps(record(n)).encode()), max_size=3).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(
    notification=named,
    plan=st.lists(faults, max_size=8),
    first=st.lists(moods, max_size=6),
    second=st.lists(moods, max_size=6),
    answer=answers,
    stop_at=st.none() | st.integers(0, 12),
)
def test_whatever_a_message_names_and_whatever_goes_wrong_each_named_thing_has_one_outcome(
    notification: Notification, plan: list[Any], first: list[Any], second: list[Any], answer: Any, stop_at: int | None
) -> None:
    """And a log that counts as processed was delivered, whole, to everybody; every failure is told once."""
    calls = itertools.count()

    def keep_going() -> None:
        if next(calls) == stop_at:
            raise Stopped("stop")

    sinks = Collecting(*(make() for make in first)), AsyncCollecting(*(make() for make in second))
    given_faults = Faults([make() for make in plan])
    bench = Bench(*sinks, faults=given_faults, answer=lambda _: answer, parser=lambda _: notification)
    handled = bench.handle(said("of no importance"), keep_going)
    assert handled.named == len(handled.outcomes) == notification.named
    for outcome in handled.outcomes:
        if isinstance(outcome, Processed):
            count = 3 if outcome.log.bucket else len(notification.inline)
            assert (outcome.records, outcome.delivered) == (count, count)
            for sink in bench.sinks:
                batches = [batch for batch in sink.batches if batch.log.key == outcome.log.key]
                assert sum(map(len, batches)) == count
    failures = [it for outcome in handled.outcomes if isinstance(outcome, Failed) for it in (outcome, *outcome.also)]
    told = [id(failure.error) for failure in bench.handler.failures]
    assert len(told) == len(set(told))
    assert {id(it.error) for it in failures} <= set(told)


def test_what_a_client_library_raised_is_not_written_into_the_log_because_it_quotes_requests(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = ConfigurationError("reading s3://trail/a failed: SignatureDoesNotMatch")
    error.__cause__ = RuntimeError("canonical request with x-amz-security-token:CANARY")
    with caplog.at_level("DEBUG"):
        Bench(faults=Faults([error])).outcomes(A)
    assert "SignatureDoesNotMatch" in caplog.text
    assert "CANARY" not in caplog.text


def test_a_loss_that_a_handler_accepts_is_said_even_when_nobody_reports_progress(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level("WARNING"):
        Bench(faults=Faults([LogGone("gone")]), answer=lambda _: Disposition.SKIP).outcomes(A)
    assert "is given up: its loss is accepted, by an exception handler" in caplog.text


def test_every_harmless_thing_that_is_let_go_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        Bench().outcomes("AWSLogs/123456789012/Config/us-east-1/2026/1/1/ConfigSnapshot/x.json.gz")
    assert "ignored: an AWS Config file: s3://" in caplog.text


def test_bad_records_that_are_kept_are_told_of_once_with_the_first_reason(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(objects={A: body(record(1), None, record(3), 7)}, quarantine=Keeping(), batch_size=1)
    with caplog.at_level(logging.WARNING):
        bench.outcomes(A)
    (line,) = [entry.message for entry in caplog.records if "quarantine" in entry.message]
    assert "2 bad record(s)" in line
    assert "index 1" in line
    assert A in line
