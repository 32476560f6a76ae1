"""From the records of one log to processors: nothing lost, nothing twice, each processor on its own lane."""

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from collecting import AsyncCollecting, Collecting, Filter, Keeping, Sink, ids, log_body, record
from hypothesis import given
from hypothesis import strategies as st

from cloudtrail_processing.delivery import Delivered, Delivery, Lane, never_stop
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    LeaseLost,
    ProcessorError,
    Refuse,
    RejectedRecords,
    RetryLater,
    Stopped,
)
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import Where, event_filter
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.logfile import split
from cloudtrail_processing.usercode import UserCode

LOG = LogObject("trail", "AWSLogs/log.json.gz", etag="e")
UNBUILDABLE = b'{"eventName":"X","eventType":"AwsApiCall","requestParameters":"\xff"}'
"""Its header can be read, its event cannot be built: whoever tries finds a rejected record."""


@pytest.fixture(scope="module")
def user_code() -> Iterator[UserCode]:
    user_code = UserCode()
    yield user_code
    user_code.close()


Deliver = Callable[..., Delivered]


@pytest.fixture(scope="module")
def deliver(user_code: UserCode) -> Deliver:
    def deliver(
        records: Sequence[object],
        *processors: Collecting,
        log: LogObject = LOG,
        keep_going: Callable[[], None] = never_stop,
        **options: Any,
    ) -> Delivered:
        lanes = [Lane(it, None if it.filter is None else event_filter(it.filter)) for it in processors]
        delivery = Delivery(lanes, user_code=user_code, **options)
        return delivery.begin(log, keep_going=keep_going).run(split(log_body(records)))

    return deliver


def numbers_odd(event: CloudTrailEvent) -> bool:
    return int((event.event_id or "0").removeprefix("id-")) % 2 == 1


# ── batches ──


def test_events_come_in_full_batches_in_the_order_of_the_file(deliver: Deliver) -> None:
    sink = Collecting()
    result = deliver([record(n) for n in range(250)], sink, batch_size=100)
    assert [len(batch) for batch in sink.batches] == [100, 100, 50]
    assert sink.ids == ids(range(250))
    assert [(batch.first_index, batch.next_index) for batch in sink.batches] == [(0, 100), (100, 200), (200, 250)]
    assert [batch.id for batch in sink.batches] == [f"{LOG.id}#0-100", f"{LOG.id}#100-200", f"{LOG.id}#200-250"]
    assert result == Delivered(250, 250, 0, 0, ())
    assert result.delivered == 250


def test_a_batch_is_filled_up_over_what_the_filter_leaves_out(deliver: Deliver) -> None:
    sink = Collecting(wants=numbers_odd)
    result = deliver([record(n) for n in range(25)], sink, batch_size=5)
    assert [len(batch) for batch in sink.batches] == [5, 5, 2]
    assert sink.ids == ids(range(1, 25, 2))
    assert [(batch.first_index, batch.next_index) for batch in sink.batches] == [(1, 10), (11, 20), (21, 24)]
    assert (result.delivered, result.filtered) == (12, 13)


def test_an_empty_log_calls_nobody(deliver: Deliver) -> None:
    sink = Collecting()
    assert deliver([], sink) == Delivered(0, 0, 0, 0, ())
    assert sink.calls == 0


def test_events_know_their_log_and_their_place_in_it(deliver: Deliver) -> None:
    sink = Collecting()
    deliver([record(n) for n in range(3)], sink, batch_size=2)
    assert [event.metadata.index for batch in sink.batches for event in batch] == [0, 1, 2]
    assert {event.metadata.log for batch in sink.batches for event in batch} == {LOG}


elements = st.lists(st.sampled_from([True, True, False, None]), max_size=30)
"""Wanted, not wanted, or no event at all."""


@given(plan=elements, batch_size=st.integers(1, 7), fails_at=st.integers(0, 5))
def test_any_log_is_cut_the_same_way_again_whatever_other_processors_do(
    plan: list[bool | None], batch_size: int, fails_at: int
) -> None:
    """Every wanted event once, in order, in full batches; the ids are those of the first time."""
    user_code = UserCode()
    records = [b"null" if it is None else record(n, eventName=str(it)) for n, it in enumerate(plan)]
    wanted = [n for n, it in enumerate(plan) if it]
    wants = Where(event_name="True")
    runs = []
    for others in ([], [Collecting(*[None] * fails_at, ValueError("x"))], [Collecting(wants=lambda _: 1 / 0)]):
        sink = Collecting(wants=wants)
        lanes = [Lane(it, None if it.filter is None else event_filter(it.filter)) for it in (*others, sink)]
        quarantine = Keeping()
        delivery = Delivery(lanes, user_code=user_code, batch_size=batch_size, quarantine=quarantine)
        result = delivery.begin(LOG).run(split(log_body(records)))
        runs.append(sink.batches)
        assert sink.ids == ids(wanted)
        assert [rejected.index for rejected in quarantine.kept] == [n for n, it in enumerate(plan) if it is None]
        accounted = result.delivered + result.filtered + result.rejected
        assert accounted == len(plan) or (result.failures and accounted <= len(plan))
        assert result.records == len(plan)
    assert runs[0] == runs[1] == runs[2]
    assert all(len(batch) == batch_size for batch in runs[0][:-1])


# ── bad records ──


def test_one_bad_element_never_costs_its_neighbours_and_fails_the_log_after_them(deliver: Deliver) -> None:
    sink = Collecting()
    records: list[object] = [record(n) for n in range(9)]
    records[4], records[7] = b"null", b'"canary"'
    result = deliver(records, sink, batch_size=3)
    assert sink.ids == ids([0, 1, 2, 3, 5, 6, 8])
    ((name, error),) = [(failure.processor, failure.error) for failure in result.failures]
    assert name is None
    assert isinstance(error, RejectedRecords)
    assert "2 bad record(s)" in str(error)
    assert LOG.uri in str(error)
    assert "index 4" in str(error)
    assert "canary" not in str(error)
    assert result.delivered == 7


def test_with_a_quarantine_bad_records_are_kept_and_the_log_is_whole(deliver: Deliver) -> None:
    sink, quarantine = Collecting(), Keeping()
    result = deliver([b"1", record(1), b"[]", record(3), b"null"], sink, batch_size=2, quarantine=quarantine)
    assert result == Delivered(records=5, delivered=2, filtered=0, rejected=3, failures=())
    assert [(kept.index, kept.raw, kept.log) for kept in quarantine.kept] == [
        (0, b"1", LOG),
        (2, b"[]", LOG),
        (4, b"null", LOG),
    ]
    assert sink.ids == ids([1, 3])


def test_a_failing_quarantine_fails_the_log_and_still_costs_no_good_record(deliver: Deliver) -> None:
    sink, quarantine = Collecting(), Keeping(OSError("full"))
    result = deliver([b"1", record(1), b"2", record(3), record(4)], sink, batch_size=1, quarantine=quarantine)
    (failure,) = result.failures
    assert isinstance(failure.error, ProcessorError)
    assert isinstance(failure.error.__cause__, OSError)
    assert "quarantine" in str(failure.error)
    assert sink.ids == ids([1, 3, 4])


def test_a_quarantine_may_ask_for_a_later_time(deliver: Deliver) -> None:
    result = deliver([b"1"], Collecting(), quarantine=Keeping(RetryLater(after=9)))
    assert [type(failure.error) for failure in result.failures] == [RetryLater]


# ── lanes ──


def test_a_processor_that_fails_gets_no_more_of_the_log_and_the_others_get_everything(deliver: Deliver) -> None:
    first, second = Collecting(), Sink(None, ValueError("x"))
    result = deliver([record(n) for n in range(6)], first, second, batch_size=2)
    assert first.ids == ids(range(6))
    assert (second.ids, second.calls) == (ids(range(2)), 2)
    ((name, error),) = [(failure.processor, failure.error) for failure in result.failures]
    assert name == "Sink"
    assert isinstance(error, ProcessorError)


def test_when_every_processor_failed_the_rest_of_the_log_is_not_read(deliver: Deliver) -> None:
    asked = Filter()
    result = deliver([record(n) for n in range(9)], Collecting(ValueError(), wants=asked), batch_size=3)
    assert len(result.failures) == 1
    assert asked.asked.count("header") == 3


def test_each_processor_gets_what_its_own_filter_wants(deliver: Deliver) -> None:
    everything, odd, nothing = Collecting(), Collecting(wants=numbers_odd), Collecting(wants=lambda _: False)
    result = deliver([record(n) for n in range(10)], everything, odd, nothing, batch_size=3)
    assert everything.ids == ids(range(10))
    assert odd.ids == ids(range(1, 10, 2))
    assert nothing.calls == 0
    assert (result.delivered, result.filtered) == (10, 0)


def test_what_no_processor_wants_counts_as_filtered_once(deliver: Deliver) -> None:
    third = Filter(event=lambda event: event.event_id == "id-3")
    result = deliver([record(n) for n in range(10)], Collecting(wants=numbers_odd), Collecting(wants=third))
    assert (result.delivered, result.filtered) == (5, 5)


def failing(*_: object) -> bool:
    raise KeyError("canary")


@pytest.mark.parametrize("moment", ["log", "header", "event"])
def test_a_filter_that_fails_costs_its_own_processor_the_log_and_nobody_else(moment: str, deliver: Deliver) -> None:
    healthy, sick = Collecting(), Sink(wants=Filter(**{moment: failing}))
    result = deliver([record(n) for n in range(4)], healthy, sick, batch_size=2)
    assert healthy.ids == ids(range(4))
    assert sick.calls == 0
    (failure,) = result.failures
    assert failure.processor == "Sink"
    assert str(failure.error) == "the filter of processor Sink raised KeyError"
    assert isinstance(failure.error.__cause__, KeyError)


def test_a_filter_that_fails_later_keeps_what_was_delivered_and_what_waited_is_not(deliver: Deliver) -> None:
    def fails_at_five(event: CloudTrailEvent) -> bool:
        return event.event_id != "id-5" or failing()

    sick = Sink(wants=fails_at_five)
    result = deliver([record(n) for n in range(9)], sick, batch_size=2)
    assert sick.ids == ids(range(4))
    assert len(result.failures) == 1


def test_a_lane_that_wants_nothing_of_the_log_is_not_asked_again(deliver: Deliver) -> None:
    unwilling = Filter(log=lambda _: False)
    sink, spared = Collecting(), Collecting(wants=unwilling)
    deliver([record(1)], sink, spared)
    assert spared.calls == 0
    assert "header" not in unwilling.asked


def test_a_log_that_nobody_wants_counts_as_filtered_though_it_is_read(deliver: Deliver) -> None:
    result = deliver([record(n) for n in range(5)], Collecting(wants=Filter(log=lambda _: False)))
    assert (result.delivered, result.filtered, result.failures) == (0, 5, ())


@pytest.mark.parametrize(
    ("answers", "wanted"), [([False, False], False), ([False, None], True), ([True, False], True), ([], False)]
)
def test_a_log_is_wanted_unless_every_filter_can_tell_that_it_is_not(
    answers: list[bool | None], wanted: bool, user_code: UserCode
) -> None:
    lanes = [Lane(Collecting(), Filter(log=lambda _, answer=answer: answer)) for answer in answers]  # type: ignore[misc]
    assert Delivery(lanes, user_code=user_code).begin(LOG).is_wanted is wanted


def test_a_filter_that_fails_on_the_key_leaves_the_log_to_be_read(user_code: UserCode) -> None:
    """Its own failure is told when the log is delivered, with the processor's name."""
    lanes = [Lane(Collecting(), Filter(log=failing)), Lane(Collecting(), Filter(log=lambda _: False))]
    assert Delivery(lanes, user_code=user_code).begin(LOG).is_wanted


@pytest.mark.parametrize("kind", [Collecting, AsyncCollecting])
@pytest.mark.parametrize("error", [RetryLater(after=9), Refuse("bad")])
def test_what_a_processor_says_outright_is_the_failure_itself(
    error: CloudTrailProcessingError, kind: type[Collecting], deliver: Deliver
) -> None:
    (failure,) = deliver([record(1)], kind(error)).failures
    assert failure.error is error


@pytest.mark.parametrize("error", [ValueError(), SystemExit(), StopIteration(), LeaseLost("theirs"), Stopped("theirs")])
@pytest.mark.parametrize("kind", [Collecting, AsyncCollecting])
def test_whatever_else_a_processor_raises_is_its_own_failure(
    error: BaseException, kind: type[Collecting], deliver: Deliver
) -> None:
    healthy = Collecting()
    (failure,) = deliver([record(1)], kind(error), healthy).failures
    assert type(failure.error) is ProcessorError
    assert healthy.ids == ["id-1"]


def test_an_async_processor_gets_the_same_batches(deliver: Deliver) -> None:
    plain, coroutine = Collecting(), AsyncCollecting()
    deliver([record(n) for n in range(7)], plain, coroutine, batch_size=2)
    assert coroutine.batches == plain.batches


# ── the cheap way ──


def test_what_a_header_decides_against_builds_no_event(deliver: Deliver) -> None:
    """The record could not become an event: nobody has tried."""
    sink = Collecting(wants=Where(event_name="Y"))
    assert deliver([UNBUILDABLE], sink) == Delivered(1, delivered=0, filtered=1, rejected=0, failures=())


def test_a_filter_that_names_bytes_wants_the_same_as_one_that_looks_at_every_event(deliver: Deliver) -> None:
    records = [record(n, eventName="DeleteUser" if n % 50 == 7 else "GetUser") for n in range(300)]
    searching, looking = Collecting(wants=Where(event_name="Delete*")), Collecting(wants=lambda it: it.event_name > "E")
    alone, beside = Collecting(wants=Where(event_name="Delete*")), Collecting(wants=lambda it: it.event_name < "E")
    assert deliver(records, searching, looking).filtered == 0
    assert deliver(records, alone).filtered == 294
    deliver(records, beside)
    assert searching.ids == alone.ids == beside.ids == ids(range(7, 300, 50))


def test_the_same_record_is_rejected_when_one_lane_wants_it(deliver: Deliver) -> None:
    result = deliver([UNBUILDABLE], Collecting(wants=Where(event_name="Y")), Collecting(wants=Where(event_name="X")))
    assert result.rejected == 1


def test_what_a_header_decides_for_is_not_asked_of_the_event(deliver: Deliver) -> None:
    wants = Filter(header=lambda header: header.event_name == "A" or None)
    deliver([record(1, eventName="A"), record(2, eventName="B")], Collecting(wants=wants))
    assert wants.asked.count("event") == 1


def test_filters_run_while_it_is_nobodys_turn(deliver: Deliver) -> None:
    """They may be slow user code; only one thread at a time has its turn."""
    free: list[bool] = []

    def wants(_: object) -> bool:
        free.append(not turns.is_taken)
        return True

    lane = Lane(Collecting(), Filter(header=lambda _: wants(_) and None, event=wants))
    delivery = Delivery([lane], user_code=UserCode())
    turns = delivery.turns
    delivery.begin(LOG).run(split(log_body([record(1), record(2)])))
    assert free == [True] * 4


def test_delivered_events_are_let_go_before_the_next_ones_are_built(deliver: Deliver) -> None:
    """Without the garbage collector's help: a log of any size needs the memory of few batches."""

    class Counting(Collecting):
        alive = 0

        def process(self, batch: Any) -> None:
            found = sum(isinstance(it, CloudTrailEvent) and it.metadata.log is LOG_HERE for it in gc.get_objects())
            self.alive = max(self.alive, found)

    LOG_HERE = replace(LOG, key="AWSLogs/memory.json.gz")  # noqa: N806
    sink, half = Counting(), Counting(wants=numbers_odd)
    gc.collect()
    gc.disable()
    try:
        deliver([record(n) for n in range(100)], sink, half, log=LOG_HERE, batch_size=10)
    finally:
        gc.enable()
    assert 10 <= sink.alive <= 30


# ── interruption ──


def stop_at(call: int, error: CloudTrailProcessingError) -> Callable[[], None]:
    calls = iter(range(1000))

    def keep_going() -> None:
        if next(calls) == call:
            raise error

    return keep_going


@pytest.mark.parametrize("error", [Stopped("stop"), LeaseLost("lost")])
def test_interrupted_work_ends_before_the_next_batch(error: CloudTrailProcessingError, deliver: Deliver) -> None:
    sink = Collecting()
    result = deliver([record(n) for n in range(6)], sink, batch_size=2, keep_going=stop_at(2, error))
    assert sink.ids == ids(range(2))
    assert [(failure.processor, failure.error) for failure in result.failures] == [(None, error)]


def test_interrupted_work_still_tells_which_processor_had_failed_before(deliver: Deliver) -> None:
    failed, healthy = Sink(ValueError()), Collecting()
    stopped = Stopped("stop")
    result = deliver([record(n) for n in range(6)], failed, healthy, batch_size=2, keep_going=stop_at(3, stopped))
    assert [failure.processor for failure in result.failures] == ["Sink", None]
    assert result.failures[1].error is stopped


def test_interrupted_work_does_not_complain_of_bad_records_it_did_not_get_past(deliver: Deliver) -> None:
    result = deliver([b"1", record(1)], Collecting(), batch_size=1, keep_going=stop_at(1, Stopped("stop")))
    assert [type(failure.error) for failure in result.failures] == [Stopped]


def test_work_is_interruptible_before_each_window_also_when_nothing_is_wanted(deliver: Deliver) -> None:
    asked = Filter(header=lambda _: False)
    result = deliver(
        [record(n) for n in range(100)], Collecting(wants=asked), batch_size=10, keep_going=stop_at(3, Stopped("stop"))
    )
    assert asked.asked.count("header") == 30
    assert len(result.failures) == 1
