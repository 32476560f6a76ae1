"""What the hourly cadence of digests tells: times without logging, and digests that should be there.

CloudTrail writes a digest for every hour, also when nothing happened; the windows follow each other without a gap.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cloudtrail_processing.audit.findings import Finding, What
from cloudtrail_processing.audit.folders import HOUR, LATE, Before, Chain, Digest, Folder
from cloudtrail_processing.events import DigestFile
from cloudtrail_processing.integrity import DigestKey, State
from cloudtrail_processing.times import TimeRange

_ENDED: Final = "deleted, or logging was stopped: the trail's status tells"
_NO_DIGEST: Final = "logs lie there, and nothing proves them: deleted, or the trail had no log file validation"


def nothing_of(account: str, region: str, bucket: str, times: TimeRange) -> Finding:
    """The finding where an account or a region was asked for by name, and has no digests at all."""
    detail = "asked for by name, and no digest of it lies there: look at the name, the prefix and the trail"
    return Finding(
        What.TRAIL, State.NOT_FOUND, account, region, bucket, detail=detail, first=times.first, last=times.last
    )


@dataclass(frozen=True, slots=True)
class Cadence:
    """Judges stretches of time in the chains of one folder. ``stopped`` tells when a trail's logging was stopped."""

    folder: Folder
    times: TimeRange
    now: datetime
    stopped: Mapping[str, datetime]
    before: Before

    def between(self, newer: Digest, told: DigestFile | None, *, is_older_named: bool) -> Iterator[Finding]:
        """What is wrong between a digest and the one before it in the bucket.

        ``told`` is its content where that is valid; ``is_older_named`` is true when it names that very one, or one in
        another place: what lies between is looked for there.
        """
        older = newer.older
        if newer.name.is_backfill or is_older_named:
            return
        start = told.start if told and told.start else newer.name.end - HOUR
        if older is None:
            yield from self._begin(newer, told, start)
            return
        if told and told.previous_digest_s3_object is None:
            yield from self._gap(older.end, start)
            return
        named = DigestKey.parse(told.previous_digest_s3_object or "") if told else None
        yield from self._missing(older.end, start if named is None else named.end - HOUR)

    def _begin(self, newer: Digest, told: DigestFile | None, start: datetime) -> Iterator[Finding]:
        """What is wrong before the oldest digest of a chain, where CloudTrail says that it is the first one."""
        if told is None or told.previous_digest_s3_object is not None:
            return
        if self.before.has_logs and newer.name.end - HOUR <= self.before.since:
            yield from self._missing(self.times.first, start, why=_NO_DIGEST)
        elif newer.chain in self.before.chains:
            yield from self._gap(self.times.first, start)

    def nothing(self) -> Iterator[Finding]:
        """What it means that the folder has no digest at all of the range."""
        last = min(self.times.last, self.now - LATE)
        ended = [it for it in self.before.chains if not it.is_backfill]
        if self.before.has_logs:
            yield from self._missing(self.times.first, last, why=_NO_DIGEST)
        elif ended and all(it.trail in self.stopped and self.stopped[it.trail] <= self.times.first for it in ended):
            yield from self._gap(self.times.first, last)
        elif ended:
            yield from self._missing(self.times.first, last, why=_ENDED)

    def end(self, digests: Iterable[Digest]) -> Iterator[Finding]:
        """What is missing behind the newest digest of each chain, up to where the range, or the present, ends."""
        newest: dict[Chain, datetime] = {}
        for digest in digests:
            newest[digest.chain] = max(newest.get(digest.chain, digest.name.end), digest.name.end)
        until = self.folder.until - HOUR if self.folder.until else self.now - LATE
        for chain, last in sorted(newest.items()):
            stop = self.stopped.get(chain.trail)
            if chain.is_backfill:
                continue
            if stop and stop <= last + HOUR:
                yield from self._gap(last, min(self.times.last, self.now))
            else:
                yield from self._missing(last, min(self.times.last, until), why=_ENDED, is_end=True)

    def _gap(self, first: datetime, last: datetime) -> Iterator[Finding]:
        first, last = max(first, self.times.first), min(last, self.times.last)
        if last - first >= HOUR / 2:
            yield self._finding(State.GAP, first, last, "logging was stopped: a new chain begins after it, or none yet")

    def _missing(
        self, first: datetime, last: datetime, *, why: str = "their names stood in others", is_end: bool = False
    ) -> Iterator[Finding]:
        first = max(first, self.times.first)
        hours = (last - first) / HOUR
        if (count := int(hours) if is_end else round(hours)) < 1:
            return
        yield self._finding(
            State.MISSING, first, last, f"{count} digest(s) of the hourly cadence are not there: {why}", count=count
        )

    def _finding(self, state: State, first: datetime, last: datetime, detail: str, *, count: int = 1) -> Finding:
        place = (self.folder.account, self.folder.region, self.folder.bucket)
        return Finding(What.TRAIL, state, *place, detail=detail, first=first, last=last, count=count)
