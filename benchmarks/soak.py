"""Memory stays flat: millions of events through one real worker process, whose memory is watched.

    python benchmarks/soak.py --events 5000000

Big logs are announced under ever new keys on an embedded AWS, which serves one of a few bodies for each. Ends with 1
when the worker's memory during the last tenth of the events is not within 10 % of that during the first.
"""

import argparse
import json
import mmap
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaos_aws import Aws, aws_process
from chaos_faults import Answer, Forward, Request
from chaos_fleet import memory
from chaos_proxy import Proxy
from chaos_table import Show
from rich.console import Group
from rich.table import Table

from cloudtrail_processing import EventBatch, EventProcessor, Parts, Settings, run
from cloudtrail_processing.aws.session import AwsOptions, Credentials
from cloudtrail_processing.testing.generator import GeneratedLog, Generator, messages

BUCKET = "soak-trail-logs"
IN_ONE_LOG = 2_000
WITHIN = 0.10

_BODIES = 4
_WAITING = 40
_EVERY = 0.5
_TENTHS = 10
_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 100


# ── the worker, in a process of its own ──


class Count(EventProcessor):
    """Looks at each event as a detector would, and counts in a file that the other process reads."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._total = mmap.mmap(opened.fileno(), 8)
        self._lock = threading.Lock()
        self._denied = 0

    def process(self, batch: EventBatch) -> None:
        """Read what most detectors read."""
        denied = sum(event.error_code == "AccessDenied" and bool(event.user_identity.arn) for event in batch)
        with self._lock:
            self._denied += denied
            self._total[:] = struct.pack("q", total(self._total) + len(batch))


def total(counter: mmap.mmap) -> int:
    """How many events were delivered."""
    return int(struct.unpack("q", counter[:8])[0])


def work(folder: Path) -> None:
    """Be the worker, until told to stop."""
    orders = json.loads((folder / "orders.json").read_text())
    keys = Credentials("soak", "soak")
    parts = Parts(aws=AwsOptions(region="us-east-1", endpoint_url=orders["endpoint"], credentials=keys))
    run(Count(folder / "count"), settings=Settings.load(**orders["settings"]), parts=parts)


# ── everything around it ──


class Rekeyed:
    """Serves one of a few bodies under every key, so that millions of events need no gigabytes of embedded S3."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys

    async def answer(self, request: Request, forward: Forward) -> Answer:
        """As if the asked object were there; the same key has the same body each time."""
        if not request.is_s3:
            return await forward(request)
        target = f"/{BUCKET}/{self._keys[zlib.crc32(request.target.encode()) % len(self._keys)]}"
        head = request.head.replace(request.target.encode(), target.encode(), 1)
        return await forward(replace(request, head=head, target=target))


@dataclass(slots=True)
class Samples:
    """Memory of the worker in bytes, with how many events it had delivered by then, and when."""

    events: int
    taken: list[tuple[int, int]] = field(default_factory=list)
    seconds: float = 0.0

    def tenth(self, number: int) -> list[int]:
        """The memory while the ``number``-th tenth (from 0) of the events was delivered."""
        low, high = (self.events * which // _TENTHS for which in (number, number + 1))
        return [size for done, size in self.taken if low < done <= high]

    @property
    def growth(self) -> float:
        """From the first tenth to the last, as a part of the first; by medians."""
        first, last = (statistics.median(self.tenth(number)) for number in (0, _TENTHS - 1))
        return last / first - 1


def soak(events: int, *, show: Show) -> Samples:
    """Let a worker deliver that many events; returns its memory all the while."""
    generator = Generator(1, bucket=BUCKET)
    logs = [generator.log(records=generator.records(IN_ONE_LOG)) for _ in range(_BODIES)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        aws = stack.enter_context(aws_process())
        queue, _ = aws.create(buckets=[BUCKET], queue="soak")
        list(aws.put(logs))
        proxy = stack.enter_context(Proxy(aws.url, Rekeyed([log.key for log in logs])))
        counter = _prepared(folder, endpoint=proxy.url, queue_url=aws.queue_url(queue, at=proxy.url))
        feeding = threading.Thread(target=_feed, args=[aws, queue, logs, events // IN_ONE_LOG], daemon=True)
        feeding.start()
        worker = stack.enter_context(_worker(folder))
        return _watch(worker, counter, Samples(events // IN_ONE_LOG * IN_ONE_LOG), show)


def _prepared(folder: Path, *, endpoint: str, queue_url: str) -> mmap.mmap:
    settings = {
        "queue_url": queue_url,
        "threads": 4,
        "batch_size": 200,
        "pollers": 1,
        "wait_time": 1,
        "checkpoint": f"sqlite:{folder / 'checkpoint.db'}",
        "quarantine": str(folder / "quarantine"),
        "allowed_buckets": [BUCKET],
    }
    (folder / "orders.json").write_text(json.dumps({"endpoint": endpoint, "settings": settings}))
    (folder / "count").write_bytes(bytes(8))
    with (folder / "count").open("rb") as opened:
        return mmap.mmap(opened.fileno(), 8, access=mmap.ACCESS_READ)


def _feed(aws: Aws, queue: str, logs: Sequence[GeneratedLog], count: int) -> None:
    for start in range(0, count, 10):
        while aws.visible(queue) > _WAITING:
            time.sleep(0.2)
        numbers = range(start, min(start + 10, count))
        keys = (logs[0].key.replace(".json.gz", f"{number:08}.json.gz") for number in numbers)
        # A shape that tells no etag, so that the worker asks for it: it depends on the body that is served.
        aws.send(queue, [messages.cloudtrail_raw(replace(logs[0], key=key)) for key in keys])


@contextmanager
def _worker(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([sys.executable, __file__, "--work", str(folder)]) as process:
        try:
            yield process
        finally:
            process.terminate()


def _watch(worker: "subprocess.Popen[bytes]", counter: mmap.mmap, samples: Samples, show: Show) -> Samples:
    started = time.monotonic()
    while (done := total(counter)) < samples.events and worker.poll() is None:
        if done:
            samples.taken.append((done, memory(worker.pid)))
        show.progress(f"{memory(worker.pid) / 2**20:.0f} MiB", done, samples.events)
        time.sleep(_EVERY)
    samples.taken.append((done, memory(worker.pid)))
    samples.seconds = time.monotonic() - started
    return samples


# ── what is shown ──


def table(samples: Samples) -> Group:
    """Memory by tenths, its course, and the verdict."""
    chart = Table("tenth of the events", "median MiB", "least", "most", title="memory of one worker")
    for number in range(_TENTHS):
        sizes = [size / 2**20 for size in samples.tenth(number)] or [0.0]
        chart.add_row(str(number + 1), *(f"{it:.1f}" for it in (statistics.median(sizes), min(sizes), max(sizes))))
    rate = samples.events / samples.seconds
    verdict = f"{samples.growth:+.1%} from the first tenth to the last, {WITHIN:.0%} are allowed"
    course = [size for _, size in samples.taken]
    told = f"{samples.events:,} events in {samples.seconds:,.0f} s: {rate:,.0f} a second; {verdict}"
    return Group(chart, sparkline(course), told)


def sparkline(values: Sequence[int]) -> str:
    """The course of the values in one line, from zero to the most."""
    step = max(1, len(values) // _WIDTH)
    means = [statistics.mean(values[start : start + step]) for start in range(0, len(values), step)]
    most = max(means) or 1
    return "".join(_BARS[min(len(_BARS) - 1, int(mean / most * len(_BARS)))] for mean in means)


def main() -> int:
    """Soak, show, and say whether it held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--save", type=Path, help="write the samples (events, bytes) to this file, as JSON")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work)
        return 0
    with Show.on_terminal() as show:
        samples = soak(given.events, show=show)
        show.say(table(samples))
    if given.save:
        given.save.write_text(json.dumps({"seconds": samples.seconds, "samples": samples.taken}))
    return int(abs(samples.growth) > WITHIN or samples.taken[-1][0] < samples.events)


if __name__ == "__main__":
    sys.exit(main())
