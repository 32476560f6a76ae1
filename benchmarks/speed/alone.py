"""What one process costs on logs that lie in memory: nothing is downloaded, and nobody else is at work."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import FrameType
from typing import Any, Final

from benchmarks.peers.ours import PROCESSORS, Typed
from benchmarks.speed.figures import Run
from benchmarks.speed.limit import NAME as LIMIT
from benchmarks.speed.workloads import WORKLOADS, Logs, logs_of
from cloudtrail_processing import Parts, Settings
from cloudtrail_processing.assembly import make_pipeline
from cloudtrail_processing.logfile import inflate, split
from cloudtrail_processing.testing import FakeLogStore
from cloudtrail_processing.usercode import UserCode

SERIES: Final = "memory"
MODELS: Final = ("large", "filter", "projection", "struct", "raw")
"""What the callback wants of the same large logs."""
_LARGE: Final = WORKLOADS["large"]
_EVERY: Final = 0.001  # seconds of the processor between two looks at what it does


def alone(runs: int, logs: Logs | None = None) -> Iterator[Run]:
    """Every model, and the limit, in turn and on one core: threads that move would add what the workloads tell."""
    logs = logs or logs_of(_LARGE)
    jobs = {name: _job(name, logs) for name in (LIMIT, *MODELS)}
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        for number in range(runs + 1):
            for name, job in jobs.items():
                run = _timed(name, job, logs)
                if number:  # the first round warms up
                    yield run
    finally:
        os.sched_setaffinity(0, cores)


def sampled(model: str, *, rounds: int, logs: Logs | None = None) -> Mapping[str, float]:
    """The share of each function in the processor time of one model, as its innermost frame in Python."""
    job, seen = _job(model, logs or logs_of(_LARGE)), Counter[str]()

    def look(_number: int, frame: FrameType | None) -> None:
        if frame is not None:
            seen[frame.f_code.co_qualname] += 1

    job()
    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
    try:
        for _ in range(rounds):
            job()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return {name: count / seen.total() for name, count in seen.most_common()}


def _timed(name: str, job: Callable[[], int], logs: Logs) -> Run:
    wall, cpu = time.perf_counter(), time.process_time()
    events = job()
    return Run(
        workload=name,
        series=SERIES,
        peer=name,
        processes=1,
        records=logs.records,
        logs=len(logs.truths),
        events=events,
        wall=time.perf_counter() - wall,
        cpu=time.process_time() - cpu,
    )


def _job(name: str, logs: Logs) -> Callable[[], int]:
    """All logs once; it returns how many records they hold."""
    bodies = [path.read_bytes() for path in sorted(logs.folder.glob("*.json.gz"))]
    return (lambda: sum(len(split(inflate(body))) for body in bodies)) if name == LIMIT else _delivery(name, bodies)


def _delivery(model: str, bodies: list[bytes]) -> Callable[[], int]:
    store, processor = FakeLogStore(), PROCESSORS.get(model, Typed)()
    objects = [store.put("trail", f"{number}.json.gz", body) for number, body in enumerate(bodies)]
    processor.start()
    parts: dict[str, Any] = {"settings": Settings(), "parts": Parts(store=store), "closing": ExitStack()}
    pipeline = make_pipeline([processor], user_code=UserCode(), **parts)

    def deliver() -> int:
        outcomes: list[Any] = [pipeline.process_log(log) for log in objects]
        return sum(outcome.records for outcome in outcomes)

    return deliver
