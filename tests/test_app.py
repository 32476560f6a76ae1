"""``run`` and ``build`` plug the real parts in, and signals end a worker in order."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bench import BUCKET, Bench, Recorder

from cloudtrail_processing.app import SystemClock, build, run
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import ConfigurationError, ProcessorError, SettingsError
from cloudtrail_processing.flow import LogObject, Notification, QueueMessage
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing import EmbeddedAws, FakeQueue, Faults

PROGRAM = Path(__file__).with_name("signalled.py")


def _bench() -> Bench:
    clock: Any = SystemClock()
    return Bench(clock=clock)


def _parts(bench: Bench, **changed: Any) -> Parts:
    return Parts(**{"queue": bench.queue, "store": bench.store, "clock": bench.clock, **changed})


def _drain(bench: Bench, *processors: EventProcessor, parts: Parts | None = None, **values: Any) -> None:
    async def case() -> None:
        settings = Settings.load(**values)
        async with build(processors or bench.processor, settings=settings, parts=parts or _parts(bench)) as worker:
            await worker.drain()

    asyncio.run(case())


@contextmanager
def _handlers_are_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


# ── signals ──


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_run_in_order_and_the_handlers_are_restored(number: signal.Signals) -> None:
    bench = _bench()
    message = bench.announce("a")
    processor = Recorder(lambda _: os.kill(os.getpid(), number))
    with _handlers_are_restored():
        run(processor, settings=Settings(wait_time=0, grace_time=5), parts=_parts(bench))
    assert processor.hooks == ["start", "stop"]
    assert processor.taken == ["a/0"]
    assert bench.queue.history_of(message)[-1] == "deleted"


def test_the_handlers_are_restored_after_a_failure_too() -> None:
    queue = FakeQueue(faults=Faults(info=[ConfigurationError("no such queue")]))
    with _handlers_are_restored(), pytest.raises(ConfigurationError):
        run(Recorder(), settings=Settings(), parts=_parts(_bench(), queue=queue))


class Program:
    """A worker in a process of its own, whose processor hangs until it is let on by its standard input."""

    def __init__(self, *, grace_time: float) -> None:
        command = [sys.executable, str(PROGRAM), str(grace_time)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def reads(self, line: str) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == line + "\n"

    def let_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def ends_with(self) -> tuple[int, str]:
        self.process.wait(timeout=30)  # not communicate() at once: closing its input would let it on
        output, _ = self.process.communicate()
        return self.process.returncode, output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signalled_process_finishes_what_it_has_in_hand(number: signal.Signals) -> None:
    program = Program(grace_time=20)
    program.reads("in hand")
    program.process.send_signal(number)
    program.reads("stopping")
    program.let_on()
    assert program.ends_with() == (0, "delivered\nstopped\nleft 0\n")


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(second: signal.Signals) -> None:
    program = Program(grace_time=1000)
    program.reads("in hand")
    program.process.send_signal(signal.SIGTERM)
    program.reads("stopping")
    program.process.send_signal(second)
    assert program.ends_with() == (128 + second, "")


# ── run ──


def test_a_processor_that_never_returns_is_told_by_an_error() -> None:
    bench, gate = _bench(), threading.Event()
    message = bench.announce("a")

    class Stuck(Recorder):
        def process(self, batch: EventBatch) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            assert gate.wait(60)

    # The clock runs a hundred times faster, so that the grace time and what follows it take no time.
    class Fast(SystemClock):
        def monotonic(self) -> float:
            return super().monotonic() * 100

        async def sleep(self, seconds: float) -> None:
            await asyncio.sleep(seconds / 100)

    processor = Stuck()
    with pytest.raises(ProcessorError, match="did not return within the grace time") as raised:
        run(processor, settings=Settings(grace_time=10), parts=_parts(bench, clock=Fast()))
    gate.set()
    assert raised.value.__cause__ is None
    assert processor.hooks == ["start"]
    assert bench.visibilities(message)[-1] == 0


def test_a_worker_may_run_outside_the_main_thread() -> None:
    """Signals cannot be taken there, and that is no reason to fail."""
    queue = FakeQueue(faults=Faults(info=[ConfigurationError("the end")]))
    with ThreadPoolExecutor(1) as thread, pytest.raises(ConfigurationError, match="the end"):
        thread.submit(run, Recorder(), settings=Settings(), parts=_parts(_bench(), queue=queue)).result()


def test_without_a_queue_it_says_which_setting_is_missing() -> None:
    with pytest.raises(SettingsError, match="queue_url"):
        run(Recorder())


def test_without_a_processor_it_says_so() -> None:
    with pytest.raises(SettingsError, match="no processor"):
        run(queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/trail")


def test_settings_and_single_values_together_are_refused_because_one_would_be_ignored() -> None:
    with pytest.raises(SettingsError, match="threads"):
        run(Recorder(), settings=Settings(), threads=3)


# ── build ──


def test_settings_reach_the_worker() -> None:
    bench = _bench()
    bench.announce("a", count=5)
    sizes: list[int] = []
    bench.processor._act = lambda batch: sizes.append(len(batch))
    _drain(bench, batch_size=2, threads=1, pollers=1, wait_time=0, visibility_timeout=77)
    assert sizes == [2, 2, 1]


def test_every_injected_part_is_used() -> None:
    bench = _bench()
    mine = bench.store.put(BUCKET, "my/own/log", bench.store.fetch(_announced(bench), limit=10**6).body)
    bench.queue.send("read my/own/log")
    steps: list[ProgressState] = []
    seen: list[str] = []
    names: set[str] = set()

    def parser(message: QueueMessage) -> Notification | None:
        if message.body.startswith("read "):
            return Notification(logs=(log_object(mine.bucket, message.body.removeprefix("read ")),))
        return None

    class Reporter(ProgressReporter):
        def report_end(self, status: ProgressStatus, token: object) -> None:
            steps.append(status.state)

    def wanted(log: LogObject, _message: QueueMessage | None) -> bool:
        seen.append(log.key)
        return True

    bench.processor._act = lambda _: names.add(threading.current_thread().name)
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        parts = _parts(bench, parser=parser, reporter=Reporter(), source_filter=wanted, pool=pool)
        _drain(bench, parts=parts, wait_time=0)
    assert bench.processor.taken == ["a/0", "a/0"]
    assert "my/own/log" in seen
    assert {ProgressState.POLL_QUEUE, ProgressState.PROCESS_LOG, ProgressState.DELETE_MESSAGE} <= set(steps)
    assert all(name.startswith("mine") for name in names)


def _announced(bench: Bench) -> LogObject:
    bench.announce("a")
    return next(log for log in bench.store.logs() if "CloudTrail" in log.key)


def test_where_and_each_processors_own_filter_both_count() -> None:
    class Mine(Recorder):
        filter = staticmethod(lambda event: event.event_id.endswith(("1", "2")))

    bench, mine, all_of_them = _bench(), Mine(), Recorder()
    bench.announce("a", count=3)
    _drain(bench, mine, all_of_them, wait_time=0, where=("event_name=*",))
    assert mine.taken == ["a/1", "a/2"]
    assert all_of_them.taken == ["a/0", "a/1", "a/2"]


def test_the_real_clock_tells_the_time_of_day_in_utc_and_lets_it_pass() -> None:
    clock = SystemClock()
    assert clock.now().utcoffset() == timedelta(0)
    before = clock.monotonic()
    asyncio.run(clock.sleep(0.001))
    assert clock.monotonic() > before


def test_what_cannot_be_used_yet_is_told_at_start_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with EmbeddedAws() as aws:
        settings = Settings.load(
            queue_url=aws.create_queue("logs"),
            dead_letter_url=f"{aws.url}/123456789012/nowhere",
            checkpoint=f"sqlite:{tmp_path}",
            wait_time=0,
        )

        async def drained() -> None:
            async with build(Recorder(), settings=settings, parts=Parts(aws=aws.options)) as worker:
                await worker.drain()

        asyncio.run(drained())
    warnings = "\n".join(record.message for record in caplog.records if record.levelname == "WARNING")
    assert "the checkpoint cannot be used yet" in warnings
    assert "the dead-letter queue does not answer yet" in warnings
