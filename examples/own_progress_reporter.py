"""Follow the work: how long each step takes, and what failed. Eight states, as in the Java library."""

import threading
import time
from collections import defaultdict

from cloudtrail_processing import (
    Disposition,
    EventBatch,
    EventProcessor,
    ExceptionHandler,
    Failure,
    Files,
    LogGone,
    Parts,
    ProgressReporter,
    ProgressStatus,
    process,
)
from cloudtrail_processing.testing import sample_logs


class Stopwatch(ProgressReporter):
    """What report_start returns comes back in report_end: here, the time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)

    def report_start(self, status: ProgressStatus) -> float:
        return time.perf_counter()

    def report_end(self, status: ProgressStatus, token: object) -> None:
        assert isinstance(token, float)
        with self.lock:
            self.seconds[status.state].append(time.perf_counter() - token)


class Pager(ExceptionHandler):
    """Told of every failure, and asked what should become of the message; None leaves it as it is."""

    def handle(self, failure: Failure) -> Disposition | None:
        print(f"page somebody: {failure.stage} {failure.log.uri if failure.log else ''} {failure.error}")
        return Disposition.SKIP if isinstance(failure.error, LogGone) else None


class Nothing(EventProcessor):
    def process(self, batch: EventBatch) -> None:
        pass


if __name__ == "__main__":
    stopwatch = Stopwatch()
    with sample_logs() as folder:
        parts = Parts(reporter=stopwatch, exception_handler=Pager())
        process(Nothing(), Files([folder]), parts=parts)
    for state, times in stopwatch.seconds.items():
        print(f"{state:16} {len(times):4} times, {1000 * sum(times) / len(times):7.2f} ms each")
    assert stopwatch.seconds["processLog"]
