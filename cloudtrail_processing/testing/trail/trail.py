"""A whole trail, signed: every log and digest that CloudTrail would have delivered in some hours."""

import base64
import copy
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from cloudtrail_processing.flow import PublicKey
from cloudtrail_processing.testing.generator.source import ACCOUNTS, REGIONS, START
from cloudtrail_processing.testing.trail.course import Course
from cloudtrail_processing.testing.trail.mirror import write_mirror
from cloudtrail_processing.testing.trail.model import StoredObject, Window
from cloudtrail_processing.testing.trail.signing import Signer, signer
from cloudtrail_processing.testing.trail.tampering import Tampering, tamper
from cloudtrail_processing.testing.trail.writing import Writer

_NO_MOVES: Mapping[int, str] = MappingProxyType({})


class SignedTrail:
    """Hourly digests and the logs they prove, in one or more buckets; also a ``ports.PublicKeySource``. Never changes.

    The same arguments give the same logs. Keys, and with them signatures, are new in every process: each takes a
    tenth of a second once, and there is one for every region and rotation.

    * ``hours`` from ``start`` on, each with ``logs`` logs of ``records`` records, for every account and region.
    * ``trail``, ``home`` (default: the first region), ``bucket``, ``prefix`` and ``organization`` shape the keys.
    * ``rotate``: a region signs with a new key after so many hours.
    * ``quiet``: hours without logs, which get an empty digest.
    * ``stopped``: hours ``[from, to)`` without logging. No digests and no logs; after them new chains begin.
    * ``backfill``: hours one of whose logs (per account and region) the standard digest does not list, but a backfill
      digest made three hours later. Those are a chain of their own.
    * ``moves``: from that hour on all is written to another bucket; the chains go on across buckets.

    ``objects`` has all by bucket and key; ``windows`` has one entry per digest, oldest first; ``public_keys`` has by
    region what ``ListPublicKeys`` tells there; ``arn`` is the trail's, in the first account.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        start: datetime = START,
        hours: int = 24,
        logs: int = 2,
        records: int = 3,
        accounts: Sequence[str] = ACCOUNTS[:1],
        regions: Sequence[str] = REGIONS[:1],
        trail: str = "example",
        home: str | None = None,
        bucket: str = "example-trail-logs",
        prefix: str = "",
        organization: str | None = None,
        rotate: int = 24,
        quiet: Collection[int] = (),
        stopped: Collection[tuple[int, int]] = (),
        backfill: Collection[int] = (),
        moves: Mapping[int, str] = _NO_MOVES,
    ) -> None:
        course = Course(
            start=start.astimezone(UTC),
            hours=hours,
            logs=logs,
            records=records,
            accounts=tuple(accounts),
            regions=tuple(regions),
            trail=trail,
            home=home or regions[0],
            bucket=bucket,
            prefix=prefix.strip("/"),
            organization=organization,
            rotate=rotate,
            quiet=frozenset(quiet),
            stopped=tuple(stopped),
            backfill=frozenset(backfill),
            moves=MappingProxyType(dict(moves)),
        )
        self.arn = f"arn:aws:cloudtrail:{course.home}:{course.accounts[0]}:trail/{trail}"
        self._write(course, seed)

    def _write(self, course: Course, seed: int) -> None:
        writer = Writer(course, seed=seed)
        for account, region in product(course.accounts, course.regions):
            writer.write(account, region)
        self.objects: Mapping[tuple[str, str], StoredObject] = MappingProxyType(writer.objects)
        self.windows: tuple[Window, ...] = tuple(
            sorted(writer.windows, key=attrgetter("end", "account", "region", "is_backfill"))
        )
        numbers = range(course.last_rotation + 1)
        signers = {region: [signer(region, number) for number in numbers] for region in course.regions}
        self.public_keys: Mapping[str, tuple[PublicKey, ...]] = MappingProxyType(
            {region: tuple(_published(course, made)) for region, made in signers.items()}
        )
        self._signers = MappingProxyType({one.fingerprint: one for made in signers.values() for one in made})

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        """The keys of ``region`` that were valid at any time between these."""
        told = self.public_keys.get(region, ())
        return [key for key in told if (key.first or first) <= last and first <= (key.last or last)]

    def public_keys_document(self, region: str | None = None) -> dict[str, Any]:
        """What ``aws cloudtrail list-public-keys`` prints for ``region``; None puts all regions together."""
        regions = self.public_keys if region is None else (region,)
        return {"PublicKeyList": [_told(key) for name in regions for key in self.public_keys[name]]}

    def write(self, folder: Path, bucket: str | None = None) -> None:
        """Lay ``bucket`` down as a local mirror: ``<folder>/<key>``, with the times of last modification.

        Beside each digest, ``<key>.metadata.json`` holds what ``aws s3api head-object`` says of its metadata. None
        takes all buckets; ValueError when one key is in two of them.
        """
        wanted = [(key, stored) for (name, key), stored in self.objects.items() if bucket in (None, name)]
        twice = [key for key, count in Counter(key for key, _ in wanted).items() if count > 1]
        if twice:
            raise ValueError(f"one folder cannot hold what several buckets have under {twice[0]}: name the bucket")
        write_mirror(folder, wanted)

    def tampered(self, *tamperings: Tampering) -> Self:
        """A copy in which these are done, in order, and nothing else. ``windows`` still tell what CloudTrail wrote."""
        objects = dict(self.objects)
        for tampering in tamperings:
            tamper(objects, tampering, signers=self._signers)
        other = copy.copy(self)
        other.objects = MappingProxyType(objects)
        return other


def _published(course: Course, signers: Sequence[Signer]) -> list[PublicKey]:
    return [PublicKey(one.der, *course.validity(number)) for number, one in enumerate(signers)]


def _told(key: PublicKey) -> dict[str, Any]:
    return {
        "Value": base64.b64encode(key.der).decode(),
        "ValidityStartTime": key.first and key.first.isoformat(),
        "ValidityEndTime": key.last and key.last.isoformat(),
        "Fingerprint": key.fingerprint,
    }
