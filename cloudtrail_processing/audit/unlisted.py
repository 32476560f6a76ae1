"""Logs that lie in the bucket and that no digest lists."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from cloudtrail_processing.audit.findings import Finding, What
from cloudtrail_processing.audit.folders import HOUR, LATE, Folder, day_folder, digests
from cloudtrail_processing.audit.reader import Reader, refused
from cloudtrail_processing.errors import ConfigurationError, CredentialsError, NotAllowed, TransientError
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.integrity import DigestKey, JudgedDigest, Judgement, PublicKeys, State
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import Listed, Listing
from cloudtrail_processing.times import TimeRange

_DAY = timedelta(days=1)
_HOURS = 24
"""Hours whose digests are kept in memory while logs are looked for that nobody lists."""
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
            if end >= first:
                first = end
                if first >= last:
                    return True
        return False


class Unlisted:
    """Looks for logs of one folder's account and region that no valid digest lists."""

    def __init__(
        self,
        folder: Folder,
        listing: Listing,
        *,
        kinds: Iterable[str],
        reader: Reader,
        keys: PublicKeys,
        times: TimeRange,
        now: datetime,
    ) -> None:
        self._folder = folder
        self._kinds = tuple(kinds)
        self._listing = listing
        self._reader = reader
        self._keys = keys
        self._times = times
        self._now = now

    def on(self, day: date, digests: Iterable[tuple[DigestKey, JudgedDigest]]) -> Iterator[Finding]:
        """Those whose names are of this day, given the digests around it. Raises ``CredentialsError``.

        Also those that only a digest behind the range lists: nobody else tells of them.
        """
        known = list(digests)
        beyond = Covered.of(it for it in known if it[0].end > self._times.last + HOUR)
        try:
            yield from self._found(day, Covered.of(known), beyond)
        except CredentialsError:
            raise
        except (ConfigurationError, NotAllowed, TransientError) as error:
            reason, first = refused(error), datetime.combine(day, time(), UTC)
            place = (self._folder.account, self._folder.region, self._folder.bucket)
            yield Finding(What.TRAIL, reason.state, *place, "", reason.detail, first, first + _DAY)

    def _found(self, day: date, covered: Covered, beyond: Covered) -> Iterator[Finding]:
        windows = _Windows(self._folder, self._listing, self._read)
        for kind in self._kinds:
            for listed in self._listing.objects(self._folder.bucket, day_folder(self._folder.logs(kind), day)):
                place = (self._folder.bucket, listed.key)
                if (place in covered.entries and place not in beyond.entries) or not self._counts(listed, day):
                    continue
                if entry := beyond.entries.get(place):
                    yield self._finding(listed.key, self._reader.log(entry))
                else:
                    yield from self._judged(listed, day, covered if _lists(covered, kind) else _NOTHING, windows)

    def _read(self, key: str) -> JudgedDigest:
        return self._reader.digest(self._folder.bucket, key, self._keys)

    def _counts(self, listed: Listed, day: date) -> bool:
        """True for anything of the range that is old enough to be listed by now: who reads a folder reads all of it."""
        if listed.size == 0 and log_object(self._folder.bucket, listed.key, size=0).kind is LogKind.FOLDER:
            return False
        slot = self._slot(listed, day)
        midnight = datetime.combine(day, time(), UTC)
        if slot is None:
            is_of_the_time = midnight <= self._times.last and self._times.first <= midnight + _DAY
        else:
            is_of_the_time = slot in self._times
        # Whoever writes an old log again and again must not keep it out of sight for ever.
        is_old = self._now - (slot or midnight + _DAY) >= 2 * (HOUR + LATE)
        return is_of_the_time and (is_old or not self._is_young(listed))

    def _slot(self, listed: Listed, day: date) -> datetime | None:
        """The time in the name of a log; None where there is none, or one that belongs into another day's folder."""
        slot = log_object(self._folder.bucket, listed.key).slot_time
        return slot if slot and slot.date() == day else None

    def _is_young(self, listed: Listed) -> bool:
        return self._now - listed.modified < HOUR + LATE

    def _judged(self, listed: Listed, day: date, covered: Covered, windows: "_Windows") -> Iterator[Finding]:
        """It may have been delivered late: then the digest of the hour in which it was written lists it."""
        near = windows.around(listed.modified)
        around, place = Covered.of(near), (self._folder.bucket, listed.key)
        if entry := around.entries.get(place):
            told = Covered.of(it for it in near if self._times.first <= it[0].end <= self._times.last + HOUR)
            if place not in told.entries:  # else the day of that digest tells of it
                yield self._finding(listed.key, self._reader.log(entry))
            return
        slot = self._slot(listed, day) or listed.modified
        is_near = bool(covered.windows) and around.all_of(listed.modified, listed.modified)
        is_known = is_near or covered.all_of(slot - HOUR / 12, slot + LATE)
        is_doubtful = any(it.may_hold(at) for it in (covered, around) for at in (slot, listed.modified))
        if self._is_young(listed):
            why = "the digest that would list it is not there yet: it was written just now"
            yield self._finding(listed.key, Judgement(State.UNPROVEN, why))
        elif is_known and not is_doubtful:
            yield self._finding(listed.key, Judgement(State.UNLISTED, "no digest lists it: not written by CloudTrail"))
        else:
            why = "the digest that would list it is missing or not valid, or none here lists logs of its kind"
            yield self._finding(listed.key, Judgement(State.UNPROVEN, why))

    def _finding(self, key: str, judgement: Judgement) -> Finding:
        place = (self._folder.account, self._folder.region, self._folder.bucket, key)
        return Finding(What.LOG, judgement.state, *place, judgement.detail)


_NOTHING: Final = Covered({}, (), ())


def _lists(covered: Covered, kind: str) -> bool:
    """Whether what these digests do not list is added: AWS does not say that digests list logs of every kind."""
    return kind == LogKind.EVENTS or any(f"/{kind}/" in key for _, key in covered.entries)


class _Windows:
    """The digests of some hours. Each is read once, however many logs of its hour nobody lists."""

    def __init__(self, folder: Folder, listing: Listing, read: Callable[[str], JudgedDigest]) -> None:
        self._folder = folder
        self._listing = listing
        self._read = read
        self._hours: dict[datetime, list[tuple[DigestKey, JudgedDigest]]] = {}

    def around(self, moment: datetime) -> list[tuple[DigestKey, JudgedDigest]]:
        """Those in whose windows a moment lies."""
        moment = moment.astimezone(UTC)
        hour = moment.replace(minute=0, second=0, microsecond=0)
        if hour not in self._hours:
            if len(self._hours) >= _HOURS:
                self._hours.clear()
            first, last = hour - _EDGE, hour + 2 * HOUR + _EDGE
            found = digests(self._listing, self._folder, TimeRange(hour, hour + HOUR))
            self._hours[hour] = [(it.name, self._read(it.key)) for it in found if first <= it.name.end <= last]
        return [it for it in self._hours[hour] if it[0].end - HOUR - _EDGE <= moment <= it[0].end + _EDGE]
