"""Where digests lie: the folder of each account and region, found by listing, and the digests in it by their names."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby, islice, pairwise
from typing import Final, NamedTuple

from cloudtrail_processing.integrity import DigestKey
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import Listing
from cloudtrail_processing.times import TimeRange

HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(hours=2)
"""So long after its slot a log is listed by a digest, as a rule; and so long after its end a digest is delivered."""
_BACK: Final = timedelta(days=1)
_ROOT: Final = "AWSLogs/"
_DIGESTS: Final = "CloudTrail-Digest/"
_KIND: Final = "CloudTrail"
_REGION: Final = re.compile(r"[a-z0-9-]+")
_PAGE: Final = 1000
_LAST: Final = "\U0010ffff"
"""Behind every character of a key."""


class Chain(NamedTuple):
    """Digests that follow each other: of one trail, and either the hourly ones or those of backfills."""

    trail: str
    home: str
    is_backfill: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """The digests of one account and region: ``…/AWSLogs/[o-…/]account/CloudTrail-Digest/region/`` in a bucket.

    ``until`` is when the chain went on in another bucket; None where it did not.
    """

    bucket: str
    prefix: str
    until: datetime | None = None

    @property
    def account(self) -> str:
        """Twelve digits."""
        return self.prefix.split("/")[-4]

    @property
    def region(self) -> str:
        """Whose digests they are."""
        return self.prefix.split("/")[-2]

    @property
    def beside(self) -> str:
        """The folder of the account, with a folder for each kind of log."""
        return self.prefix.removesuffix(f"{_DIGESTS}{self.region}/")

    def logs(self, kind: str) -> str:
        """Where the logs of this account and region lie, of this kind."""
        return f"{self.beside}{kind}/{self.region}/"


@dataclass(frozen=True, slots=True)
class Before:
    """What lies in a folder from before its oldest digest of a range, which covers the time since ``since``.

    ``chains`` had digests before the range began; ``has_logs`` is true when there are logs between.
    """

    since: datetime
    chains: frozenset[Chain] = frozenset()
    has_logs: bool = False


@dataclass(frozen=True, slots=True)
class Digest:
    """A digest that is in the bucket, by its name; ``older`` is the one before it in its chain, if names tell so."""

    key: str
    name: DigestKey
    older: "DigestKey | None" = None

    @property
    def chain(self) -> Chain:
        """The chain that its name tells."""
        return Chain(self.name.trail, self.name.home, self.name.is_backfill)


def folders(
    listing: Listing, bucket: str, prefix: str, *, accounts: Collection[str] = (), regions: Collection[str] = ()
) -> Iterator[Folder]:
    """Every folder with digests below ``prefix``, which may name an account or a region already; in order.

    Where there are logs, there is one as well, though it may be empty: somebody may have deleted all digests in it.
    Raises what the listing raises.
    """
    before, root, rest = prefix.partition(_ROOT)
    start = f"{before}{_ROOT}" if root else (prefix if prefix.endswith("/") or not prefix else f"{prefix}/") + _ROOT
    wanted = [part for part in rest.split("/") if part]
    for account in _accounts(listing, bucket, start):
        name = account.split("/")[-2]
        if (accounts and name not in accounts) or not _agrees(account.removeprefix(start), wanted):
            continue
        for region in _regions(listing, bucket, account):
            if not regions or region in regions:
                yield Folder(bucket, f"{account}{_DIGESTS}{region}/")


def _regions(listing: Listing, bucket: str, account: str) -> list[str]:
    kinds = (it for it in listing.folders(bucket, account) if it.removeprefix(account).startswith(_KIND))
    names = {it.split("/")[-2] for kind in kinds for it in listing.folders(bucket, kind)}
    return sorted(name for name in names if _REGION.fullmatch(name))


def log_kinds(listing: Listing, folder: Folder) -> tuple[str, ...]:
    """The kinds of logs that the folder's account has, in any region. Raises what the listing raises."""
    names = (it.split("/")[-2] for it in listing.folders(folder.bucket, folder.beside))
    return tuple(name for name in names if name.startswith(_KIND) and f"{name}/" != _DIGESTS)


def before(listing: Listing, folder: Folder, times: TimeRange, *, kinds: Iterable[str], since: datetime) -> Before:
    """What lies there from before ``since``, up to which the range has no digest. Raises what the listing raises."""
    if since - times.first < HOUR / 2:
        return Before(since)
    oldest = islice(listing.objects(folder.bucket, folder.prefix), _PAGE)
    names = (name for it in oldest if (name := _named(folder, it.key)) and name.end < times.first)
    chains = frozenset(Chain(it.trail, it.home, it.is_backfill) for it in names)
    return Before(since, chains, any(_has_logs(listing, folder, kind, TimeRange(times.first, since)) for kind in kinds))


def _has_logs(listing: Listing, folder: Folder, kind: str, times: TimeRange) -> bool:
    start = folder.logs(kind)
    for found in listing.objects(folder.bucket, start, after=_day(start, times.first)):
        if found.key > _day(start, times.last) + _LAST:
            break
        slot = log_object(folder.bucket, found.key).slot_time
        if slot is None or times.first + HOUR / 4 <= slot <= times.last:  # the oldest may be of the hour before
            return True
    return False


def _accounts(listing: Listing, bucket: str, start: str) -> Iterator[str]:
    for folder in listing.folders(bucket, start):
        name = folder.split("/")[-2]
        if name.startswith("o-"):
            yield from (it for it in listing.folders(bucket, folder) if _is_account(it.split("/")[-2]))
        elif _is_account(name):
            yield folder


def _is_account(name: str) -> bool:
    return len(name) == 12 and name.isascii() and name.isdigit()


def _agrees(below: str, wanted: Sequence[str]) -> bool:
    """Whether a folder below AWSLogs is on the way to what a longer prefix named."""
    parts = [part for part in below.split("/") if part]
    return all(ours == theirs for ours, theirs in zip(parts, wanted, strict=False))


def digests(listing: Listing, folder: Folder, times: TimeRange) -> list[Digest]:
    """The digests in a folder from a day before these times to some hours after, in order of their ends.

    Those beside the range itself tell what the first and the last in it hang on.
    """
    first, last = times.first - _BACK, times.last + HOUR + LATE
    listed: list[tuple[DigestKey, str]] = []
    for found in listing.objects(folder.bucket, folder.prefix, after=_day(folder.prefix, first)):
        if found.key > _day(folder.prefix, last) + _LAST:
            break
        name = _named(folder, found.key)
        if name is not None and first <= name.end <= last:
            listed.append((name, found.key))
    return sorted(_linked(listed), key=lambda it: (it.name.end, it.key))


def _linked(listed: list[tuple[DigestKey, str]]) -> Iterator[Digest]:
    listed.sort(key=lambda it: (it[0].trail, it[0].home, it[0].is_backfill, it[0].end, it[1]))
    for _, chain in groupby(listed, key=lambda it: (it[0].trail, it[0].home, it[0].is_backfill)):
        members = [None, *chain]
        yield from (
            Digest(newer[1], newer[0], older[0] if older else None)
            for older, newer in pairwise(members)
            if newer is not None
        )


def _named(folder: Folder, key: str) -> DigestKey | None:
    """None also for the digest of another account that writes to a folder of its own below this one."""
    name = DigestKey.parse(key)
    return name if name is not None and name.folder == folder.prefix else None


def day_folder(start: str, day: date) -> str:
    """The folder of a day below a region's."""
    return f"{start}{day.isoformat().replace('-', '/')}/"


def _day(start: str, time: datetime) -> str:
    return day_folder(start, time.date())
