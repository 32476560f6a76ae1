"""What lies in a quarantine: lines, one for each bad record, and the names of the files that hold them."""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from types import NoneType
from typing import Any

from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object

SUFFIX = ".jsonl"
"""How the name of every file ends."""
_TAIL = 80  # characters of a key that stay readable in a file's name
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A bad record as it was set aside: what it is, when it was kept (UTC), and the file in which it lies.

    ``record.log`` has the bucket, key, version and etag that it had, and what these tell; not its size.
    """

    record: RejectedRecord
    time: datetime = field(compare=False)
    place: str


def to_line(record: RejectedRecord, *, time: datetime) -> bytes:
    """The record as one JSON object in ASCII, without a line break.

    Its bytes are the text ``raw`` where they are valid UTF-8, else ``raw_base64``.
    """
    try:
        raw = {"raw": record.raw.decode("utf-8")}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(record.raw).decode("ascii")}
    about = {**identity(record.log), "index": record.index, "error": record.error, "time": time.isoformat()}
    return json.dumps(about | raw).encode("ascii")


def from_line(line: bytes, *, place: str) -> Quarantined:
    """The record that ``to_line`` wrote, exact bytes; ``CorruptLog`` for a line that it did not write."""
    try:
        found: Any = json.loads(line)
        raw = found["raw"].encode("utf-8") if "raw" in found else base64.b64decode(found["raw_base64"], validate=True)
        version_id, etag = (_typed(found[name], str, NoneType) for name in ("version_id", "etag"))
        log = log_object(_typed(found["bucket"], str), _typed(found["key"], str), version_id=version_id, etag=etag)
        record = RejectedRecord(log, _typed(found["index"], int), raw, _typed(found["error"], str))
        return Quarantined(record, _moment(found["time"]), place)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptLog(f"{place} has a line that is no quarantined record ({type(error).__name__})") from error


def records_in(content: bytes, *, place: str, unreadable: Callable[[CorruptLog], object]) -> Iterator[Quarantined]:
    """Every record of the file; at its end ``unreadable`` is told of all its other lines at once, if there are any."""
    others: list[tuple[int, str]] = []
    for number, line in enumerate(content.split(b"\n"), start=1):
        try:
            if line:
                yield from_line(line, place=place)
        except CorruptLog as error:
            others.append((number, type(error.__cause__).__name__))
    if others:
        unreadable(_of_lines(others, place=place))


def lines_without(content: bytes, gone: set[RejectedRecord]) -> tuple[list[bytes], list[bytes]]:
    """All lines of the file that are not empty, and those of them that hold none of the records that are gone."""
    lines = [line for line in content.split(b"\n") if line]
    return lines, [line for line in lines if _record(line) not in gone]


def file_name(records: Sequence[RejectedRecord]) -> str:
    """A name for records of one log: safe in any folder, the same for the same records, files of one log adjacent.

    Letters, digits, ``_`` and ``-`` alone, of the key's end, then hashes of the log and of the records.
    """
    log = records[0].log
    tail = _UNSAFE.sub("_", log.key.removesuffix(".gz").removesuffix(".json"))[-_TAIL:].strip("-_")
    whole = _hash(*(part for record in records for part in (str(record.index).encode(), record.raw)))
    return f"log-{tail}-{_hash(json.dumps(identity(log)).encode())}-{whole}{SUFFIX}"


def by_log(entries: Iterable[Quarantined]) -> Iterator[tuple[LogObject, list[Quarantined]]]:
    """Each log with all its bad records, one log in memory at a time; ``entries`` as a quarantine lists them."""
    for log, group in groupby(entries, key=lambda entry: entry.record.log):
        yield log, list(group)


def identity(log: LogObject) -> dict[str, str | None]:
    """What tells a log, or a version of it, from any other."""
    return {"bucket": log.bucket, "key": log.key, "version_id": log.version_id, "etag": log.etag}


def _hash(*parts: bytes) -> str:
    """64 bits of it, in hexadecimal; no two lists of parts run together."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]


def _typed(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:  # exactly: True is no number here
        raise TypeError(f"another type expected than {type(value).__name__}")
    return value


def _moment(text: str) -> datetime:
    if (time := datetime.fromisoformat(text)).tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def _record(line: bytes) -> RejectedRecord | None:
    try:
        return from_line(line, place="").record
    except CorruptLog:
        return None


def _of_lines(others: list[tuple[int, str]], *, place: str) -> CorruptLog:
    number, why = others[0]
    what = f"{len(others):,} line(s) in {place} are no quarantined record"
    return CorruptLog(f"{what}: the first is line {number} ({why}); kept")
