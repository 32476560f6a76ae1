"""Stopping in order: receive nothing more, finish in the grace time, interrupt, give back, and say who is stuck."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from bench import PACE, Bench, Inline, Recorder, finished, until

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import CredentialsError, Disposition, TransientError
from cloudtrail_processing.flow import FetchedLog, LogObject
from cloudtrail_processing.hooks import UNTOLD, Hooks
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure, Stage
from cloudtrail_processing.testing import FakeLogStore, Faults
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.worker import AFTER_GRACE, Worker

DOWN = TransientError("down")


class Steps(Recorder):
    """Stops at every batch until it is let on."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.entered = threading.Semaphore(0)
        self.let_on = threading.Semaphore(0)

    def _wait(self, _: EventBatch) -> None:
        self.entered.release()
        assert self.let_on.acquire(timeout=30)

    async def has_entered(self) -> None:
        await until(lambda: self.entered.acquire(blocking=False))


class Skipping(ExceptionHandler):
    def handle(self, failure: Failure) -> Disposition:
        return Disposition.SKIP


async def _started(bench: Bench, worker: Worker, processor: Steps) -> "asyncio.Future[None]":
    """The worker's run, at the point where its processor has a batch in hand."""
    running = asyncio.ensure_future(worker.run())
    await bench.clock.elapse(0.5)
    await processor.has_entered()
    return running


def _alone(**changed: Any) -> Bench:
    return Bench(**{"pool": None, "batch_size": 1, "pace": replace(PACE, threads=1), **changed})


def test_work_that_ends_within_the_grace_time_is_settled() -> None:
    processor, bench = Steps(), _alone()
    message = bench.announce("a", count=2)

    async def case() -> None:
        worker = bench.worker(processor)
        running = await _started(bench, worker, processor)
        worker.stop()
        await bench.clock.elapse(9)
        processor.let_on.release(2)
        await until(lambda: len(processor.taken) == 2)
        await finished(running, bench.clock)
        assert not worker.stuck

    asyncio.run(case())
    assert bench.queue.history_of(message)[-1] == "deleted"
    assert processor.hooks == ["start", "stop"]


@pytest.mark.parametrize("handler", [ExceptionHandler(), Skipping()], ids=["plain", "skipping"])
def test_after_the_grace_time_work_ends_before_its_next_batch_and_its_message_is_free_at_once(
    handler: ExceptionHandler,
) -> None:
    """Not even an exception handler that skips everything may let go of what was only interrupted."""
    processor, bench = Steps(), _alone()
    message = bench.announce("a", count=3)

    async def case() -> None:
        worker = bench.worker(processor, exception_handler=handler)
        running = await _started(bench, worker, processor)
        worker.stop()
        await bench.clock.elapse(PACE.grace_time + 1)
        processor.let_on.release(3)
        await until(running.done, bench.clock)
        await running
        assert not worker.stuck

    asyncio.run(case())
    assert processor.taken == ["a/0"]
    assert processor.hooks == ["start", "stop"]
    assert bench.visibilities(message)[-1] == 0
    assert bench.queue.messages_left == 1


def test_leases_live_through_the_grace_time() -> None:
    pace = replace(PACE, threads=1, grace_time=100, visibility_timeout=30)
    processor, bench = Steps(), _alone(pace=pace)
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(processor)
        running = await _started(bench, worker, processor)
        worker.stop()
        await bench.clock.elapse(95)
        processor.let_on.release()
        await until(lambda: bool(processor.taken))
        await finished(running, bench.clock)

    asyncio.run(case())
    assert bench.queue.history_of(message).count("received") == 1
    assert bench.queue.history_of(message)[-1] == "deleted"


def test_a_long_poll_under_way_is_awaited_and_what_it_brings_goes_back_out_of_reach_of_open_polls() -> None:
    bench = Bench(pace=replace(PACE, wait_time=20, grace_time=30))

    async def case() -> str:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(2)
        worker.stop()
        await bench.clock.elapse(5)
        message = bench.announce("late")
        await finished(running, bench.clock)
        return message

    message = asyncio.run(case())
    assert bench.processor.taken == []
    assert bench.queue.history_of(message) == ["sent", "received", "visibility"]
    assert bench.visibilities(message) == [15], "the polls that were open at the stop are over by then"


@pytest.mark.parametrize("polls", [1, 3])
def test_a_stop_of_many_workers_costs_a_message_that_comes_then_one_receive(polls: int) -> None:
    """Each open poll would receive what another one has just given back, until nobody has tried a dead letter."""
    bench = Bench(pace=replace(PACE, wait_time=20, grace_time=30, pollers=polls), max_receive_count=3)

    async def case() -> str:
        workers = [bench.worker() for _ in range(4)]
        running = [asyncio.ensure_future(worker.run()) for worker in workers]
        await bench.clock.elapse(8)
        for worker in workers:
            worker.stop()
        await bench.clock.elapse(1)
        message = bench.announce("late")
        for each in running:
            await finished(each, bench.clock)
        return message

    message = asyncio.run(case())
    assert bench.queue.history_of(message) == ["sent", "received", "visibility"]
    assert bench.queue.dead_letters == []


def test_a_long_poll_is_never_longer_than_the_grace_time() -> None:
    bench = Bench(pace=replace(PACE, wait_time=20, grace_time=3))

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(10)
        worker.stop()
        before = bench.clock.monotonic()
        await finished(running, bench.clock)
        assert bench.clock.monotonic() - before <= 3.5

    asyncio.run(case())


def test_no_poll_begins_after_the_stop() -> None:
    asked: list[float] = []
    bench = Bench(pace=replace(PACE, pollers=3, threads=30))
    receive = bench.queue.receive

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(bench.queue, name)

        async def receive(self, **values: Any) -> Any:
            asked.append(bench.clock.monotonic())
            return await receive(**values)

    async def case() -> None:
        worker = bench.worker(queue=Watched())
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(2.5)
        worker.stop()
        before = len(asked)
        await finished(running, bench.clock)
        assert len(asked) == before

    asyncio.run(case())


def test_messages_in_hand_that_wait_for_a_thread_go_back() -> None:
    """An injected pool may be smaller than the number of permits."""
    processor = Steps()
    with ThreadPoolExecutor(1) as pool:
        bench = _alone(pool=pool, pace=PACE)
        messages = [bench.announce(name) for name in "abc"]

        async def case() -> None:
            worker = bench.worker(processor)
            running = await _started(bench, worker, processor)
            worker.stop()
            await bench.clock.elapse(PACE.grace_time + 0.5)
            processor.let_on.release(3)
            await until(running.done, bench.clock)
            await running

        asyncio.run(case())
    assert len(processor.taken) == 1
    last = [bench.queue.history_of(message)[-1] for message in messages]
    assert sorted(last) == ["deleted", "visibility", "visibility"]


# ── stuck ──


def test_a_processor_that_does_not_return_loses_its_message_to_others_and_is_not_stopped() -> None:
    processor, bench = Steps(), _alone()
    message = bench.announce("a", count=2)

    async def case() -> None:
        worker = bench.worker(processor)
        running = await _started(bench, worker, processor)
        worker.stop()
        await finished(running, bench.clock, within=PACE.grace_time + AFTER_GRACE + 3)
        assert worker.why_stuck.startswith("a processor did not return within the grace time")
        processor.let_on.release(2)
        await until(lambda: bool(processor.taken))

    asyncio.run(case())
    assert bench.visibilities(message)[-1] == 0
    assert processor.hooks == ["start"]
    assert processor.taken == ["a/0"], "it got no further batch"


def test_one_stuck_processor_costs_its_neighbours_nothing() -> None:
    stuck, bench = Steps(), Bench(pool=None, pace=replace(PACE, threads=2))
    mine = bench.announce("stuck")

    class Half(EventProcessor):
        def process(self, batch: EventBatch) -> None:
            if batch[0].event_id == "stuck/0":
                stuck.process(batch)

    async def case() -> None:
        worker = bench.worker(Half())
        running = await _started(bench, worker, stuck)
        others = [bench.announce(name) for name in "ab"]
        await until(lambda: bench.queue.messages_left == 1, bench.clock)
        assert [bench.queue.history_of(other)[-1] for other in others] == ["deleted", "deleted"]
        worker.stop()
        await finished(running, bench.clock)
        assert worker.stuck
        stuck.let_on.release()

    asyncio.run(case())
    assert bench.visibilities(mine)[-1] == 0


def test_an_async_processor_that_hangs_is_cancelled_and_its_message_given_back() -> None:
    cancelled = threading.Event()

    class Hanging(EventProcessor):
        async def process(self, batch: EventBatch) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    bench = _alone()
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(Hanging())
        running = asyncio.ensure_future(worker.run())
        await until(lambda: worker._work.is_stuck, bench.clock)
        worker.stop()
        await finished(running, bench.clock)
        assert worker.stuck
        await until(cancelled.is_set)

    asyncio.run(case())
    assert bench.visibilities(message)[-1] == 0


# ── what fails while it stops ──


def test_deletes_that_fail_while_it_stops_do_not_make_a_processor_look_stuck() -> None:
    bench = Bench(faults=Faults(delete=itertools.repeat(DOWN)), pace=replace(PACE, grace_time=0.5))
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(0.3)
        worker.stop()
        await finished(running, bench.clock, within=10)
        assert not worker.stuck

    asyncio.run(case())
    assert bench.processor.hooks == ["start", "stop"]
    assert bench.queue.history_of(message) == ["sent", "received"]


def test_a_delete_that_fails_at_first_is_still_made_within_the_grace_time() -> None:
    bench = Bench(faults=Faults(delete=[DOWN, DOWN]))
    bench.announce("a")

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(0.1)
        worker.stop()
        await finished(running, bench.clock)

    asyncio.run(case())
    assert bench.queue.messages_left == 0


def test_a_failing_poll_does_not_hold_up_the_stop() -> None:
    bench = Bench(faults=Faults(receive=itertools.repeat(DOWN)))

    async def case() -> None:
        worker = bench.worker()
        running = asyncio.ensure_future(worker.run())
        await bench.clock.elapse(500)
        worker.stop()
        await finished(running, bench.clock, within=1)
        assert worker.in_hand == 0

    asyncio.run(case())


def test_a_stop_that_raises_is_no_reason_to_skip_the_others() -> None:
    class Failing(Recorder):
        def stop(self) -> None:
            raise OSError("sink closed")

    bench, first, last = Bench(), Recorder(), Recorder()

    async def case() -> None:
        await finished(bench.worker(first, Failing(), last).drain(), bench.clock)

    asyncio.run(case())
    assert (first.hooks, last.hooks) == (["start", "stop"], ["start", "stop"])


# ── being cancelled ──


@pytest.mark.parametrize("method", [Worker.run, Worker.drain], ids=["run", "drain"])
def test_cancelling_is_a_stop_in_order(method: Callable[[Worker], Any]) -> None:
    processor, bench = Steps(), _alone()
    message = bench.announce("a")

    async def case() -> None:
        running = asyncio.ensure_future(method(bench.worker(processor)))
        await bench.clock.elapse(0.5)
        await processor.has_entered()
        running.cancel()
        await bench.clock.elapse(1)
        processor.let_on.release()
        await until(running.done, bench.clock)
        assert running.cancelled()

    asyncio.run(case())
    assert bench.queue.history_of(message)[-1] == "deleted"
    assert processor.hooks == ["start", "stop"]


def test_cancelling_twice_ends_without_waiting_and_leaves_no_task_behind() -> None:
    processor, bench = Steps(), _alone()
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(processor)
        running = await _started(bench, worker, processor)
        for _ in range(2):
            running.cancel()
            await bench.clock.elapse(0.1)
        await until(running.done)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert worker.stuck
        processor.let_on.release()

    asyncio.run(case())
    assert processor.hooks == ["start"], "stop() must not run beside process()"
    assert "deleted" not in bench.queue.history_of(message)


def test_a_stop_before_the_run_starts_and_receives_nothing() -> None:
    bench = Bench()
    bench.announce("a")

    async def case() -> None:
        worker = bench.worker()
        worker.stop()
        await finished(worker.run(), bench.clock, within=2)
        assert worker.stopping

    asyncio.run(case())
    assert [action.what for action in bench.queue.history] == ["sent"]
    assert bench.processor.hooks == []


def test_a_thread_that_waits_to_download_again_ends_within_the_stop() -> None:
    """The waits between tries of one download are real time, in a thread: they must notice the stop."""
    bench = Bench(pool=None, store_faults=Faults(itertools.repeat(DOWN)), pace=replace(PACE, grace_time=0))
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(fetch_attempts=1000)
        running = asyncio.ensure_future(worker.run())
        await until(lambda: len(bench.store.fetched) >= 3, bench.clock)
        worker.stop()
        await bench.clock.elapse(0.1)
        await until(lambda: not worker._work.is_stuck)
        await until(running.done, bench.clock)
        assert not worker.stuck

    asyncio.run(case())
    assert bench.visibilities(message)[-1] in (0, 1)
    assert not bench.heard.at(Stage.SETTLE)


# ── probes ──


class Expiring(FakeLogStore):
    """Has no credentials at first; whoever asks after that gets what ``then`` does."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._asked = itertools.count()
        self._then = then
        self.probed = threading.Event()

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        if next(self._asked) < 5:
            raise CredentialsError("ExpiredToken")
        self.probed.set()
        self._then()
        raise DOWN


def _paused(store: Expiring, **changed: Any) -> tuple[Bench, Worker]:
    """A worker that will receive nothing, because five logs could not be read, and ask for one after 5 s at most."""
    bench = Bench(pool=None)
    bench.store = store
    for name in "abcde":
        bench.announce(name)
    return bench, bench.worker(fetch_attempts=10**6, fetch_time=1e9, **changed)


def test_a_probe_that_tries_again_and_again_ends_with_the_stop() -> None:
    store = Expiring(lambda: None)
    bench, worker = _paused(store, pause=lambda _: time.sleep(0.002))

    async def case() -> None:
        running = asyncio.ensure_future(worker.run())
        await until(store.probed.is_set, bench.clock)
        worker.stop()
        await finished(running, bench.clock, within=30)

    asyncio.run(case())
    assert not worker.stuck
    assert bench.processor.hooks == ["start", "stop"]


def test_a_probe_that_hangs_is_told_apart_from_a_processor_that_does() -> None:
    released = threading.Event()
    store = Expiring(lambda: released.wait(30))
    bench, worker = _paused(store)

    async def case() -> None:
        running = asyncio.ensure_future(worker.run())
        await until(store.probed.is_set, bench.clock)
        worker.stop()
        await finished(running, bench.clock, within=30)

    try:
        asyncio.run(case())
    finally:
        released.set()
    assert worker.stuck
    assert worker.why_stuck.startswith("a request for a log, to see whether work can go on, has not come to an end")
    assert bench.processor.hooks == ["start", "stop"]


# ── hooks that hang, or are slow ──


class Hanging(Recorder):
    """A hook of it waits until it is let on."""

    def __init__(self, hook: str) -> None:
        super().__init__()
        self._hook = hook
        self.entered, self.let_on = threading.Event(), threading.Event()

    def start(self) -> None:
        super().start()
        self._pass("start")

    def stop(self) -> None:
        super().stop()
        self._pass("stop")

    def _pass(self, hook: str) -> None:
        if hook == self._hook:
            self.entered.set()
            assert self.let_on.wait(30)


def test_a_stop_is_heard_while_a_start_runs_and_nothing_else_is_started() -> None:
    first, last, bench = Hanging("start"), Recorder(), Bench(pool=None)
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(first, last)
        running = asyncio.ensure_future(worker.run())
        await until(first.entered.is_set)
        worker.stop()
        await bench.clock.elapse(PACE.grace_time - 1)
        assert not running.done()
        first.let_on.set()
        await until(running.done, bench.clock)
        await running
        assert not worker.stuck

    asyncio.run(case())
    assert (first.hooks, last.hooks) == (["start", "stop"], [])
    assert bench.queue.history_of(message) == ["sent"]


@pytest.mark.parametrize("hook", ["start", "stop"])
def test_a_hook_that_hangs_holds_the_worker_no_longer_than_the_grace_time(hook: str) -> None:
    hanging, other, bench = Hanging(hook), Recorder(), Bench(pool=None)

    async def case() -> None:
        worker = bench.worker(other, hanging)
        running = asyncio.ensure_future(worker.run())
        await until(lambda: hanging.hooks == ["start"])
        worker.stop()
        await finished(running, bench.clock, within=2 * PACE.grace_time)
        assert worker.stuck
        hanging.let_on.set()

    asyncio.run(case())
    assert hanging.hooks[-1] == hook


def test_messages_that_cannot_be_given_back_do_not_hold_the_worker() -> None:
    processor, bench = Steps(), _alone()
    bench.announce("a", count=2)

    class Silent:
        """A queue that never answers a change of visibility."""

        def __getattr__(self, name: str) -> Any:
            return getattr(bench.queue, name)

        async def change_visibility(self, _: object) -> None:
            await asyncio.Event().wait()

    async def case() -> None:
        worker = bench.worker(processor, queue=Silent())
        running = await _started(bench, worker, processor)
        worker.stop()
        await finished(running, bench.clock, within=PACE.grace_time + 2 * AFTER_GRACE + 2)
        assert worker.stuck
        processor.let_on.release(2)

    asyncio.run(case())
    assert bench.queue.messages_left == 1


class Pager(ExceptionHandler):
    """Hangs in its first call until it is let on."""

    def __init__(self) -> None:
        self.entered, self.let_on = threading.Event(), threading.Event()
        self.stages: list[Stage] = []

    def handle(self, failure: Failure) -> None:
        self.entered.set()
        assert self.let_on.wait(30)
        self.stages.append(failure.stage)


def test_a_slow_exception_handler_stops_neither_leases_nor_polls_and_hears_everything_in_the_end() -> None:
    processor, pager = Steps(), Pager()
    bench = _alone(faults=Faults(receive=[DOWN, DOWN]), pace=replace(PACE, threads=2))
    message = bench.announce("a")

    async def case() -> None:
        worker = bench.worker(processor, exception_handler=pager)
        running = asyncio.ensure_future(worker.run())
        await until(lambda: pager.entered.is_set() and processor.entered.acquire(blocking=False), bench.clock)
        await bench.clock.elapse(10 * PACE.visibility_timeout)
        assert not pager.stages
        processor.let_on.release()
        await until(lambda: bench.queue.messages_left == 0, bench.clock)
        worker.stop()
        pager.let_on.set()
        await finished(running, bench.clock)
        assert not worker.stuck

    asyncio.run(case())
    assert bench.queue.history_of(message).count("received") == 1
    assert pager.stages == [Stage.POLL, Stage.POLL]


def test_an_exception_handler_that_hangs_fills_no_memory_and_holds_nobody(caplog: pytest.LogCaptureFixture) -> None:
    bench, entered, let_on = Bench(), threading.Event(), threading.Event()
    told: list[Failure] = []

    def tell(failure: Failure) -> None:
        entered.set()
        assert let_on.wait(30)
        told.append(failure)

    async def case() -> None:
        hooks = Hooks([], user_code=UserCode(), pool=Inline(), clock=bench.clock, patience=5, tell=tell)
        for _ in range(UNTOLD + 1):
            hooks.tell(Failure(Stage.POLL, DOWN))
        await until(entered.is_set)
        await hooks.close(patience=0)
        assert hooks.stuck

    asyncio.run(case())
    let_on.set()
    assert len(told) <= 1
    assert caplog.text.count("too slow to be told: stage poll: down") == 1
    assert f"it is not told of {UNTOLD} failure(s)" in caplog.text
