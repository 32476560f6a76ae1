"""What one run told, and how it is kept: a line of JSON each."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Self

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One peer, once, on one workload. Times are seconds, memory is bytes; ``events`` are the records of the logs.

    ``first_event`` is from the start of the process on. ``busy`` is the share of one core that the simulated AWS took.
    """

    workload: str
    peer: str
    processes: int
    series: str = "workloads"
    records: int
    logs: int
    events: int
    wall: float
    cpu: float
    first_event: float | None = None
    largest: int = 0
    together: int = 0
    requests: dict[str, int] = field(default_factory=dict)
    busy: float = 0

    def named(self, series: str) -> Self:
        """The same run as one of another series of measurements."""
        return replace(self, series=series)

    @property
    def rate(self) -> float:
        """Events per second, by the clock."""
        return self.events / self.wall

    @property
    def cost(self) -> float:
        """Processor seconds per million events: as many microseconds per event."""
        return self.cpu / self.events * 1e6

    def calls(self, *, of_s3: bool) -> float:
        """Requests per 1,000 events: to S3, or to SQS."""
        made = sum(count for name, count in self.requests.items() if ("Object" in name) is of_s3)
        return made / self.events * 1000


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several runs, with the lowest and the highest."""

    middle: float
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float | None]) -> "Spread | None":
        """That of these; None when there are none."""
        known = [value for value in values if value is not None]
        return cls(median(known), min(known), max(known), len(known)) if known else None


class Runs:
    """All runs so far, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, run: Run) -> None:
        """Keep one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(orjson.dumps(asdict(run), option=orjson.OPT_APPEND_NEWLINE))

    def forget(self) -> None:
        """Start anew."""
        self._path.unlink(missing_ok=True)

    def of(self, series: str = "workloads", **wanted: object) -> list[Run]:
        """Those of one series whose fields have these values, in the order in which they were made."""
        lines = self._path.read_bytes().splitlines() if self._path.exists() else []
        runs = (Run(**orjson.loads(line)) for line in lines)
        return [it for it in runs if it.series == series and all(getattr(it, k) == v for k, v in wanted.items())]
