"""Logs that lie in the bucket and that no digest lists."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from cloudtrail_processing.audit.findings import Finding, What
from cloudtrail_processing.audit.folders import HOUR, LATE, Folder, digests
from cloudtrail_processing.audit.reader import Reader
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.integrity import DigestKey, JudgedDigest, Judgement, PublicKeys, State
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import Listed, Listing
from cloudtrail_processing.times import TimeRange

_EDGE = timedelta(minutes=10)
"""A window of delivery and S3's own time may differ by so much."""


@dataclass(frozen=True, slots=True)
class Covered:
    """What some digests list: ``entries`` of the valid ones, by bucket and key.

    ``windows`` are those of the valid ones, in order; ``doubtful`` those of the others, which may have listed anything.
    """

    entries: Mapping[tuple[str, str], DigestLogFile]
    windows: Sequence[tuple[datetime, datetime]]
    doubtful: Sequence[tuple[datetime, datetime]]

    @classmethod
    def of(cls, judged: Iterable[tuple[DigestKey, JudgedDigest]]) -> "Covered":
        """That of these."""
        entries: dict[tuple[str, str], DigestLogFile] = {}
        windows, doubtful = [], []
        for name, it in judged:
            if it.digest and it.digest.start and it.digest.end and it.judgement.is_valid:
                entries.update(((entry.s3_bucket, entry.s3_object), entry) for entry in it.digest.log_files)
                windows.append((it.digest.start, it.digest.end))
            else:
                doubtful.append((name.end - HOUR, name.end))
        return cls(entries, sorted(windows), doubtful)

    def may_hold(self, moment: datetime) -> bool:
        """True when a digest that is not valid may have listed a log of about this time."""
        return any(first - HOUR <= moment <= last + LATE for first, last in self.doubtful)

    def all_of(self, first: datetime, last: datetime) -> bool:
        """True when the windows cover every moment between these."""
        for start, end in self.windows:
            if start > first:
                return False
            if end >= last:
                return True
            first = max(first, end)
        return False


def has_logs(listing: Listing, folder: Folder, times: TimeRange) -> bool:
    """True when a log of these times, or of the days around them, lies where the logs of a folder lie."""
    logs = folder.logs(LogKind.EVENTS)
    after, last = f"{logs}{times.first:%Y/%m/%d}/", f"{logs}{times.last:%Y/%m/%d}/\U0010ffff"
    first = next(iter(listing.objects(folder.bucket, logs, after=after)), None)
    return first is not None and first.key <= last


class Unlisted:
    """Looks for logs of one folder's account and region that no valid digest lists."""

    def __init__(
        self, folder: Folder, listing: Listing, *, reader: Reader, keys: PublicKeys, times: TimeRange, now: datetime
    ) -> None:
        self._folder = folder
        self._listing = listing
        self._reader = reader
        self._keys = keys
        self._times = times
        self._now = now

    def on(self, day: date, covered: Covered) -> Iterator[Finding]:
        """Those whose names are of this day, given what the digests around it list."""
        kinds = {LogKind.EVENTS.value, *(log_object(bucket, key).kind.value for bucket, key in covered.entries)}
        for kind in sorted(it for it in kinds if LogKind(it).may_hold_events):
            for listed in self._listing.objects(self._folder.bucket, f"{self._folder.logs(kind)}{day:%Y/%m/%d}/"):
                if (self._folder.bucket, listed.key) not in covered.entries and self._counts(listed):
                    yield from self._judged(listed, covered)

    def _counts(self, listed: Listed) -> bool:
        """True for a log of the range that is old enough to be listed by now."""
        log = log_object(self._folder.bucket, listed.key, size=listed.size)
        is_of_the_time = (log.slot_time or listed.modified) in self._times
        return log.kind.may_hold_events and is_of_the_time and self._now - listed.modified >= HOUR + LATE

    def _judged(self, listed: Listed, covered: Covered) -> Iterator[Finding]:
        """It may have been delivered late: then the digest of the hour in which it was written lists it."""
        around = self._around(listed.modified)
        if entry := around.entries.get((self._folder.bucket, listed.key)):
            yield self._finding(listed.key, self._reader.log(entry))
            return
        slot = log_object(self._folder.bucket, listed.key).slot_time or listed.modified
        is_known = around.all_of(listed.modified, listed.modified) or covered.all_of(slot - HOUR / 12, slot + LATE)
        is_doubtful = any(it.may_hold(time) for it in (covered, around) for time in (slot, listed.modified))
        if is_known and not is_doubtful:
            yield self._finding(listed.key, Judgement(State.UNLISTED, "no digest lists it: not written by CloudTrail"))
        else:
            why = "the digest that would list it is missing or not valid"
            yield self._finding(listed.key, Judgement(State.UNPROVEN, why))

    def _around(self, moment: datetime) -> Covered:
        """What the digests list in whose windows a moment lies."""
        moment = moment.astimezone(UTC)
        near = TimeRange(moment, moment)
        chosen = [
            it
            for it in digests(self._listing, self._folder, near)
            if it.name.end - HOUR - _EDGE <= moment <= it.name.end + _EDGE
        ]
        return Covered.of((it.name, self._reader.digest(self._folder.bucket, it.key, self._keys)) for it in chosen)

    def _finding(self, key: str, judgement: Judgement) -> Finding:
        place = (self._folder.account, self._folder.region, self._folder.bucket, key)
        return Finding(What.LOG, judgement.state, *place, judgement.detail)
