"""Writes a trail hour by hour: logs, the digests that list them, and the chains that hold the digests together."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.integrity import ALGORITHM, GENERATED, SIGNATURE
from cloudtrail_processing.testing.generator.digests import Link, digest_document
from cloudtrail_processing.testing.generator.draw import Draw
from cloudtrail_processing.testing.generator.logs import GeneratedLog, Place
from cloudtrail_processing.testing.generator.source import Generator
from cloudtrail_processing.testing.trail.course import BACKFILLED_AFTER, HOUR, Course
from cloudtrail_processing.testing.trail.model import StoredObject, Window
from cloudtrail_processing.testing.trail.signing import sign, signer

_LAST_SLOT = timedelta(minutes=50)
"""Logs are of slots that end within this of their hour's start, and five minutes more; so all are delivered in it."""
_AFTER_SLOT = (20, 280)
_AFTER_HOUR = (1700, 1900)
"""Seconds until a log, a digest is delivered."""


class _Hour(NamedTuple):
    account: str
    region: str
    number: int


class Writer:
    """Writes the chains of one account and region after another; ``objects`` and ``windows`` are what is written."""

    def __init__(self, course: Course, *, seed: int) -> None:
        self.objects: dict[tuple[str, str], StoredObject] = {}
        self.windows: list[Window] = []
        self._course = course
        self._place = Place(course.bucket, course.prefix, course.organization)
        self._delays = Draw(seed).fork("delivery")
        self._generator = Generator(
            seed,
            accounts=course.accounts,
            regions=course.regions,
            start=course.start,
            bucket=course.bucket,
            prefix=course.prefix,
            organization=course.organization,
        )

    def write(self, account: str, region: str) -> None:
        """Write all hours of one account and region: a standard chain, and one of backfill digests."""
        standard: Link | None = None
        backfill: Link | None = None
        for number in range(self._course.hours):
            if self._course.is_stopped(number):
                standard = backfill = None
                continue
            hour = _Hour(account, region, number)
            logs = self._logs(hour)
            kept = logs[:-1] if number in self._course.backfill else logs
            standard = self._digest(hour, kept, standard)
            if kept is not logs:
                backfill = self._digest(hour, logs[-1:], backfill, is_backfill=True)

    def _logs(self, hour: _Hour) -> list[GeneratedLog]:
        course = self._course
        count = course.logs_in(hour.number)
        start = course.end(hour.number) - HOUR
        return [self._log(hour, start + _LAST_SLOT * (number + 1) / (count + 1)) for number in range(count)]

    def _log(self, hour: _Hour, at: datetime) -> GeneratedLog:
        made = self._generator.log(records=self._course.records, account=hour.account, region=hour.region, slot=at)
        log = replace(made, bucket=self._course.bucket_in(hour.number))
        slot = log.slot_time or at
        delivered = self._later(slot, _AFTER_SLOT)
        self.objects[log.bucket, log.key] = StoredObject(log.body, MappingProxyType({}), delivered)
        return log

    def _digest(
        self, hour: _Hour, logs: Sequence[GeneratedLog], previous: Link | None, *, is_backfill: bool = False
    ) -> Link:
        course, (account, region, number) = self._course, hour
        bucket, end = course.bucket_in(number), course.end(number)
        name = f"{course.trail}_{course.home}_{end:%Y%m%dT%H%M%SZ}{'_backfill' if is_backfill else ''}"
        key = self._place.key(kind=LogKind.DIGEST, account=account, region=region, name=name, at=end)
        by = signer(region, course.rotations(course.signing_hour(number, is_backfill=is_backfill)))
        document = digest_document(
            bucket=bucket, key=key, account=account, end=end, fingerprint=by.fingerprint, logs=logs, previous=previous
        )
        digest = sign(document, by)
        self.objects[bucket, key] = self._stored(digest.body, digest.signature, end=end, is_backfill=is_backfill)
        listed = tuple(log.key for log in logs)
        self.windows.append(Window(account, region, end - HOUR, end, key, listed, is_backfill, bucket))
        return Link(bucket, key, digest.sha256, digest.signature)

    def _stored(self, body: bytes, signature: str, *, end: datetime, is_backfill: bool) -> StoredObject:
        metadata = {ALGORITHM: "SHA256withRSA", SIGNATURE: signature}
        if is_backfill:
            end += BACKFILLED_AFTER * HOUR
            metadata[GENERATED] = f"{end:%Y-%m-%dT%H:%M:%S}.000Z"
        return StoredObject(body, MappingProxyType(metadata), self._later(end, _AFTER_HOUR))

    def _later(self, at: datetime, seconds: tuple[int, int]) -> datetime:
        return at + timedelta(seconds=self._delays.number(*seconds))
