"""How long it takes until the package is imported, and until the first event of a queue that has messages."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.aws.running import running
from benchmarks.speed.figures import Run
from benchmarks.speed.measuring import measure
from benchmarks.speed.peers import OURS
from benchmarks.speed.workloads import WORKLOADS, logs_of

IMPORTS: Final = {
    "nothing": "pass",
    "package": "import cloudtrail_processing",
    "processor": "from cloudtrail_processing import EventBatch, EventProcessor",
    "worker": "from cloudtrail_processing import EventBatch, EventProcessor, Settings, run",
}
"""What a fresh interpreter is told to do."""
_ROOT = Path(__file__).parent.parent.parent
_MESSAGES = 20


def import_times(runs: int) -> Iterator[Run]:
    """Each of ``IMPORTS``, in turn; ``wall`` is the whole life of the interpreter."""
    for _ in range(runs):
        for name, code in IMPORTS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], cwd=_ROOT, check=True)
            yield Run(
                workload="import",
                series="import",
                peer=name,
                processes=1,
                records=0,
                logs=0,
                events=1,
                wall=time.perf_counter() - start,
                cpu=0,
            )


def first_events(runs: int) -> Iterator[Run]:
    """A queue with messages waits. ``first_event`` counts from the start, alone and with two processes."""
    workload = WORKLOADS["typical"]
    logs = logs_of(workload)
    with running(logs.folder) as aws:
        for _ in range(runs):
            for processes in (0, 2):
                run = measure(OURS, workload, logs, aws, count=_MESSAGES, processes=processes)
                yield run.named("first event")
