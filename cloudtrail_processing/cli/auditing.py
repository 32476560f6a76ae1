"""What ``validate`` was asked for: a trail, a bucket or a copy of one, and where its parts come from."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from cloudtrail_processing.audit import Scope
from cloudtrail_processing.aws.listing import S3Listing
from cloudtrail_processing.aws.session import default_region
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.aws.trails import CloudTrail, Trail
from cloudtrail_processing.errors import CorruptLog, SettingsError
from cloudtrail_processing.integrity import DigestKey
from cloudtrail_processing.logfile import inflate
from cloudtrail_processing.mirror import Mirror
from cloudtrail_processing.parts import Parts, aws_options
from cloudtrail_processing.ports import Listing, LogStore, PublicKeySource
from cloudtrail_processing.publickeys import KeyFile
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.times import TimeRange

_SOMEWHERE = "us-east-1"
"""Where clients begin when nothing tells a region: buckets are followed into their own."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An audit that can begin; ``close`` ends connections."""

    scope: Scope
    store: LogStore
    listing: Listing
    keys: PublicKeySource
    close: Callable[[], None] = lambda: None


def asked(
    target: str,
    times: TimeRange,
    settings: Settings,
    *,
    accounts: Collection[str] | None,
    regions: Collection[str] | None,
    bucket: str | None,
    keys: Sequence[Path] | None,
) -> Asked:
    """What is to be audited. Raises ``SettingsError``, and for a trail what its account answers."""
    only = {"accounts": tuple(accounts or ()), "regions": tuple(regions or ())}
    for name in only["accounts"]:
        if not (len(name) == 12 and name.isascii() and name.isdigit()):
            raise SettingsError(f"--account {name[:64]!r}: an account has twelve digits")
    is_remote = target.startswith(("arn:", "s3://"))
    if is_remote and bucket is not None:
        raise SettingsError("--bucket is for a folder: it names the bucket that the folder is a copy of")
    told = KeyFile(*keys) if keys else None
    return _in_s3(target, times, settings, only, told) if is_remote else _on_disk(target, times, only, told, bucket)


def _in_s3(target: str, times: TimeRange, settings: Settings, only: Any, told: KeyFile | None) -> Asked:
    options = aws_options(settings, Parts())
    options = replace(options, region=default_region(options) or _SOMEWHERE)
    service = CloudTrail(options)
    if target.startswith("arn:"):
        scope = _scope(service.trail(target), times, only)
    else:
        name, _, prefix = target.removeprefix("s3://").partition("/")
        scope = Scope(_named(name, target), times, prefix, **only)
    store, listing = S3Store(options), S3Listing(options)

    def close() -> None:
        store.close()
        listing.close()

    return Asked(scope, store, listing, told or service, close)


def _scope(trail: Trail, times: TimeRange, only: Any) -> Scope:
    """All accounts of an organization's trail, else the trail's own, unless some are named."""
    prefix = f"{trail.prefix.strip('/')}/" if trail.prefix else ""
    accounts = only["accounts"] or (() if trail.is_organization else (trail.account,))
    stopped = {trail.name: trail.stopped} if trail.stopped else {}
    return Scope(trail.bucket, times, prefix, accounts, only["regions"], stopped)


def _on_disk(target: str, times: TimeRange, only: Any, told: KeyFile | None, bucket: str | None) -> Asked:
    if told is None:
        raise SettingsError(
            "a copy of a bucket is proven by --keys FILE, as `aws cloudtrail list-public-keys` prints it"
        )
    folder = Path(target)
    if not folder.is_dir():
        raise SettingsError(f"{target}: neither the ARN of a trail, s3://bucket/prefix, nor a folder")
    name = bucket or _claimed(folder)
    mirror = Mirror(folder, bucket=name)
    return Asked(Scope(name, times, "", **only), mirror, mirror, told)


def _claimed(folder: Path) -> str:
    """The bucket that a digest in the folder says it was written for: that it says so is signed, and proven later."""
    for path in sorted(folder.rglob("*_CloudTrail-Digest_*.json.gz")):
        if DigestKey.parse(path.relative_to(folder).as_posix()) is None:
            continue
        try:
            told = orjson.loads(inflate(path.read_bytes()))
        except (OSError, ValueError, CorruptLog):
            continue
        if isinstance(told, dict) and isinstance(name := told.get("digestS3Bucket"), str):
            return name
    raise SettingsError(f"{folder}: no digest in it that tells its bucket; name the bucket with --bucket")


def _named(name: str, target: str) -> str:
    if not name:
        raise SettingsError(f"{target!r} names no bucket: write s3://bucket or s3://bucket/prefix")
    return name
