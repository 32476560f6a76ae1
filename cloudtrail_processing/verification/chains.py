"""The chain of hourly digests that a log belongs to: its folder, the times that valid digests cover, and who looked."""

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import orjson

from cloudtrail_processing.flow import LogObject

MARGIN: Final = 600
"""Seconds by which S3's time of a log and CloudTrail's own may differ: which of two digests lists it is not sure."""
_HOUR = 3600
_COMES_AFTER = 2_700
"""Seconds in which a digest is there, counted from the end of its hour; real ones took some thirty minutes."""
_KEPT = 13 * 86_400
_FOLDER = re.compile(
    r"(?P<owner>(?:.*/)?AWSLogs/(?:o-[a-z0-9]{10,32}/)?[0-9]{12}/)CloudTrail(?:-[A-Za-z]+)?/(?P<region>[a-z0-9-]+)/.*",
    re.DOTALL,
)


def folder_of(log: LogObject) -> str:
    """Where the digests of a log lie, as ``s3://bucket/…/CloudTrail-Digest/region/``; of a digest: its own folder.

    ``""`` for what no digest can list: a file, or a key that is none of CloudTrail's.
    """
    found = _FOLDER.fullmatch(log.key) if log.bucket else None
    return f"s3://{log.bucket}/{found['owner']}CloudTrail-Digest/{found['region']}/" if found else ""


@dataclass(frozen=True, slots=True)
class Chain:
    """What is known of the digests in one folder. Times are seconds since the epoch; 0 is never.

    ``covered`` are the times that valid digests cover, in order and apart. ``since`` is the earliest slot of a log that
    came here, ``active`` when one came last (to the hour), ``looked`` when the folder was last looked into.
    """

    folder: str
    covered: tuple[tuple[float, float], ...] = ()
    since: float = 0
    active: float = 0
    looked: float = 0

    @classmethod
    def read(cls, text: str) -> Self:
        """The chain that ``text`` tells."""
        told: dict[str, Any] = orjson.loads(text)
        return cls(**{**told, "covered": tuple((first, last) for first, last in told["covered"])})

    @property
    def text(self) -> str:
        """The chain for a ledger."""
        return orjson.dumps(self).decode()

    def covers(self, at: float) -> bool:
        """True when valid digests cover the time, and what lies near it on both sides."""
        return any(first <= at - MARGIN and at + MARGIN <= last for first, last in self.covered)

    def covering(self, first: float, last: float) -> Self:
        """With the time that one more valid digest covers; as long as what it lists is remembered, too."""
        joined: list[tuple[float, float]] = []
        for start, end in sorted({*self.covered, (first, last)}):
            if joined and start <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((start, end))
        oldest = joined[-1][1] - _KEPT
        return replace(self, covered=tuple((max(one[0], oldest), one[1]) for one in joined if one[1] > oldest))

    def watched(self, slot: float) -> bool:
        """True for the slot of a log that should have come here: it is no older than the first one that did."""
        return self.since != 0 and (not slot or self.since <= slot)

    def is_watching(self, slot: float, *, now: float) -> bool:
        """True when a log of that slot changes nothing."""
        return now < self.active + _HOUR and (not slot or (self.since != 0 and self.since <= slot))

    def watching(self, slot: float, *, now: float) -> Self:
        """With a log of that slot having come here."""
        since = min(self.since or slot, slot) if slot else self.since
        return replace(self, since=since, active=max(self.active, now // _HOUR * _HOUR))

    def wait(self, at: float, *, now: float) -> float:
        """Seconds until the digest of a log delivered ``at`` that time can be expected; 0 when it is overdue."""
        ends = [last for _, last in self.covered if last <= at]
        end = ends[-1] + _HOUR * math.floor((at - ends[-1]) / _HOUR + 1) if ends else at + _HOUR
        return max(0.0, end + _COMES_AFTER - now)
