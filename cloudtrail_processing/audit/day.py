"""One day of one folder: its digests, what they hang on, the logs they list, and those that none lists."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from cloudtrail_processing.audit.cadence import Cadence
from cloudtrail_processing.audit.findings import Finding, What, found
from cloudtrail_processing.audit.folders import HOUR, Digest, Folder
from cloudtrail_processing.audit.reader import Reader
from cloudtrail_processing.audit.unlisted import Unlisted
from cloudtrail_processing.events.digest import DigestLogFile
from cloudtrail_processing.integrity import DigestKey, JudgedDigest, Judgement, PublicKeys, State, judge_link


@dataclass(frozen=True, slots=True)
class Day:
    """A piece of work that stands alone. ``own`` digests end on this day and are reported.

    ``others`` are read as well: those after it may list its logs. ``linking`` are the others whose links no other day
    looks at; ``names`` are the keys of all digests in the folder.
    """

    date: date
    own: Sequence[Digest]
    others: Sequence[Digest]
    linking: Sequence[Digest]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found on a day; ``moved`` are folders in which its chains were before."""

    findings: Sequence[Finding]
    moved: Sequence[Folder] = ()


class DayAudit:
    """Looks at days of one folder. Holds no state of a day."""

    def __init__(
        self, folder: Folder, *, reader: Reader, keys: PublicKeys, cadence: Cadence, unlisted: Unlisted
    ) -> None:
        self._folder = folder
        self._reader = reader
        self._keys = keys
        self._cadence = cadence
        self._unlisted = unlisted

    def report(self, day: Day) -> Report:
        """Everything that there is to say of a day, in the order of time."""
        digests = [*day.own, *day.others]
        judged = dict(zip((it.key for it in digests), self._reader.each(self._read, digests), strict=True))
        links = _Links(self._folder, day, judged, self._reader, self._keys, self._cadence)
        findings = [finding for digest in day.own for finding in links.own(digest)]
        findings += [finding for digest in day.linking for finding in links.hangs_on(digest)]
        findings += self._logs(it for digest in day.own if (it := judged[digest.key]).judgement.is_valid)
        findings += self._unlisted.on(day.date, ((it.name, judged[it.key]) for it in digests))
        return Report(findings, links.moved)

    def _read(self, digest: Digest) -> JudgedDigest:
        return self._reader.digest(self._folder.bucket, digest.key, self._keys)

    def _logs(self, digests: Iterable[JudgedDigest]) -> Iterator[Finding]:
        entries = [entry for it in digests if it.digest for entry in it.digest.log_files]
        for entry, judgement in zip(entries, self._reader.each(self._reader.log, entries), strict=True):
            yield log_found(self._folder, entry, judgement)


def log_found(folder: Folder, entry: DigestLogFile, judgement: Judgement) -> Finding:
    """The finding on a log that a digest lists."""
    place = {"account": folder.account, "region": folder.region, "bucket": entry.s3_bucket, "key": entry.s3_object}
    return found(What.LOG, judgement, **place)


class _Links:
    """The digests of a day, each with the one that it hangs on."""

    def __init__(
        self,
        folder: Folder,
        day: Day,
        judged: dict[str, JudgedDigest],
        reader: Reader,
        keys: PublicKeys,
        cadence: Cadence,
    ) -> None:
        self._folder = folder
        self._day = day
        self._judged = judged
        self._reader = reader
        self._keys = keys
        self._cadence = cadence
        self.moved: list[Folder] = []

    def own(self, digest: Digest) -> Iterator[Finding]:
        """The digest itself, behind what is missing before it."""
        judged = self._judged[digest.key]
        broken, others = self._before(digest, judged)
        yield from others
        told = judged.digest
        yield replace(
            self._on(digest.name, self._folder.bucket, digest.key, broken or judged.judgement),
            first=told.start if told else None,
            last=told.end if told else None,
        )

    def hangs_on(self, digest: Digest) -> Iterator[Finding]:
        """What is missing before a digest that is itself not reported."""
        yield from self._before(digest, self._judged[digest.key])[1]

    def _before(self, digest: Digest, judged: JudgedDigest) -> tuple[Judgement | None, list[Finding]]:
        """What is wrong with a digest's link, None if nothing; and what else there is to say of the time before it."""
        told = judged.digest if judged.judgement.is_valid else None
        bucket = told and told.previous_digest_s3_bucket
        key = told and told.previous_digest_s3_object
        older = digest.older
        named = DigestKey.parse(key) if key else None
        is_here = bucket == self._folder.bucket and key in self._day.names
        is_elsewhere = bool(named and (bucket, named.folder) != self._place)
        is_older_named = is_elsewhere or (is_here and named == older)
        findings = list(self._cadence.between(digest, told, is_older_named=is_older_named))
        if told is None or not bucket or not key or (named and named.end < self._cadence.times.first):
            return None, findings
        previous = self._judged.get(key) if is_here else None
        previous = previous or self._reader.digest(bucket, key, self._keys)
        if not is_here:
            findings += self._elsewhere(bucket, key, named, previous)
        link = judge_link(told, previous) if previous.judgement.is_valid else None
        return (None if link is None or link.is_valid else link), findings

    def _elsewhere(self, bucket: str, key: str, named: DigestKey | None, previous: JudgedDigest) -> Iterator[Finding]:
        """A digest that is not where it was listed: gone, or in the bucket where the trail wrote before."""
        is_there = previous.judgement.is_valid
        is_elsewhere = named is not None and (bucket, named.folder) != self._place
        if named and is_elsewhere and previous.judgement.state not in (State.FORBIDDEN, State.UNREADABLE):
            # What was before the move is looked at there, even when its newest digest is gone.
            self.moved.append(Folder(bucket, named.folder, until=named.end + HOUR if is_there else named.end))
        if not (is_there and is_elsewhere):
            yield self._on(named, bucket, key, previous.judgement)

    @property
    def _place(self) -> tuple[str, str]:
        return self._folder.bucket, self._folder.prefix

    def _on(self, name: DigestKey | None, bucket: str, key: str, judgement: Judgement) -> Finding:
        what = What.BACKFILL if name and name.is_backfill else What.DIGEST
        place = {"account": self._folder.account, "region": self._folder.region, "bucket": bucket, "key": key}
        return found(what, judgement, **place)
