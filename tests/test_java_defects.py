"""The defects W1 to W19 of the Java library (2.0.1), one test each: none of them is here. The names are the index."""

import asyncio
import itertools
import re
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import botocore.exceptions
import orjson
import pytest
from bench import BUCKET, PACE, Bench, Recorder, finished, ids_of, key_of, log_of, run_for, until

from cloudtrail_processing.aws.failures import mapped
from cloudtrail_processing.aws.session import AwsOptions, sqs_client
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import Disposition, ProcessorError, Refuse, TransientError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.logs import source_filter
from cloudtrail_processing.flow import FetchedLog, Ignored, LogObject, Notification, QueueMessage
from cloudtrail_processing.notification import in_front
from cloudtrail_processing.ports import LONGEST_POLL
from cloudtrail_processing.processor import ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import Faults
from cloudtrail_processing.testing.generator import Generator, messages, record
from cloudtrail_processing.worker import AFTER_GRACE

DOWN = TransientError("down")
QUICK = replace(PACE, give_back=Backoff(first=1, cap=1))


class Steps(Recorder):
    """Stops in ``process`` until the gate is open."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.entered, self.gate = threading.Event(), threading.Event()

    def _wait(self, _: EventBatch) -> None:
        self.entered.set()
        assert self.gate.wait(30)


class Ends(ProgressReporter):
    """Notes how every step ended."""

    def __init__(self) -> None:
        self.steps: list[ProgressStatus] = []

    def report_end(self, status: ProgressStatus, token: object) -> None:
        self.steps.append(status)

    def of(self, state: ProgressState) -> list[ProgressStatus]:
        return [step for step in self.steps if step.state is state]


class Unreadable:
    """A store each of whose downloads ends with ``error``."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        raise self._error


def _raise(error: BaseException) -> Callable[..., Any]:
    def act(*_: object) -> None:
        raise error

    return act


def _log_with(*elements: object) -> bytes:
    return orjson.dumps({"Records": elements})


def _announce(bench: Bench, body: bytes) -> str:
    return bench.queue.send(messages.s3_event(bench.store.put(BUCKET, key_of("a"), body)))


def _dead(bench: Bench) -> list[str]:
    return [message.message_id for message in bench.queue.dead_letters]


# ── what was promised and did not work ──


def test_w01_several_pollers_really_poll_at_once() -> None:
    """``numOfParallelReaders`` is a no-op: set it to 8, and one receive runs at a time."""
    bench = Bench(pace=replace(PACE, pollers=3, threads=30))
    under_way: list[int] = []

    class Counting:
        now = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.queue, name)

        async def receive(self, **values: Any) -> Sequence[QueueMessage]:
            self.now += 1
            under_way.append(self.now)
            try:
                return await bench.queue.receive(**values)
            finally:
                self.now -= 1

    asyncio.run(run_for(bench.worker(queue=Counting()), bench.clock, 3))
    assert max(under_way) == 3


def test_w02_what_is_fetched_after_the_stop_goes_back_until_no_poll_is_open() -> None:
    """``stop()`` closes the pool before the poller: 51 messages fetched afterwards are thrown away, hidden, counted."""
    bench = Bench(pace=replace(PACE, wait_time=20, grace_time=30))

    async def case() -> list[str]:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(2)
        worker.stop()
        await bench.clock.elapse(1)
        late = [bench.announce(name) for name in "abc"]
        await finished(running, bench.clock)
        return late

    late = asyncio.run(case())
    received = [message for message in late if "received" in bench.queue.history_of(message)]
    assert received
    assert all(bench.visibilities(message) == [19] for message in received)
    bench.clock.advance(20)
    assert asyncio.run(bench.queue.info()).visible == 3


def test_w03_work_that_does_not_end_cannot_hold_the_worker_and_is_told_of() -> None:
    """Forced termination is dead code: workers are never interrupted, and ``stop()`` returns as if all were well."""
    processor, bench = Steps(), Bench(pool=None, pace=replace(PACE, threads=1))
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(processor)
        running = asyncio.ensure_future(worker.run())
        await until(processor.entered.is_set, bench.clock)
        worker.stop()
        await finished(running, bench.clock, within=PACE.grace_time + AFTER_GRACE + 3)
        assert worker.stuck
        processor.gate.set()

    asyncio.run(case())
    assert bench.visibilities(message)[-1] == 0


def test_w04_the_read_timeout_is_longer_than_the_long_poll() -> None:
    """A 10 s socket timeout under a 20 s long poll: on an idle queue every poll dies."""

    async def case() -> float:
        options = AwsOptions(region="eu-west-1", read_timeout=10)
        async with sqs_client("https://sqs.eu-west-1.amazonaws.com/1/q", options) as client:
            config: Any = client.meta.config
            return float(config.read_timeout)

    assert asyncio.run(case()) > LONGEST_POLL


@pytest.mark.parametrize(
    "foreign",
    [
        botocore.exceptions.ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole"),
        botocore.exceptions.NoCredentialsError(),
        ConnectionResetError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_w05_errors_of_other_services_are_failures_like_any(foreign: Exception) -> None:
    """Only S3's and SQS's own exceptions are caught: those of STS behind a role go uncaught."""

    class Denied:
        def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
            with mapped(f"reading {log.uri}"):
                raise foreign

    bench = Bench(faults=Faults(receive=[foreign]))
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(store=Denied()), bench.clock, 3))
    assert len(bench.heard.at(Stage.POLL)) == 1
    assert [failure.log.key for failure in bench.heard.at(Stage.FETCH) if failure.log] == [key_of("a")]
    assert bench.queue.history_of(message) == ["sent", "received", "visibility"]


@pytest.mark.parametrize("kind", ["CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated"])
def test_w06_insight_files_and_their_like_are_delivered(kind: str) -> None:
    """There is a model of Insights, but the pattern of keys turns their files away."""
    bench = Bench()
    bench.queue.send(messages.s3_event(bench.store.put(BUCKET, key_of("a", kind=kind), log_of("a"))))
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert bench.processor.taken == ids_of("a")
    assert bench.queue.messages_left == 0


def test_w07_progress_counts_what_was_polled_and_calls_harmless_messages_a_success() -> None:
    """The poll count is always 0, and parseMessage of a benign message is false."""
    reporter = Ends()
    bench = Bench(reporter=reporter)
    bench.announce_many(3)
    bench.queue.send(messages.s3_test_event())
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert sum(step.messages for step in reporter.of(ProgressState.POLL_QUEUE)) == 4
    assert [step.succeeded for step in reporter.of(ProgressState.PARSE_MESSAGE)] == [True] * 4


def test_w07_an_uncaught_error_is_told_with_its_cause_and_its_message() -> None:
    """The handler of uncaught exceptions loses cause and context."""
    bug, reporter = RuntimeError("a bug in a store"), Ends()
    bench = Bench(reporter=reporter)
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(store=Unreadable(bug)), bench.clock, 1))
    [failure] = bench.heard.failures
    assert failure.error.__cause__ is bug
    assert failure.message
    assert failure.log
    assert (failure.message.message_id, failure.log.key) == (message, key_of("a"))
    assert [step.error for step in reporter.of(ProgressState.UNCAUGHT_EXCEPTION)] == [bug]


# ── what was lost ──


@pytest.mark.parametrize("error", [TransientError("reset"), RuntimeError("a client's"), MemoryError()], ids=repr)
def test_w08_a_download_that_fails_at_our_end_keeps_the_message(error: Exception) -> None:
    """A client-side error while downloading, and delete-on-failure deletes the message; so do ``Error``s."""
    bench = Bench(max_receive_count=3, pace=QUICK)
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(store=Unreadable(error)), bench.clock, 20))
    assert "deleted" not in bench.queue.history_of(message)
    assert _dead(bench) == [message]


@pytest.mark.parametrize("element", [None, 7, "text", [], True], ids=repr)
def test_w09_an_element_that_is_no_object_costs_neither_its_neighbours_nor_the_message(element: object) -> None:
    """A ``null`` in ``Records``: the rest of the file is skipped, reported as a success, and deleted."""
    bench = Bench()
    good = [{**record(), "eventID": known} for known in ids_of("a", 4)]
    message = _announce(bench, _log_with(*good[:2], element, *good[2:]))
    asyncio.run(run_for(bench.worker(), bench.clock, 1))
    assert bench.processor.taken == ids_of("a", 4)
    assert "deleted" not in bench.queue.history_of(message)
    assert len(bench.heard.at(Stage.READ)) == 1


@pytest.mark.parametrize("odd", [None, 7, [], {}, {"an": ["object"]}, ["a", "list"]], ids=repr)
@pytest.mark.parametrize("field", ["eventTime", "eventVersion", "userIdentity", "resources", "requestParameters"])
def test_w10_a_field_of_another_type_costs_no_event(field: str, odd: object) -> None:
    """An object where a text was expected desynchronises the reader: the file ends there, and is deleted."""
    bench = Bench()
    taken: list[CloudTrailEvent] = []
    bench.processor._act = taken.extend
    records = [{**record(), "eventID": known} for known in ids_of("a", 3)]
    records[1][field] = odd
    _announce(bench, _log_with(*records))
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert [orjson.loads(event.raw) for event in taken] == records
    assert taken[1].to_dict() == records[1]
    assert bench.queue.messages_left == 0


def test_w11_good_events_before_and_after_a_bad_one_are_delivered() -> None:
    """Of 30 events with a bad one at 23 and batches of 10, the good ones in the buffer and all after it are lost."""
    bench = Bench(batch_size=10)
    elements: list[object] = [{**record(), "eventID": known} for known in ids_of("a", 30)]
    elements[23] = "not an event"
    message = _announce(bench, _log_with(*elements))
    asyncio.run(run_for(bench.worker(), bench.clock, 1))
    assert bench.processor.taken == [known for known in ids_of("a", 30) if known != "a/23"]
    assert "deleted" not in bench.queue.history_of(message)


def test_w12_a_cap_on_receives_sends_to_the_dead_letters_instead_of_deleting() -> None:
    """``SourceFilter=false`` always deletes; the sample's cap on receives by it loses messages for good."""

    def at_most_twice(_: LogObject, message: QueueMessage | None) -> bool:
        if message and message.receive_count > 2:
            raise Refuse("received too often")
        return True

    bench = Bench(act=_raise(ValueError("always")), max_receive_count=4, pace=QUICK)
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(source_filter=source_filter(at_most_twice)), bench.clock, 20))
    assert _dead(bench) == [message]
    assert [failure.stage for failure in bench.heard.failures] == [Stage.PROCESS] * 2 + [Stage.FILTER] * 2


def test_w13_a_failing_processor_is_tried_some_times_and_then_the_message_is_a_dead_letter() -> None:
    """A callback's failure means loss (delete on failure) or endless redelivery, and nothing in between."""
    bench = Bench(act=_raise(ValueError("always")), max_receive_count=3, pace=QUICK)
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(), bench.clock, 20))
    assert len(bench.heard.at(Stage.PROCESS)) == 3
    assert "deleted" not in bench.queue.history_of(message)
    assert _dead(bench) == [message]


@pytest.mark.parametrize("wrong", [lambda _: {}, _raise(KeyError("SourceType"))], ids=["no notification", "raises"])
def test_w14_a_parser_that_misbehaves_costs_its_own_message_only(wrong: Callable[[QueueMessage], Any]) -> None:
    """A serializer without ``SourceType``: a null pointer in a ``finally`` ends the whole batch of ten."""

    def parser(message: QueueMessage) -> Notification | Ignored | None:
        answer: Notification | Ignored | None = wrong(message) if message.body == "mine" else None
        return answer

    bench = Bench()
    ids = bench.announce_many(4)
    mine = bench.queue.send("mine")
    ids += bench.announce_many(5)
    asyncio.run(run_for(bench.worker(parser=in_front(parser)), bench.clock, 2))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert "deleted" not in bench.queue.history_of(mine)
    assert bench.queue.messages_left == 1


# ── what starved, spun and came twice ──


def test_w15_harmless_messages_are_deleted() -> None:
    """Test events, Config, digests stay in the queue for ever and eat slots of every poll."""
    bench = Bench()
    digest = Generator(seed=1).digest()
    for body in (
        messages.s3_test_event(),
        messages.s3_test_event_sns(),
        messages.validation_sns(),
        messages.config_delivery(),
        messages.s3_event(digest),
        messages.s3_event(bench.store.put(BUCKET, key_of("a"), log_of("a")), event_name="ObjectRemoved:Delete"),
    ):
        bench.queue.send(body)
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert bench.queue.messages_left == 0
    assert not bench.heard.failures


@pytest.mark.parametrize("missing", ["object", "bucket"])
def test_w15_a_log_that_is_gone_backs_off_and_becomes_a_dead_letter(missing: str) -> None:
    """Messages whose object is gone or forbidden come back with every visibility timeout, until retention."""
    hours = Backoff(first=5, cap=80)  # what an operator may yet mend is given hours for it: here seconds
    bench = Bench(max_receive_count=3, pace=replace(PACE, denied=hours))
    log = LogObject(BUCKET if missing == "object" else "nobodys-bucket", key_of("gone"))
    message = bench.queue.send(messages.s3_event(log))
    ids = bench.announce_many(5)
    asyncio.run(run_for(bench.worker(), bench.clock, 100))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert _dead(bench) == [message]
    hidden = [seconds or 0 for seconds in bench.visibilities(message)]
    assert hidden == sorted(hidden)
    assert hidden[0] >= 2


def test_w16_slow_work_keeps_its_message_and_no_other_message_waits_in_hand() -> None:
    """Visibility is never extended, and starts at the receive of a whole batch: slow work means duplicates."""
    processor, bench = Steps(), Bench(pool=None, pace=replace(PACE, threads=1))
    slow, *others = [bench.announce(name) for name in "abcdef"]

    async def case() -> None:
        worker = bench.worker(processor)
        running = asyncio.ensure_future(worker.run())
        await until(processor.entered.is_set, bench.clock)
        await bench.clock.elapse(10 * PACE.visibility_timeout)
        assert all(bench.queue.history_of(message) == ["sent"] for message in others)
        processor.gate.set()
        await until(lambda: bench.queue.messages_left == 0, bench.clock)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert bench.queue.history_of(slow).count("received") == 1
    assert sorted(processor.taken) == sorted(known for name in "abcdef" for known in ids_of(name))


@pytest.mark.parametrize("prefix", ["dt=2026/", "with space/", "a+b/", "100%/", "ünï/"])
def test_w17_keys_are_decoded(prefix: str) -> None:
    """Keys of S3 events are not URL-decoded: a prefix with ``=``, a space or ``+`` is a 404 for ever."""
    bench = Bench()
    bench.queue.send(messages.s3_event(bench.store.put(BUCKET, prefix + key_of("a"), log_of("a"))))
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert [log.key for log in bench.store.fetched] == [prefix + key_of("a")]
    assert bench.processor.taken == ids_of("a")


def test_w18_polls_that_fail_slow_down() -> None:
    """350 polls in half a second while SQS fails, with an error line for each."""
    bench = Bench(faults=Faults(receive=itertools.repeat(DOWN)))
    asyncio.run(run_for(bench.worker(), bench.clock, 600))
    assert 20 <= len(bench.heard.at(Stage.POLL)) <= 60


@pytest.mark.parametrize("error", [ValueError("a bug"), SystemExit(1), MemoryError()], ids=repr)
def test_w19_one_message_that_fails_badly_costs_none_of_those_received_with_it(error: BaseException) -> None:
    """An exception on the poller's own thread abandons the rest of the batch: 10 received, 3 attempted."""

    def fail_the_third(batch: EventBatch) -> None:
        if batch[0].event_id == "log3/0":
            raise error

    bench = Bench(act=fail_the_third, pace=replace(PACE, threads=10))
    ids = bench.announce_many(10)
    asyncio.run(run_for(bench.worker(), bench.clock, 1))
    assert sorted(bench.processor.taken) == sorted(set(ids) - {"log3/0"})
    assert bench.queue.messages_left == 1
    [failure] = bench.heard.failures
    assert isinstance(failure.error, ProcessorError)


def test_no_choice_of_an_exception_handler_deletes_what_was_only_interrupted() -> None:
    """The nearest thing here to the setting that deletes on failure (W8, W13) is an explicit ``SKIP``."""

    class Skip(ExceptionHandler):
        def handle(self, failure: Failure) -> Disposition:
            return Disposition.SKIP

    bench = Bench(batch_size=1)
    bench.processor._act = lambda _: bench.clock.advance(PACE.visibility_timeout + 1)
    message = bench.announce("a", count=2)
    asyncio.run(run_for(bench.worker(exception_handler=Skip()), bench.clock, 1))
    assert "deleted" not in bench.queue.history_of(message)


def test_every_defect_has_a_test_named_after_it() -> None:
    named = [re.match(r"test_w(\d\d)_", name) for name in vars(sys.modules[__name__])]
    assert {int(match[1]) for match in named if match} == set(range(1, 20))
