"""Buckets in memory: what an audit reads."""

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge
from cloudtrail_processing.flow import FetchedLog, LogObject
from cloudtrail_processing.ports import Listed
from cloudtrail_processing.testing.trail.model import StoredObject


class FakeBuckets:
    """``ports.LogStore`` and ``ports.Listing`` over objects as a ``SignedTrail`` has them, with their metadata.

    Objects among ``forbidden`` are listed and cannot be read. ``fetched`` and ``listed`` tell what was asked for. Safe
    for many threads.
    """

    def __init__(
        self, objects: Mapping[tuple[str, str], StoredObject], *, forbidden: Collection[tuple[str, str]] = ()
    ) -> None:
        self._objects = dict(objects)
        self._keys = sorted(self._objects)
        self._forbidden = frozenset(forbidden)
        self._lock = threading.Lock()
        self.fetched: list[tuple[str, str]] = []
        self.listed: list[tuple[str, str]] = []

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The object with its metadata."""
        place = (log.bucket, log.key)
        with self._lock:
            self.fetched.append(place)
        if place in self._forbidden:
            raise ConfigurationError(f"reading {log.uri} failed: AccessDenied; allow it in the policies")
        if place not in self._objects:
            raise LogGone(f"reading {log.uri} failed: NoSuchKey; the object is not there")
        found = self._objects[place]
        if len(found.body) > limit:
            raise LogTooLarge(f"{log.uri} has {len(found.body)} stored bytes, over the limit of {limit}: not read")
        return FetchedLog(found.body, last_modified=found.last_modified, metadata=found.metadata)

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """The folders directly below a prefix."""
        with self._lock:
            self.listed.append((bucket, prefix))
        inside = (key.removeprefix(prefix) for where, key in self._keys if where == bucket and key.startswith(prefix))
        return sorted({f"{prefix}{rest.partition('/')[0]}/" for rest in inside if "/" in rest})

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """The objects below a prefix, in the order of their keys."""
        with self._lock:
            self.listed.append((bucket, prefix))
        for where, key in self._keys:
            if where == bucket and key.startswith(prefix) and key > after:
                found = self._objects[where, key]
                yield Listed(key, len(found.body), found.last_modified)
