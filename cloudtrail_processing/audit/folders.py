"""Where digests lie: the folder of each account and region, found by listing, and the digests in it by their names."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from cloudtrail_processing.integrity import DigestKey
from cloudtrail_processing.ports import Listing
from cloudtrail_processing.times import TimeRange

HOUR: Final = timedelta(hours=1)
LATE: Final = timedelta(hours=2)
"""So long after its slot a log is listed by a digest, as a rule; and so long after its end a digest is delivered."""
_BACK: Final = timedelta(days=1)
_ROOT: Final = "AWSLogs/"
_DIGESTS: Final = "CloudTrail-Digest/"


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

    def logs(self, kind: str) -> str:
        """Where the logs of this account and region lie, of this kind."""
        return f"{self.prefix.removesuffix(f'{_DIGESTS}{self.region}/')}{kind}/{self.region}/"


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

    Raises what the listing raises.
    """
    before, root, rest = prefix.partition(_ROOT)
    start = f"{before}{_ROOT}" if root else (prefix if prefix.endswith("/") or not prefix else f"{prefix}/") + _ROOT
    wanted = [part for part in rest.split("/") if part]
    for account in _accounts(listing, bucket, start):
        name = account.split("/")[-2]
        if (accounts and name not in accounts) or not _agrees(account.removeprefix(start), wanted):
            continue
        for region in listing.folders(bucket, account + _DIGESTS):
            if not regions or region.split("/")[-2] in regions:
                yield Folder(bucket, region)


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
    for found in listing.objects(folder.bucket, folder.prefix, after=_day(folder, first)):
        if found.key > _day(folder, last) + "\U0010ffff":
            break
        name = DigestKey.parse(found.key)
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


def _day(folder: Folder, time: datetime) -> str:
    return f"{folder.prefix}{time:%Y/%m/%d}/"
