"""An audit: whether every log between two times is exactly what CloudTrail delivered, and none is missing or added.

    folders ──digests──▶ days ──DayAudit──▶ Report ──▶ Finding* ──Summary──▶ Exit
    (listed)             (each stands alone: many at once, remembered by the Journal)

Beyond ``aws cloudtrail validate-logs`` it finds digests that were deleted at the end or side by side, logs that no
digest lists and links that do not fit; tells gaps from stopped logging; and goes on where something is forbidden.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from functools import partial

from cloudtrail_processing.audit.cadence import Cadence
from cloudtrail_processing.audit.day import Day, DayAudit, Report
from cloudtrail_processing.audit.findings import Exit, Finding, Place, Summary, What
from cloudtrail_processing.audit.folders import HOUR, LATE, Chain, Digest, Folder, before, digests, folders, log_kinds
from cloudtrail_processing.audit.journal import Journal
from cloudtrail_processing.audit.reader import Reader, refused
from cloudtrail_processing.audit.unlisted import Unlisted
from cloudtrail_processing.errors import ConfigurationError, CredentialsError, NotAllowed, TransientError
from cloudtrail_processing.integrity import PublicKeys, State
from cloudtrail_processing.logfile import DEFAULT_LIMITS, Limits
from cloudtrail_processing.ports import Listing, LogStore, PublicKeySource
from cloudtrail_processing.times import TimeRange

__all__ = ["Exit", "Finding", "Journal", "Place", "Scope", "Summary", "What", "audit"]

_DAYS = 8
"""Days that are looked at together: enough to keep all threads busy where each has few logs."""
_DAY = timedelta(days=1)
_LOOK_AGAIN = frozenset({State.FORBIDDEN, State.UNREADABLE})
_FIRST_DIGESTS = datetime(2015, 1, 1, tzinfo=UTC)
"""CloudTrail has had log file validation since the autumn of that year."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is audited: digests and logs of these times below a prefix of a bucket; without names, all that there are.

    ``stopped`` tells when the logging of trails was stopped, by their names, where that is known.
    """

    bucket: str
    times: TimeRange
    prefix: str = ""
    accounts: Collection[str] = ()
    regions: Collection[str] = ()
    stopped: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, object]:
        """What tells this audit from others: an interrupted one can be gone on with when all of it is the same."""
        return {
            "bucket": self.bucket,
            "prefix": self.prefix,
            "from": self.times.first.isoformat(),
            "to": self.times.last.isoformat(),
            "accounts": sorted(self.accounts),
            "regions": sorted(self.regions),
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """How many days are done, of how many that are known of so far."""

    done: int
    known: int


def audit(
    scope: Scope,
    *,
    store: LogStore,
    listing: Listing,
    keys: PublicKeySource,
    now: datetime,
    journal: Journal | None = None,
    threads: int = 128,
    limits: Limits = DEFAULT_LIMITS,
    told: Callable[[Progress], object] = lambda _: None,
) -> Iterator[Finding]:
    """Every finding, valid ones included, in the order of folders and times; memory does not grow with their number.

    What is forbidden or cannot be read, a folder or its region's public keys too, is a finding. The hourly cadence is
    measured against ``now`` (UTC). With a ``journal`` an audit that was killed goes on where it was, and tells the
    same; days on which something could not be read are looked at again. ``threads`` objects are read at once. ``told``
    is called after each day. Raises ``SettingsError`` for a journal of another audit, ``ConfigurationError`` and
    ``TransientError`` where the accounts cannot be listed, and ``CredentialsError`` at any time.
    """
    if journal is not None:
        now = journal.begin(scope.identity, now=now)
    scope = replace(scope, times=_past(scope.times, now))
    reader = Reader(store, threads=threads, limits=limits)
    try:
        yield from _Audit(scope, reader, listing, keys, now, journal, told).findings()
    finally:
        reader.close()


def _past(times: TimeRange, now: datetime) -> TimeRange:
    """The part of a range in which there may be digests: no day is asked for that nobody has lived through."""
    first = min(max(times.first, _FIRST_DIGESTS), now)
    return TimeRange(first, max(first, min(times.last, now)))


class _Audit:
    def __init__(
        self,
        scope: Scope,
        reader: Reader,
        listing: Listing,
        keys: PublicKeySource,
        now: datetime,
        journal: Journal | None,
        told: Callable[[Progress], object],
    ) -> None:
        self._scope = scope
        self._reader = reader
        self._listing = listing
        self._source = keys
        self._now = now
        self._journal = journal
        self._told = told
        self._keys: dict[str, PublicKeys] = {}
        self._moved: deque[Folder] = deque()
        self._begun: set[tuple[str, str]] = set()
        self._kinds: dict[tuple[str, str], Sequence[str]] = {}
        self._done = self._known = 0

    def findings(self) -> Iterator[Finding]:
        """Many days at once, their findings in order."""
        with ThreadPoolExecutor(_DAYS, thread_name_prefix="audit-day") as pool:
            try:
                yield from self._through(pool, self._work())
                while self._moved:
                    yield from self._through(pool, self._in(self._moved.popleft()))
            finally:
                self._reader.close()  # first: a day that is broken off must not read all of its logs before it ends
                pool.shutdown(wait=True, cancel_futures=True)

    def _through(self, pool: ThreadPoolExecutor, pieces: Iterable[Callable[[], Report]]) -> Iterator[Finding]:
        waiting: deque[Future[Report]] = deque()
        for work in pieces:
            waiting.append(pool.submit(work))
            if len(waiting) >= 2 * _DAYS:
                yield from self._taken(waiting.popleft())
        while waiting:
            yield from self._taken(waiting.popleft())

    def _taken(self, future: "Future[Report]") -> Iterator[Finding]:
        report = future.result()
        self._done += 1
        self._told(Progress(self._done, self._known))
        self._moved += report.moved
        yield from report.findings

    def _work(self) -> Iterator[Callable[[], Report]]:
        scope = self._scope
        chosen = {"accounts": scope.accounts, "regions": scope.regions}
        accounts, regions = set[str](), set[str]()
        for folder in folders(self._listing, scope.bucket, scope.prefix, **chosen):
            accounts.add(folder.account)
            regions.add(folder.region)
            yield from self._in(folder)
        lost = [(it, "") for it in scope.accounts if it not in accounts] + [
            ("", it) for it in scope.regions if it not in regions
        ]
        if accounts and lost:  # else there is nothing at all, which is told as that
            self._known += 1
            yield lambda: Report(tuple(self._nowhere(account, region) for account, region in sorted(lost)))

    def _nowhere(self, account: str, region: str) -> Finding:
        why = "nothing of it lies there: look at how it is written, or everything of it was deleted"
        times = self._scope.times
        return Finding(
            What.TRAIL, State.NOT_FOUND, account, region, self._scope.bucket, "", why, times.first, times.last
        )

    def _in(self, folder: Folder) -> Iterator[Callable[[], Report]]:
        """A piece of work for each day of a folder, and one for what is missing at its end."""
        if (folder.bucket, folder.prefix) in self._begun:  # a trail may come back to a bucket
            return
        self._begun.add((folder.bucket, folder.prefix))
        try:
            pieces = list(self._pieces(folder))
        except CredentialsError:
            raise
        except (ConfigurationError, NotAllowed, TransientError) as error:
            place = (folder.account, folder.region, folder.bucket)
            reason = refused(error)
            times = self._scope.times
            finding = Finding(What.TRAIL, reason.state, *place, "", reason.detail, times.first, times.last)
            pieces = [lambda: Report((finding,))]
        self._known += len(pieces)
        yield from pieces

    def _pieces(self, folder: Folder) -> Iterator[Callable[[], Report]]:
        times = self._scope.times
        found = digests(self._listing, folder, times)
        kinds = self._kinds_of(folder)
        since = max(times.first, min(it.name.end for it in found) - HOUR) if found else times.last
        earlier = before(self._listing, folder, times, kinds=kinds, since=since)
        cadence = Cadence(folder, times, self._now, self._scope.stopped, earlier)
        if not found:
            yield partial(self._once, folder, "end", lambda: Report(tuple(cadence.nothing())))
            return
        keys = self._keys_of(folder.region)
        near = TimeRange(since, max(since, times.last))
        unlisted = Unlisted(
            folder, self._listing, kinds=kinds, reader=self._reader, keys=keys, times=near, now=self._now
        )
        looking = DayAudit(folder, reader=self._reader, keys=keys, cadence=cadence, unlisted=unlisted)
        for day in _days(found, times, since=since):
            yield partial(self._once, folder, day.date.isoformat(), partial(looking.report, day))
        yield partial(self._once, folder, "end", lambda: Report(tuple(cadence.end(found))))

    def _once(self, folder: Folder, day: str, report: Callable[[], Report]) -> Report:
        """What is known of a day, else what is found, which is known from then on if all of it could be looked at."""
        if self._journal is None:
            return report()
        known = self._journal.recall(folder, day)
        if known is None:
            known = report()
            if not any(it.state in _LOOK_AGAIN for it in known.findings):
                self._journal.record(folder, day, known)
        return known

    def _kinds_of(self, folder: Folder) -> Sequence[str]:
        place = (folder.bucket, folder.beside)
        if place not in self._kinds:
            self._kinds[place] = log_kinds(self._listing, folder)
        return self._kinds[place]

    def _keys_of(self, region: str) -> PublicKeys:
        if region not in self._keys:
            first = self._scope.times.first - _DAY
            try:
                told = self._source.keys(region=region, first=first, last=self._now)
            except CredentialsError as error:  # a region that the account has not enabled; elsewhere they are good
                raise ConfigurationError(str(error)) from error
            self._keys[region] = PublicKeys(told)
        return self._keys[region]


def _days(found: Sequence[Digest], times: TimeRange, *, since: datetime) -> Iterator[Day]:
    """Every day from the first digest to the end of the range, also those without a digest."""
    names = frozenset(it.key for it in found)
    bound = times.last + HOUR
    own = [it for it in found if times.first <= it.name.end <= bound]
    last = max([times.last, *(it.name.end for it in own)]).date()
    day = since.date()
    while day <= last:
        midnight = datetime.combine(day + _DAY, time(), UTC)
        end = midnight if day < last else bound + timedelta(microseconds=1)
        others = [it for it in found if end <= it.name.end <= end + LATE + HOUR]
        linking = [] if day < last else _first_of_each_chain(others)
        yield Day(day, [it for it in own if it.name.end.date() == day], others, linking, names)
        day += _DAY


def _first_of_each_chain(others: Sequence[Digest]) -> list[Digest]:
    first: dict[Chain, Digest] = {}
    for digest in others:
        first.setdefault(digest.chain, digest)
    return list(first.values())
