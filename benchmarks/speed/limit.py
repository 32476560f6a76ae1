"""The limit: what inflating logs and finding their records costs, when nothing is downloaded, read or handed out.

It is a peer without a queue: its processes do nothing but that, each with its share of the logs.
"""

import multiprocessing
import time
from pathlib import Path

from benchmarks.speed.figures import Run
from benchmarks.speed.workloads import Logs, Workload
from cloudtrail_processing.logfile import inflate, split

NAME = "limit"

Took = tuple[float, float]
"""Seconds by the clock, and of the processor."""


def measure_limit(workload: Workload, logs: Logs, *, count: int, processes: int = 2) -> Run:
    """Inflate and split ``count`` logs, in so many processes."""
    shares = [len(range(start, count, processes)) for start in range(processes)]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.starmap(_inflate_and_split, [(logs.folder, 1)] * processes, chunksize=1)
        took = pool.starmap(_inflate_and_split, [(logs.folder, share) for share in shares], chunksize=1)
    return Run(
        workload=workload.name,
        peer=NAME,
        processes=processes,
        records=logs.records,
        logs=count,
        events=count * logs.records,
        wall=max(wall for wall, _ in took),
        cpu=sum(cpu for _, cpu in took),
    )


def _inflate_and_split(folder: Path, count: int) -> Took:
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json.gz"))]
    wall, cpu = time.perf_counter(), time.process_time()
    for number in range(count):
        split(inflate(bodies[number % len(bodies)]))
    return time.perf_counter() - wall, time.process_time() - cpu
