"""What there is to do: logs of three sizes, and what a callback wants of their events."""

import gzip
import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudtrail_processing.testing import Generator

WANTED_SOURCE = "cloudtrail.amazonaws.com"
WANTED_NAMES = ("StopLogging", "DeleteTrail")
_EVERY = 100  # one record of so many is wanted by the filter


@dataclass(frozen=True, slots=True)
class Workload:
    """One job. ``records`` in each log, of which there are ``distinct`` ones, over and over.

    ``logs`` is how many this library gets to do; slower peers get fewer, so that no run takes for ever.
    """

    name: str
    records: int
    distinct: int
    logs: int
    what: str


WORKLOADS: Mapping[str, Workload] = {
    it.name: it
    for it in (
        Workload("large", 3000, 8, 480, "every event typed; 3,000 events a log"),
        Workload("typical", 60, 100, 6000, "every event typed; 60 events a log"),
        Workload("tiny", 5, 400, 10000, "every event typed; 5 events a log"),
        Workload("filter", 3000, 8, 800, "1 % of the events wanted, by a declared filter; 3,000 events a log"),
        Workload("projection", 3000, 8, 480, "a model of five fields; 3,000 events a log"),
        Workload("raw", 3000, 8, 800, "the bytes of every record; 3,000 events a log"),
    )
}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a log holds, as a peer that reads all of it must tell: events, and the sum of what is read of each."""

    events: int
    read: int

    def __add__(self, other: "Truth") -> "Truth":
        return Truth(self.events + other.events, self.read + other.read)


@dataclass(frozen=True, slots=True)
class Logs:
    """Logs in a folder, and what each of them holds: ``records`` in all, and the truth about those that are wanted."""

    folder: Path
    records: int
    truths: tuple[Truth, ...]

    def truth(self, logs: int, *, first: int = 0) -> Truth:
        """What ``logs`` logs hold from number ``first`` on."""
        return sum((self.truths[n % len(self.truths)] for n in range(first, first + logs)), Truth(0, 0))


def logs_of(workload: Workload, *, records: int | None = None, distinct: int | None = None) -> Logs:
    """The logs of a workload: made once, and kept in the folder for temporary files."""
    records, distinct = records or workload.records, distinct or workload.distinct
    folder = Path(tempfile.gettempdir()) / f"cloudtrail-benchmark-{records}x{distinct}"
    if not (folder / "done").exists():
        _write(folder, records, distinct)
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.json.gz"))]
    return Logs(folder, records, tuple(_truth(workload.name, body) for body in bodies))


def _write(folder: Path, records: int, distinct: int) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(distinct):
        made = Generator(seed=number).log(records=records).records
        for place in range(_EVERY // 2, records, _EVERY):
            made[place] = dict(made[place]) | {"eventSource": WANTED_SOURCE, "eventName": WANTED_NAMES[place % 2]}
        text = json.dumps({"Records": made}, separators=(",", ":")).encode()
        (folder / f"{number:06d}.json.gz").write_bytes(gzip.compress(text, 6, mtime=0))
    (folder / "done").write_text(hashlib.sha256(str((records, distinct)).encode()).hexdigest())


def _truth(workload: str, body: bytes) -> Truth:
    records = json.loads(gzip.decompress(body))["Records"]
    if workload == "raw":
        return Truth(len(records), sum(len(json.dumps(it, separators=(",", ":"))) for it in records))
    wanted = [it for it in records if workload != "filter" or is_wanted(it)]
    return Truth(len(wanted), sum(map(read, wanted)))


def is_wanted(record: Mapping[str, Any]) -> bool:
    """Whether the filter wants a record."""
    return record["eventSource"] == WANTED_SOURCE and record["eventName"] in WANTED_NAMES


def read(record: Mapping[str, Any]) -> int:
    """What a callback makes of the five fields that it reads."""
    texts = (record["eventName"], record["eventSource"], record["awsRegion"], record["userIdentity"].get("arn") or "")
    return sum(map(len, texts)) + ("eventTime" in record)
