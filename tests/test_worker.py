"""The worker from receive to settle: nothing lost, nothing stuck, nothing spinning."""

import asyncio
import itertools
import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from bench import PACE, Bench, Inline, Recorder, finished, ids_of, key_of, run_for, until

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import (
    ConfigurationError,
    Disposition,
    ProcessorError,
    Refuse,
    RetryLater,
    TransientError,
)
from cloudtrail_processing.flow import QueueMessage
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure, Stage
from cloudtrail_processing.retry import Backoff
from cloudtrail_processing.testing import (
    Before,
    Duplicate,
    FailEntries,
    FakeQueue,
    Faults,
    LostResponse,
    ManualClock,
    Truncated,
)
from cloudtrail_processing.testing.faults import Fault
from cloudtrail_processing.work import UNSETTLED

DOWN = TransientError("down")
DENIED = ConfigurationError("AccessDenied: sqs:DeleteMessage")


def _raise(error: BaseException) -> Callable[[EventBatch], object]:
    def act(_: EventBatch) -> object:
        raise error

    return act


class Gated(Recorder):
    """Waits in ``process`` until the gate is open, and counts who waits."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.gate = threading.Event()
        self.entered = 0
        self._lock = threading.Lock()

    def _wait(self, _: EventBatch) -> None:
        with self._lock:
            self.entered += 1
        assert self.gate.wait(30)


def _free(bench: Bench, worker: Any) -> bool:
    """All permits are back and no lease is left open."""
    return bool(worker._intake._permits._value == bench.pace.threads and worker.in_hand == 0)


# ── the main job ──


@pytest.mark.parametrize("pool", [Inline, lambda: None], ids=["inline", "own threads"])
def test_everything_in_the_queue_is_delivered_once_and_deleted(pool: Callable[[], Any]) -> None:
    bench = Bench(pool=pool())
    ids = bench.announce_many(45)
    worker = bench.worker()
    info = asyncio.run(finished(worker.drain(), bench.clock))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert info.is_empty
    assert bench.processor.hooks == ["start", "stop"]
    assert not bench.heard.failures
    assert _free(bench, worker)


def test_no_more_is_received_than_can_start() -> None:
    """A permit before each receive: what waits in the queue stays visible for other workers."""
    processor, bench = Gated(), Bench(pool=None, pace=replace(PACE, pollers=3))
    bench.announce_many(20)

    async def case() -> None:
        worker = bench.worker(processor)
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(5)
        await until(lambda: processor.entered == 4)
        await bench.clock.elapse(25)
        assert [action.what for action in bench.queue.history].count("received") == 4
        assert (await bench.queue.info()).visible == 16
        processor.gate.set()
        await finished(running_until_empty(bench, worker, running), bench.clock)

    async def running_until_empty(bench: Bench, worker: Any, running: "asyncio.Future[None]") -> None:
        while bench.queue.messages_left:
            await bench.clock.sleep(0.1)
        worker.stop()
        await running

    asyncio.run(case())
    assert len(processor.taken) == 20


def test_a_message_with_several_logs_is_deleted_only_when_all_are_settled() -> None:
    bench = Bench(store_faults=Faults(**{key_of("b"): [DOWN]}))
    message = bench.announce("a", "b", "c")
    asyncio.run(finished(bench.worker().drain(patience=60), bench.clock))
    assert sorted(bench.processor.taken) == ["a/0", "a/0", "b/0", "c/0", "c/0"]
    assert bench.queue.history_of(message) == ["sent", "received", "visibility", "received", "deleted"]


def test_two_copies_of_one_message_are_two_pieces_of_work() -> None:
    bench = Bench(faults=Faults(receive=[Duplicate()]))
    bench.announce("a")
    worker = bench.worker()
    info = asyncio.run(finished(worker.drain(), bench.clock))
    assert bench.processor.taken == ["a/0", "a/0"]
    assert info.is_empty
    assert _free(bench, worker)


# ── what fails ──


@pytest.mark.parametrize(
    ("error", "seconds"),
    [(ValueError("a bug"), range(2, 5)), (RetryLater(after=7), range(7, 8)), (RetryLater(after=-1), range(1))],
    ids=["raises", "asks for a time", "asks for no time"],
)
def test_a_failing_processor_sees_its_message_again_after_the_delay(error: Exception, seconds: range) -> None:
    errors = iter([error])
    bench = Bench(act=lambda batch: _raise(failed)(batch) if (failed := next(errors, None)) else None)
    message = bench.announce("a")
    asyncio.run(finished(bench.worker().drain(patience=60), bench.clock))
    assert bench.processor.taken == ["a/0"]
    [hidden] = bench.visibilities(message)
    assert hidden in seconds


def test_the_delay_grows_with_the_receive_count() -> None:
    bench = Bench(act=_raise(ValueError("always")), max_receive_count=5)
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(), bench.clock, 200))
    hidden = bench.visibilities(message)
    limits = [(2, 4), (4, 8), (8, 16), (8, 16), (8, 16)]
    assert len(hidden) == 5
    assert all(least <= (seconds or 0) <= most for seconds, (least, most) in zip(hidden, limits, strict=True))
    assert [dead.message_id for dead in bench.queue.dead_letters] == [message]


@pytest.mark.parametrize("spoil", ["refused", "corrupt", "unknown"])
def test_a_rejected_message_is_neither_hidden_for_hours_nor_tried_in_a_loop(spoil: str) -> None:
    bench = Bench(
        act=_raise(Refuse("no")) if spoil == "refused" else None,
        store_faults=Faults(itertools.repeat(Truncated(20)) if spoil == "corrupt" else ()),
        max_receive_count=3,
    )
    message = bench.queue.send("what is this") if spoil == "unknown" else bench.announce("a")
    asyncio.run(run_for(bench.worker(), bench.clock, 100))
    assert [dead.message_id for dead in bench.queue.dead_letters] == [message]
    hidden = bench.visibilities(message)
    assert len(hidden) == 3
    assert all(2 <= (seconds or 0) <= 16 for seconds in hidden)


def test_a_bad_message_does_not_block_its_neighbours() -> None:
    bench = Bench(max_receive_count=2)
    ids = bench.announce_many(5)
    bench.queue.send("garbage")
    ids += bench.announce_many(5)
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert bench.queue.messages_left == 1


def test_an_exception_handler_may_accept_a_loss() -> None:
    class Skip(ExceptionHandler):
        def handle(self, failure: Failure) -> Disposition:
            return Disposition.SKIP

    bench = Bench(act=_raise(ValueError("always")))
    bench.announce("a")
    asyncio.run(finished(bench.worker(exception_handler=Skip()).drain(), bench.clock))
    assert bench.queue.messages_left == 0


def test_an_exception_handler_cannot_let_go_of_a_message_whose_lease_was_lost() -> None:
    class Skip(ExceptionHandler):
        def handle(self, failure: Failure) -> Disposition:
            return Disposition.SKIP

    bench = Bench(batch_size=1)
    bench.processor._act = lambda _: bench.clock.advance(31)
    message = bench.announce("a", count=2)
    asyncio.run(run_for(bench.worker(exception_handler=Skip()), bench.clock, 1))
    assert "deleted" not in bench.queue.history_of(message)


@pytest.mark.parametrize(
    "error", [ValueError("the details"), RetryLater("the details"), Refuse("the details")], ids=repr
)
def test_the_reason_of_a_failure_is_logged_once(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """The line that says what becomes of the message names the kind of failure only."""
    bench = Bench(act=_raise(error))
    message = bench.announce("a")
    asyncio.run(run_for(bench.worker(), bench.clock, 1))
    lines = [record.getMessage() for record in caplog.records if message in record.getMessage()]
    verdicts = [line for line in lines if "goes back" in line or "is rejected" in line]
    kind = "ProcessorError" if isinstance(error, ValueError) else type(error).__name__
    assert len(lines) == 2
    assert len(verdicts) == 1
    assert kind in verdicts[0]
    assert key_of("a") not in verdicts[0]
    assert "details" not in verdicts[0]


# ── leases ──


def test_a_slow_processor_keeps_its_message_for_as_long_as_it_takes() -> None:
    processor, bench = Gated(), Bench(pool=None)
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(processor)
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(1)
        await until(lambda: processor.entered == 1)
        await bench.clock.elapse(300)
        processor.gate.set()
        await until(lambda: bool(processor.taken))
        await bench.clock.elapse(1)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert bench.queue.history_of(message).count("received") == 1
    assert bench.queue.history_of(message)[-1] == "deleted"
    assert len(bench.visibilities(message)) >= 300 / 12


def test_after_a_lost_lease_the_work_ends_before_its_next_batch_and_no_visibility_is_touched() -> None:
    bench = Bench(batch_size=1, max_receive_count=1)
    bench.processor._act = lambda _: bench.clock.advance(31)
    message = bench.announce("a", count=3)
    asyncio.run(run_for(bench.worker(), bench.clock, 0.5))
    assert bench.processor.taken == ["a/0"]
    assert bench.queue.history_of(message) == ["sent", "received", "dead-lettered"]


def test_what_was_delivered_may_be_deleted_even_after_the_lease_was_lost() -> None:
    bench = Bench(pace=replace(PACE, threads=1))
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker()

        def lose_the_lease(_: EventBatch) -> None:
            bench.clock.advance(31)
            worker.stop()

        bench.processor._act = lose_the_lease
        await finished(worker.run(), bench.clock)

    asyncio.run(case())
    assert bench.queue.history_of(message) == ["sent", "received", "deleted"]


def test_the_heartbeat_never_undoes_a_visibility_that_a_verdict_has_set() -> None:
    bench = Bench(act=_raise(RetryLater(after=100)))
    messages = [bench.announce(name) for name in "abc"]
    asyncio.run(run_for(bench.worker(), bench.clock, 99))
    for message in messages:
        assert bench.visibilities(message)[-1] == 100
        assert bench.queue.history_of(message).count("received") == 1


def test_a_visibility_shorter_than_the_long_poll_loops_nothing() -> None:
    pace = replace(PACE, wait_time=20, visibility_timeout=10, grace_time=30)
    processor, bench = Gated(), Bench(pool=None, pace=pace)

    async def case() -> None:
        worker = bench.worker(processor)
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(18)
        bench.announce("a")
        await bench.clock.elapse(1)
        await until(lambda: processor.entered == 1)
        await bench.clock.elapse(60)
        processor.gate.set()
        await until(lambda: bool(processor.taken))
        await bench.clock.elapse(1)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert processor.taken == ["a/0"]
    assert [action.what for action in bench.queue.history].count("received") == 1
    assert [action.what for action in bench.queue.history].count("visibility") <= 26


def test_a_delete_whose_answer_was_lost_is_no_lost_lease() -> None:
    bench = Bench(faults=Faults(delete=[LostResponse(), *itertools.repeat(DOWN, 4)]))
    message = bench.announce("a")
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert bench.queue.messages_left == 0
    assert bench.queue.history_of(message)[:3] == ["sent", "received", "deleted"]
    assert not bench.heard.failures


# ── deletes that fail ──


@pytest.mark.parametrize("fault", [ConfigurationError, RuntimeError, FailEntries])
def test_deletes_that_never_work_fill_no_memory_and_stop_no_work(fault: Callable[[], Fault]) -> None:
    bench = Bench(
        faults=Faults(delete=(fault() for _ in itertools.count())), pace=replace(PACE, visibility_timeout=40_000)
    )
    bench.announce_many(800)
    most = 0

    async def case() -> None:
        nonlocal most
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        for _ in range(200):
            await bench.clock.elapse(0.5)
            most = max(most, worker.in_hand)
        worker.stop()
        await finished(running, bench.clock)
        assert _free(bench, worker)

    asyncio.run(case())
    assert most <= UNSETTLED + bench.pace.threads
    assert len(bench.processor.taken) == 800
    assert len(bench.heard.at(Stage.SETTLE)) == 800


def test_a_delete_that_fails_is_tried_again_and_costs_no_second_delivery() -> None:
    faults: list[Fault] = [DOWN, LostResponse(), FailEntries((0, 1)), None]
    bench = Bench(faults=Faults(delete=faults))
    ids = bench.announce_many(4)
    asyncio.run(finished(bench.worker().drain(), bench.clock))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert bench.queue.messages_left == 0


# ── polls that fail ──


@pytest.mark.parametrize("error", [DOWN, DENIED, RuntimeError("foreign")], ids=repr)
def test_polls_that_fail_are_told_slowed_down_and_survived(error: Exception) -> None:
    bench = Bench(faults=Faults(receive=itertools.repeat(error, 12)), pace=replace(PACE, pollers=2))
    ids = bench.announce_many(3)
    worker = bench.worker()
    asyncio.run(run_for(worker, bench.clock, 300))
    assert sorted(bench.processor.taken) == sorted(ids)
    assert len(bench.heard.at(Stage.POLL)) == 12
    assert _free(bench, worker)


def test_polls_that_fail_for_an_hour_are_few() -> None:
    bench = Bench(faults=Faults(receive=itertools.repeat(DOWN)))
    asyncio.run(run_for(bench.worker(), bench.clock, 3600))
    assert 120 <= len(bench.heard.at(Stage.POLL)) <= 260


# ── beginning ──


def test_a_queue_that_cannot_be_asked_for_good_ends_the_worker_before_it_starts() -> None:
    bench = Bench(faults=Faults(info=[ConfigurationError("no such queue")]))
    bench.announce("a")
    with pytest.raises(ConfigurationError, match="no such queue"):
        asyncio.run(bench.worker().run())
    assert bench.processor.hooks == []
    assert [action.what for action in bench.queue.history] == ["sent"]


def test_a_queue_that_cannot_be_asked_just_now_is_polled_all_the_same() -> None:
    bench = Bench(faults=Faults(info=[DOWN]))
    bench.announce("a")
    asyncio.run(run_for(bench.worker(), bench.clock, 5))
    assert bench.processor.taken == ["a/0"]


@pytest.mark.parametrize("fifo", [False, True])
def test_a_queue_that_cannot_be_asked_at_first_is_asked_until_it_answers_and_received_from_with_care_until_then(
    *, fifo: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be FIFO, and may have no dead-letter queue: a worker that runs for months must learn it in the end."""
    asked: list[int] = []

    class Watched(FakeQueue):
        async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
            asked.append(limit)
            return await super().receive(limit=limit, wait=wait, visibility=visibility)

    bench = Bench(faults=Faults(info=[DOWN, DENIED, DOWN]), pace=replace(PACE, threads=20))
    bench.queue = Watched(clock=bench.clock, fifo=fifo, faults=bench.faults)

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(7)
        assert set(asked) == {1}
        assert "redrive policy" not in caplog.text
        await bench.clock.elapse(60)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert asked[-1] == (1 if fifo else 10)
    assert caplog.text.count("redrive policy") == 1


def test_a_worker_says_when_it_begins_to_receive(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench()
    starts: list[str] = []

    class Watched(Recorder):
        def start(self) -> None:
            starts.append(caplog.text)

    caplog.set_level("INFO")
    asyncio.run(run_for(bench.worker(Watched(), Recorder()), bench.clock, 1))
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("receiving for")]
    assert len(lines) == 1
    assert re.fullmatch(r"receiving for \S+Watched, Recorder: 4 thread\(s\), 1 poller\(s\)", lines[0])
    assert all("receiving for" not in before for before in starts)


def test_a_start_that_fails_ends_the_worker_and_stops_those_already_started() -> None:
    class Failing(Recorder):
        def start(self) -> None:
            raise OSError("no connection")

    bench = Bench()
    bench.announce("a")
    first, failing, last = Recorder(), Failing(), Recorder()
    with pytest.raises(ProcessorError, match=r"start of .*Failing raised OSError") as raised:
        asyncio.run(bench.worker(first, failing, last).run())
    assert isinstance(raised.value.__cause__, OSError)
    assert (first.hooks, failing.hooks, last.hooks) == (["start", "stop"], [], [])
    assert [action.what for action in bench.queue.history] == ["sent"]


def test_hooks_may_be_async_and_share_one_loop() -> None:
    class Async(EventProcessor):
        def __init__(self) -> None:
            self.loops: set[object] = set()
            self.calls: list[str] = []

        async def start(self) -> None:
            self._note("start")

        async def process(self, batch: EventBatch) -> None:
            await asyncio.sleep(0)
            self._note("process")

        async def stop(self) -> None:
            self._note("stop")

        def _note(self, what: str) -> None:
            self.loops.add(asyncio.get_running_loop())
            self.calls.append(what)

    processor, bench = Async(), Bench(pool=None)
    bench.announce("a")
    asyncio.run(finished(bench.worker(processor).drain(), bench.clock))
    assert processor.calls == ["start", "process", "stop"]
    assert len(processor.loops) == 1


def test_a_worker_works_once() -> None:
    bench = Bench()

    async def case() -> None:
        worker = bench.worker()
        await finished(worker.drain(), bench.clock)
        with pytest.raises(RuntimeError, match="build another"):
            await worker.drain()

    asyncio.run(case())


# ── what must not happen ──


def test_a_background_task_that_dies_ends_the_worker_loudly_and_in_order() -> None:
    class Broken(ManualClock):
        async def sleep(self, seconds: float) -> None:
            if seconds == PACE.visibility_timeout / 20:
                raise ZeroDivisionError("a bug in the heartbeat")
            await super().sleep(seconds)

    bench = Bench(clock=Broken())
    bench.announce("a")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(finished(bench.worker().run(), bench.clock))
    assert bench.processor.hooks == ["start", "stop"]


def test_a_pool_that_refuses_work_ends_the_worker_and_keeps_the_messages() -> None:
    pool, bench = ThreadPoolExecutor(1), Bench()
    bench.pool = pool
    bench.announce_many(3)

    class Closing(Recorder):
        def start(self) -> None:
            pool.shutdown(wait=False)

    with pytest.raises(RuntimeError, match="shutdown"):
        asyncio.run(finished(bench.worker(Closing()).run(), bench.clock))
    assert bench.queue.messages_left == 3
    assert [action.what for action in bench.queue.history].count("received") <= 4


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.parametrize("pool", [Inline, lambda: None], ids=["inline", "own threads"])
def test_a_processor_that_wants_to_end_the_process_loses_no_message(
    error: BaseException, pool: Callable[[], Any]
) -> None:
    """A processor's Ctrl-C stops the worker in order; ``sys.exit`` in a processor is its failure and no more."""
    bench = Bench(act=_raise(error), pool=pool())
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await until(lambda: bool(bench.visibilities(message)), bench.clock)
        worker.stop()
        await finished(running, bench.clock)

    with pytest.raises(KeyboardInterrupt) if isinstance(error, KeyboardInterrupt) else nullcontext():
        asyncio.run(case())
    assert bench.queue.history_of(message)[:3] == ["sent", "received", "visibility"]
    assert bench.queue.messages_left == 1
    assert bench.processor.hooks == ["start", "stop"]


def test_an_injected_pool_is_used_and_left_running() -> None:
    with ThreadPoolExecutor(2, thread_name_prefix="mine") as pool:
        names: set[str] = set()
        bench = Bench(pool=pool, act=lambda _: names.add(threading.current_thread().name))
        bench.announce_many(10)
        asyncio.run(finished(bench.worker().drain(), bench.clock))
        assert all(name.startswith("mine") for name in names)
        assert pool.submit(lambda: 7).result() == 7


# ── drain ──


def test_a_drain_does_not_wait_for_messages_that_were_given_back_or_that_others_hold() -> None:
    bench = Bench(act=_raise(ValueError("always")), pace=replace(PACE, give_back=Backoff(first=60, cap=60)))
    bench.announce("held by another")
    bench.announce("failing")

    async def case() -> None:
        await bench.queue.receive(limit=1, wait=0, visibility=1000)
        info = await finished(bench.worker().drain(), bench.clock, within=10)
        assert (info.visible, info.in_flight) == (0, 2)

    asyncio.run(case())


def test_a_drain_with_patience_waits_for_what_is_hidden_and_no_longer() -> None:
    errors = iter([ValueError("once")])
    bench = Bench(act=lambda batch: _raise(failed)(batch) if (failed := next(errors, None)) else None)
    bench.announce("a")

    async def case() -> None:
        await bench.queue.receive(limit=1, wait=0, visibility=50)
        info = await finished(bench.worker().drain(patience=60), bench.clock, within=70)
        assert info.is_empty

    asyncio.run(case())
    assert bench.processor.taken == ids_of("a")


def test_a_drain_with_patience_asks_the_queue_once_a_second_at_most() -> None:
    asked = itertools.count()
    bench = Bench(faults=Faults(info=itertools.repeat(Before(lambda: next(asked)))))
    bench.announce("a")

    async def case() -> None:
        await bench.queue.receive(limit=1, wait=0, visibility=1000)
        await finished(bench.worker().drain(patience=100), bench.clock, within=120)

    asyncio.run(case())
    assert next(asked) <= 105


def test_a_drain_survives_a_queue_that_cannot_be_asked_in_the_meantime() -> None:
    bench = Bench(faults=Faults(info=[None, DOWN, DOWN]))
    bench.announce("a")

    async def case() -> None:
        await bench.queue.receive(limit=1, wait=0, visibility=20)
        info = await finished(bench.worker().drain(patience=60), bench.clock)
        assert info.is_empty

    asyncio.run(case())


def test_a_drain_ends_with_the_error_when_the_queue_cannot_be_polled() -> None:
    bench = Bench(faults=Faults(receive=itertools.repeat(DENIED)))
    with pytest.raises(ConfigurationError, match="AccessDenied"):
        asyncio.run(finished(bench.worker().drain(), bench.clock, within=60))
    assert bench.processor.hooks == ["start", "stop"]


def test_a_drain_of_an_empty_queue_ends_soon() -> None:
    bench = Bench(pace=replace(PACE, wait_time=20))
    info = asyncio.run(finished(bench.worker().drain(), bench.clock, within=5))
    assert info.is_empty


def test_a_drain_without_long_polls_does_not_spin() -> None:
    asked = itertools.count()
    bench = Bench(pace=replace(PACE, wait_time=0), faults=Faults(receive=itertools.repeat(Before(lambda: next(asked)))))
    asyncio.run(finished(bench.worker().drain(), bench.clock, within=5))
    assert next(asked) <= 6
