"""Processes are kept running, end in order or are ended, and never outlive their supervisor."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest
from bench import Bench
from supervised import Dying, InFolder, Lingering, LingeringUnready, Orderly, broken, fakes, lives, pids, until

from cloudtrail_processing.app import SystemClock
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, ProcessorError, SettingsError
from cloudtrail_processing.health import HealthState
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.supervisor import Joined, Setup, Supervisor, supervise
from cloudtrail_processing.supervisor.child import Assignment
from cloudtrail_processing.supervisor.cores import usable_cores
from cloudtrail_processing.supervisor.slot import SILENCE, Slot

SETTINGS = Settings(wait_time=0, grace_time=1)


class Running:
    """A supervisor in a thread of its own, over processes with fakes."""

    def __init__(
        self,
        folder: Path,
        *,
        processes: int = 1,
        patience: float = 30,
        told: Callable[[Joined], object] | None = None,
        processor: Callable[[str], InFolder] = InFolder,
        setup: Setup = fakes,
        settings: Settings = SETTINGS,
    ) -> None:
        self.told: list[Joined] = []
        self.error: CloudTrailProcessingError | None = None
        assignment = Assignment(settings, patience=patience, processors=(processor(str(folder)),), setup=setup)
        self.supervisor = Supervisor(assignment, processes=processes, told=told or self.told.append)
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        self.supervisor.kill()
        self.ends()

    def _run(self) -> None:
        try:
            self.supervisor.run()
        except CloudTrailProcessingError as error:
            self.error = error

    def ends(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


class EndingFirst(InFolder):
    """The first of its processes ends at its first batch, with this exit code, or by this signal when negative."""

    def __init__(self, folder: str, code: int) -> None:
        super().__init__(folder)
        self._code = code

    def process(self, batch: EventBatch) -> None:
        if len(pids(self._folder, "started")) == 1:
            # To this very thread: a signal to the process may reach another one, and this one would go on for a moment.
            (os._exit(self._code) if self._code >= 0 else signal.raise_signal(-self._code))
        super().process(batch)


@contextmanager
def announced(_settings: Settings) -> Iterator[Parts]:
    """A queue of its own for each process, where a message waits from the beginning."""
    clock: Any = SystemClock()
    bench = Bench(clock=clock)
    bench.announce("log")
    yield Parts(queue=bench.queue, store=bench.store, clock=clock)


def test_a_killed_process_is_started_again_and_a_stop_ends_all_in_order(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Running(tmp_path, processes=2) as running:
        until(lambda: len(pids(tmp_path, "started")) == 2)
        victim = min(pids(tmp_path, "started"))
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(pids(tmp_path, "started")) == 3)
        running.supervisor.stop()
        running.ends()
    assert running.error is None
    assert "was killed by SIGKILL, and its messages come back after their visibility timeout" in caplog.text
    assert any("died and is started again" in joined.health.why for joined in running.told)
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started") - {victim}
    assert not [pid for pid in pids(tmp_path, "started") if lives(pid)]
    assert running.told[-1].alive == 0


@pytest.mark.parametrize(
    ("code", "how"),
    [(3, "ended with exit code 3"), (-signal.SIGSEGV, "was killed by SIGSEGV"), (-40, "was killed by signal 40")],
    ids=["exit", "named signal", "signal without a name"],
)
def test_a_process_that_its_first_message_ends_at_once_is_started_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, code: int, how: str
) -> None:
    """It has begun, although it was too short-lived for a report of each second: its end is no reason to stop all."""
    with Running(tmp_path, processor=lambda folder: EndingFirst(folder, code), setup=announced) as running:
        until(lambda: running.error or (tmp_path / "events").exists())
        running.supervisor.stop()
        running.ends()
    assert running.error is None
    assert f"worker-1 {how}" in caplog.text
    assert "it is started again in 1 s" in caplog.text


def test_a_process_that_hangs_is_killed_when_its_time_is_over(tmp_path: Path) -> None:
    with Running(tmp_path, patience=1) as running:
        until(lambda: pids(tmp_path, "started"))
        (pid,) = pids(tmp_path, "started")
        os.kill(pid, signal.SIGSTOP)
        running.supervisor.stop()
        running.ends()
    assert isinstance(running.error, ProcessorError)
    assert "1 process(es) did not end within 1 s of the stop and were killed" in str(running.error)
    assert not lives(pid)


def test_a_process_that_is_told_to_stop_by_a_signal_of_its_own_stops_in_order_and_is_replaced(tmp_path: Path) -> None:
    with Running(tmp_path):
        until(lambda: pids(tmp_path, "started"))
        (pid,) = pids(tmp_path, "started")
        os.kill(pid, signal.SIGINT)  # as a terminal sends it to all: not for this one to decide
        os.kill(pid, signal.SIGTERM)
        until(lambda: len(pids(tmp_path, "started")) == 2)
        stopped = pids(tmp_path, "stopped")
    assert stopped == {pid}


@pytest.mark.skipif(not 2 <= len(usable_cores()) <= 8, reason="nothing to choose among, or too many to fill")
@pytest.mark.parametrize("pin", [True, False])
def test_processes_that_fill_all_cores_stay_on_one_each_if_they_may(tmp_path: Path, *, pin: bool) -> None:
    every = set(usable_cores())
    with Running(tmp_path, processes=len(every), settings=Settings(wait_time=0, grace_time=1, pin_processes=pin)):
        until(lambda: len(pids(tmp_path, "started")) == len(every))
        places = [os.sched_getaffinity(pid) for pid in pids(tmp_path, "started")]
    assert sorted(map(sorted, places)) == ([[core] for core in sorted(every)] if pin else [sorted(every)] * len(every))
    assert set(usable_cores()) == every


def test_a_process_that_does_not_report_for_long_counts_as_failing(tmp_path: Path) -> None:
    times = [0.0]
    assignment = Assignment(SETTINGS, patience=30, processors=(InFolder(str(tmp_path)),), setup=fakes)
    slot = Slot("worker-9", assignment, context=multiprocessing.get_context("spawn"), now=lambda: times[0])
    slot.start()
    states = [(slot.health.state, slot.health.why)]
    times[0] = SILENCE + 1
    states.append((slot.health.state, slot.health.why))
    slot.kill()
    assert slot.bury(stopping=False) is None
    states.append((slot.health.state, slot.health.why))
    assert states == [
        (HealthState.OK, ""),
        (HealthState.FAILING, "worker-9 has not reported for 30 s"),
        (HealthState.FAILING, "worker-9 died and is started again"),
    ]
    assert slot.due == times[0] + 1


def test_a_callback_that_raises_ends_no_process_and_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It may print to a disk that is full: that is no reason to kill those who work."""
    calls: list[Joined] = []

    def told(joined: Joined) -> None:
        calls.append(joined)
        raise OSError(28, "No space left on device")

    with Running(tmp_path, told=told) as running:
        until(lambda: pids(tmp_path, "started") and len(calls) > 3)
        running.supervisor.stop()
        running.ends()
    assert running.error is None
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")
    assert [it.exc_info is not None for it in caplog.records if "raised" in it.message] == [True]


def test_a_process_that_has_done_its_work_and_cannot_end_is_ended_and_replaced(tmp_path: Path) -> None:
    """A thread that user code has left behind would keep it, and nobody would work in its place."""
    with Running(tmp_path, processor=Lingering) as running:
        until(lambda: pids(tmp_path, "started"))
        (pid,) = pids(tmp_path, "started")
        os.kill(pid, signal.SIGTERM)
        until(lambda: len(pids(tmp_path, "started")) == 2)
        running.supervisor.stop()
        running.ends()
    assert running.error is None
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")


def test_why_a_process_failed_is_not_forgotten_while_it_cannot_end(tmp_path: Path) -> None:
    with pytest.raises(ProcessorError, match="start of LingeringUnready raised ConnectionError"):
        supervise(LingeringUnready(str(tmp_path)), processes=1, settings=SETTINGS, setup=fakes)


def test_a_process_that_can_end_does_so_in_order(tmp_path: Path) -> None:
    with Running(tmp_path, processor=Orderly) as running:
        until(lambda: pids(tmp_path, "started"))
        running.supervisor.stop()
        running.ends()
    assert running.error is None
    assert pids(tmp_path, "exited") == pids(tmp_path, "started")


def test_a_checkpoint_in_memory_is_told_to_be_of_little_use_to_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SettingsError, match="at least 1"):
        supervise(InFolder(str(tmp_path)), processes=0, settings=Settings(checkpoint="memory"))
    assert "checkpoint memory is not shared by processes" in caplog.text


# ── what cannot work ──


def test_a_process_that_cannot_even_start_ends_everything(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="worker-1 ended with exit code 1 before it asked for messages"):
        supervise(InFolder(str(tmp_path)), processes=1, settings=SETTINGS, setup=broken)


@pytest.mark.parametrize(
    ("processes", "make", "why"),
    [
        (0, lambda folder: InFolder(folder), "at least 1"),
        (1, lambda folder: _unsendable(folder), "cannot be sent to another process"),
    ],
)
def test_what_can_never_be_started_is_told_at_once(
    tmp_path: Path, processes: int, make: Callable[[str], InFolder], why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        supervise(make(str(tmp_path)), processes=processes, settings=SETTINGS, setup=fakes)


def _unsendable(folder: str) -> InFolder:
    class Local(Dying):
        pass

    return Local(folder)
