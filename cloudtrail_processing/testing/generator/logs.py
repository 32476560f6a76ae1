"""Log objects as CloudTrail puts them into a bucket: keys, bodies, and how many records a log has."""

import gzip
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import orjson

from cloudtrail_processing.flow import LogKind, LogObject
from cloudtrail_processing.testing.generator.draw import Draw
from cloudtrail_processing.testing.generator.scene import Record

SLOT = timedelta(minutes=5)
"""Logs are named after the end of a five-minute slot."""

_UNSORTED = 0.36
_BUSY = 0.05
_LARGEST = 622


@dataclass(frozen=True, slots=True)
class GeneratedLog:
    """One object: where it lies, its bytes as stored, and the records in it, in the order of the file.

    ``slot_time`` is the end of its slot in UTC (None for a folder); ``records`` is empty for digests and folders.
    """

    bucket: str
    key: str
    body: bytes = field(repr=False)
    records: list[Record] = field(repr=False)
    kind: LogKind
    account: str
    region: str | None = None
    organization: str | None = None
    slot_time: datetime | None = None

    @property
    def size(self) -> int:
        """The stored size in bytes."""
        return len(self.body)

    @property
    def etag(self) -> str:
        """The ETag that S3 gives the body, without quotes."""
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()

    @property
    def log_object(self) -> LogObject:
        """The same object as the pipeline names it."""
        return LogObject(
            bucket=self.bucket,
            key=self.key,
            kind=self.kind,
            account=self.account,
            region=self.region,
            organization=self.organization,
            slot_time=self.slot_time,
            etag=self.etag,
            size=self.size,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trail writes: bucket, optional prefix (without slashes at its ends) and organization (``o-…``)."""

    bucket: str
    prefix: str = ""
    organization: str | None = None

    def folder(self, account: str) -> str:
        """The part of every key up to and with the account, ending in a slash."""
        parts = (self.prefix, "AWSLogs", self.organization or "", account)
        return "/".join(part for part in parts if part) + "/"

    def key(self, *, kind: LogKind, account: str, region: str, name: str, at: datetime) -> str:
        """The key of an object: the date folders follow ``at``, ``name`` is what comes after the region."""
        return f"{self.folder(account)}{kind}/{region}/{at:%Y/%m/%d}/{account}_{kind}_{region}_{name}.json.gz"


def pack(document: object) -> bytes:
    """``document`` as compact JSON in one gzip member without a timestamp: the same input gives the same bytes."""
    return pack_text(orjson.dumps(document))


def pack_text(data: bytes) -> bytes:
    """The same for what is JSON already, or for anything."""
    return gzip.compress(data, mtime=0)


def unpack(body: bytes) -> bytes:
    """What was packed."""
    return gzip.decompress(body)


def slot_end(at: datetime) -> datetime:
    """The end of the slot in which ``at`` lies; a time on the boundary is its own slot's end."""
    over = timedelta(minutes=at.minute % 5, seconds=at.second, microseconds=at.microsecond)
    return at if not over else at - over + SLOT


def log_size(draw: Draw) -> int:
    """How many records a log has: half of them at most five, a few several hundred, 622 at most."""
    if draw.chance(_BUSY):
        return draw.number(80, _LARGEST)
    return max(1, min(_LARGEST, round(draw.long_tail(median=4.6, sigma=0.95))))


def event_times(draw: Draw, *, slot: datetime, count: int) -> list[datetime]:
    """``count`` times within the ten minutes before ``slot``; sorted, but for a third of all logs."""
    lags = sorted((draw.around(low=1, high=598, mode=90) for _ in range(count)), reverse=True)
    times = [slot - timedelta(seconds=int(lag)) for lag in lags]
    if draw.chance(_UNSORTED):
        draw.shuffle(times)
    return times
