"""Digest files as CloudTrail writes them: the members in their order, before anybody signs them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cloudtrail_processing.testing.generator.logs import GeneratedLog, unpack
from cloudtrail_processing.testing.generator.scene import wire_time


@dataclass(frozen=True, slots=True)
class Link:
    """What a digest tells of the one before it: where it lies, the hex SHA-256 of its JSON, and its signature."""

    bucket: str
    key: str
    sha256: str
    signature: str


def digest_document(
    *,
    bucket: str,
    key: str,
    account: str,
    end: datetime,
    fingerprint: str,
    logs: Sequence[GeneratedLog],
    previous: Link | None = None,
) -> dict[str, object]:
    """A digest of ``logs`` for the hour before ``end``; the first of its chain when there is no ``previous``."""
    entries = [_digest_entry(log) for log in logs]
    times = [str(entry[name]) for entry in entries for name in ("oldestEventTime", "newestEventTime") if entry[name]]
    return {
        "awsAccountId": account,
        "digestStartTime": wire_time(end - timedelta(hours=1)),
        "digestEndTime": wire_time(end),
        "digestS3Bucket": bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": fingerprint,
        "digestSignatureAlgorithm": "SHA256withRSA",
        "newestEventTime": max(times, default=None),
        "oldestEventTime": min(times, default=None),
        "previousDigestS3Bucket": previous and previous.bucket,
        "previousDigestS3Object": previous and previous.key,
        "previousDigestHashValue": previous and previous.sha256,
        "previousDigestHashAlgorithm": previous and "SHA-256",
        "previousDigestSignature": previous and previous.signature,
        "logFiles": entries,
    }


def _digest_entry(log: GeneratedLog) -> dict[str, str | None]:
    times = sorted(record["eventTime"] for record in log.records if "eventTime" in record)
    return {
        "s3Bucket": log.bucket,
        "s3Object": log.key,
        "hashValue": hashlib.sha256(unpack(log.body)).hexdigest(),
        "hashAlgorithm": "SHA-256",
        "newestEventTime": times[-1] if times else None,
        "oldestEventTime": times[0] if times else None,
    }
