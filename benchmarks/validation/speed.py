"""How fast both programs are, side by side: objects per second, processor time per object, and memory.

Each is run on a range of the same trail, and on the first hours of it alone: what a program takes to start is known, so
that a short range, which is all that the slow one can be given, does not speak against it.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Final

import orjson

from benchmarks.aws.running import Aws, running_layout
from benchmarks.validation import awscli, ours
from benchmarks.validation.layouts import layout_of
from benchmarks.validation.programs import Ended, Failed
from benchmarks.validation.tamperings import BUCKET
from cloudtrail_processing.testing import SignedTrail

CLI: Final = "aws"
OURS: Final = "ours"
LATENCIES: Final = (0, 10, 30, 100)
"""Milliseconds until the first byte of S3."""
_HOUR: Final = timedelta(hours=1)
_START: Final = 2
"""Hours of the trail that are little work, so that a run on them is the start."""


@dataclass(frozen=True, slots=True)
class Sized:
    """How much is measured: logs in an hour, and the hours of the range, for ours and for the CLI where it waits."""

    logs: int = 20
    hours: int = 480
    few: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One program, once, on one range. Times are seconds, memory is bytes at the peak.

    ``begin_wall`` and ``begin_cpu`` are those of a run on the first hours, of ``begin`` objects. ``served`` is the
    processor time of the simulated AWS.
    """

    program: str
    latency: float
    objects: int
    wall: float
    cpu: float
    memory: int
    served: float
    begin: int
    begin_wall: float
    begin_cpu: float

    @property
    def rate(self) -> float:
        """Objects a second, with all that a run takes."""
        return self.objects / self.wall

    @property
    def pace(self) -> float:
        """Objects a second, once it has started."""
        return (self.objects - self.begin) / max(1e-9, self.wall - self.begin_wall)

    @property
    def cost(self) -> float:
        """Processor seconds of an object, with all that a run takes."""
        return self.cpu / self.objects

    @property
    def marginal(self) -> float:
        """Processor seconds of one object more."""
        return (self.cpu - self.begin_cpu) / max(1, self.objects - self.begin)

    @property
    def busy(self) -> float:
        """The share of a core that the simulated AWS was busy for."""
        return self.served / self.wall


class Ranges:
    """Parts of one trail that end with it, by their hours."""

    def __init__(self, trail: SignedTrail) -> None:
        self.arn = trail.arn
        self._windows = trail.windows
        self._end = max(it.end for it in trail.windows)

    def times(self, hours: int) -> tuple[str, str]:
        """Of the last so many hours; a little later, since the CLI takes a digest that ends at the start, too."""
        return _written(self._since(hours)), _written(self._end)

    def objects(self, hours: int) -> int:
        """The digests of these hours and their logs."""
        return sum(1 + len(it.logs) for it in self._windows if it.end > self._since(hours))

    def _since(self, hours: int) -> datetime:
        return self._end - hours * _HOUR + timedelta(seconds=1)


def measured(program: Path | None, sized: Sized, *, runs: int, latencies: Sequence[float] = LATENCIES) -> Iterator[Run]:
    """Every latency ``runs`` times, the programs in alternating order. Raises Failed where objects are not proven."""
    trail = SignedTrail(3, hours=sized.hours, logs=sized.logs, rotate=24 * 30, bucket=BUCKET)
    ranges = Ranges(trail)
    names = [OURS, *([CLI] if program is not None else [])]
    with tempfile.TemporaryDirectory() as folder:
        layout = layout_of(trail, bucket=BUCKET).write(Path(folder) / "layout")
        for latency in latencies:
            with running_layout(layout, s3_ms=latency) as aws:
                for number in range(runs):
                    for name in names if number % 2 else reversed(names):
                        hours = sized.hours if name == OURS or not latency else min(sized.few, sized.hours)
                        yield _run(name, program, aws, ranges, hours=hours, latency=latency)


def _run(name: str, program: Path | None, aws: Aws, ranges: Ranges, *, hours: int, latency: float) -> Run:
    begin_hours = min(_START, hours)
    begin = _validated(name, program, aws, ranges, begin_hours)
    ended = _validated(name, program, aws, ranges, hours)
    return Run(
        program=name,
        latency=latency,
        objects=ranges.objects(hours),
        wall=ended.wall,
        cpu=ended.cpu,
        memory=ended.memory,
        served=ended.served,
        begin=ranges.objects(begin_hours),
        begin_wall=begin.wall,
        begin_cpu=begin.cpu,
    )


def _validated(name: str, program: Path | None, aws: Aws, ranges: Ranges, hours: int) -> Ended:
    """As it is mostly run: nothing is printed of what is valid."""
    start, end = ranges.times(hours)
    if name == OURS:
        ended = ours.validate(aws, ranges.arn, start=start, end=end, options=())
        valid = ours.valid(ended)
    else:
        assert program is not None
        ended = awscli.validate(program, aws, ranges.arn, start=start, end=end, options=())
        valid = awscli.valid(ended)
    if ended.code or valid < ranges.objects(hours):
        raise Failed(f"{name} ended with {ended.code}, {valid} of {ranges.objects(hours)} valid: {ended.err[-500:]}")
    return ended


def _written(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def write(runs: Iterable[Run], path: Path) -> None:
    """Keep them, one line each, as soon as they are made; what was kept before is gone."""
    with path.open("wb", buffering=0) as file:
        for it in runs:
            file.write(orjson.dumps(asdict(it), option=orjson.OPT_APPEND_NEWLINE))


def read(path: Path) -> list[Run]:
    """What was kept."""
    return [Run(**orjson.loads(line)) for line in path.read_bytes().splitlines()] if path.exists() else []


def middle(runs: Sequence[Run], program: str, latency: float, figure: str) -> float | None:
    """The median of one figure; None when there is no run."""
    found = [float(getattr(it, figure)) for it in runs if (it.program, it.latency) == (program, latency)]
    return median(found) if found else None
