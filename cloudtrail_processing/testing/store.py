"""A store in memory."""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.testing.faults import Fault, Faults, Flipped, Truncated

START = datetime(2026, 1, 1, tzinfo=UTC)
"""When an object was written of which nothing else is told."""


@dataclass(frozen=True, slots=True)
class _Version:
    version_id: str
    etag: str
    metadata: Mapping[str, str]
    modified: datetime
    body: bytes = field(repr=False)


class FakeLogStore:
    """``ports.LogStore`` in memory, and a ``ports.KeySource`` of what is in it.

    ``objects`` maps ``(bucket, key)`` to stored bytes, as they would lie in the bucket (usually gzipped). Every ``put``
    of the same key makes a new version; the old ones can still be fetched by ``version_id``. A bucket into which
    nothing was ever put is a ``ConfigurationError``, a missing object or version is ``LogGone``.

    ``faults`` may be keyed by object key. ``fetched`` and ``identified`` list what was asked for, in order. Safe for
    many threads.
    """

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None, *, faults: Faults | None = None) -> None:
        self.fetched: list[LogObject] = []
        self.identified: list[LogObject] = []
        self._lock = threading.Lock()
        self._faults = faults or Faults()
        self._versions: dict[tuple[str, str], list[_Version]] = {}
        self._removed: set[tuple[str, str]] = set()
        for (bucket, key), body in (objects or {}).items():
            self.put(bucket, key, body)

    def put(
        self,
        bucket: str,
        key: str,
        body: bytes,
        *,
        metadata: Mapping[str, str] | None = None,
        modified: datetime = START,
    ) -> LogObject:
        """Store an object; returns what a notification of it would name (version, etag and size included).

        ``metadata`` (names without ``x-amz-meta-``) and the time of last modification are told by ``fetch``.
        """
        with self._lock:
            versions = self._versions.setdefault((bucket, key), [])
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            version = _Version(f"v{len(versions) + 1}", etag, metadata or {}, modified, body)
            versions.append(version)
            self._removed.discard((bucket, key))
        return _object(bucket, key, version)

    def remove(self, bucket: str, key: str) -> None:
        """Delete an object as S3 does with versioning: its older versions stay, for those who name one."""
        with self._lock:
            self._removed.add((bucket, key))

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The object's bytes, spoilt if the plan of faults says so."""
        with self._lock:
            self.fetched.append(log)
        fault = self._faults.next(log.key)
        version = self._find(log)
        if len(version.body) > limit:
            raise LogTooLarge(f"{log.uri} has {len(version.body)} stored bytes, over the limit of {limit}: not read")
        body = _spoilt(version.body, fault)
        metadata = version.metadata if log.kind is LogKind.DIGEST else {}
        return FetchedLog(body, version.etag, version.version_id, version.modified, metadata)

    def identify(self, log: LogObject) -> LogObject:
        """The log with its present version, etag and size. Has no part in the plan of faults; see ``identified``."""
        with self._lock:
            self.identified.append(log)
        version = self._find(replace(log, version_id=None))
        return replace(log, version_id=version.version_id, etag=version.etag, size=len(version.body))

    def logs(self) -> Iterator[LogObject]:
        """Every object that is there, in the order of bucket and key."""
        with self._lock:
            current = {place: found[-1] for place, found in self._versions.items() if place not in self._removed}
        for (bucket, key), version in sorted(current.items()):
            yield _object(bucket, key, version)

    def listed(self, folder: str, times: object = None) -> list[LogObject]:
        """Every object below ``s3://bucket/folder/``, of whatever time: as ``Parts(listing=…)`` of a worker has it."""
        del times
        return [log for log in self.logs() if f"s3://{log.bucket}/{log.key}".startswith(folder)]

    def _find(self, log: LogObject) -> _Version:
        place = (log.bucket, log.key)
        with self._lock:
            if log.bucket not in {bucket for bucket, _ in self._versions}:
                raise ConfigurationError(f"reading {log.uri} failed: NoSuchBucket; check the name")
            versions = self._versions.get(place, [])
            if log.version_id is None and place not in self._removed and versions:
                return versions[-1]
            for version in versions:
                if version.version_id == log.version_id:
                    return version
        raise LogGone(f"reading {log.uri} failed: NoSuchKey; the object is not there")


def _object(bucket: str, key: str, version: _Version) -> LogObject:
    return log_object(bucket, key, size=len(version.body), version_id=version.version_id, etag=version.etag)


def _spoilt(body: bytes, fault: Fault) -> bytes:
    match fault:
        case Truncated(size):
            return body[:size]
        case Flipped(offset):
            spoilt = bytearray(body)
            spoilt[offset] ^= 0xFF
            return bytes(spoilt)
        case _:
            return body
