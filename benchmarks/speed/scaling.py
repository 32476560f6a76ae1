"""How cost and memory behave with more processes, more events and deeper queues: they should not grow."""

from collections.abc import Iterator
from typing import Final

from benchmarks.aws.running import running
from benchmarks.speed.figures import Run
from benchmarks.speed.measuring import measure
from benchmarks.speed.peers import OURS, OURS_ANYWHERE, OURS_PROVEN
from benchmarks.speed.workloads import WORKLOADS, Workload, logs_of

EVENTS: Final = (10**3, 10**5, 10**7)
DEPTHS: Final = (10, 10**2, 10**3, 10**4, 10**5)
PROCESSES: Final = (1, 2)
SIDES: Final = {"proof": OURS_PROVEN, "cores": OURS_ANYWHERE}
"""What is set beside this library as it is by itself, by the name of the series."""
_RATE_FOR_LOGS: Final = 60


def by_processes(runs: int) -> Iterator[Run]:
    """The same logs in one process and in two, in turn."""
    for name in ("large", "typical"):
        workload = WORKLOADS[name]
        logs = logs_of(workload)
        with running(logs.folder) as aws:
            for _ in range(runs):
                for processes in PROCESSES:
                    run = measure(OURS, workload, logs, aws, count=workload.logs // 2, processes=processes)
                    yield run.named("processes")


def side_by_side(series: str, runs: int) -> Iterator[Run]:
    """The same logs as by default and with the other setting, in turn."""
    for name in ("large", "typical"):
        workload = WORKLOADS[name]
        logs = logs_of(workload)
        with running(logs.folder) as aws:
            for _ in range(runs):
                for peer in (OURS, SIDES[series]):
                    yield measure(peer, workload, logs, aws, count=workload.logs).named(series)


def by_events(counts: tuple[int, ...] = EVENTS) -> Iterator[Run]:
    """Ever more events in large logs."""
    for count in counts:
        yield _once(WORKLOADS["large"], max(1, count // WORKLOADS["large"].records), warm=1).named("events")


def by_depth(depths: tuple[int, ...] = DEPTHS) -> Iterator[Run]:
    """Ever more messages that wait in the queue at once, each for a tiny log."""
    for depth in depths:
        yield _once(WORKLOADS["tiny"], depth, warm=_RATE_FOR_LOGS).named("depth")


def _once(workload: Workload, count: int, *, warm: int) -> Run:
    logs = logs_of(workload)
    with running(logs.folder) as aws:
        return measure(OURS, workload, logs, aws, count=count, warm=warm)
