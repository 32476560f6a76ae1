"""What a stream of events was about, and the proof that nothing of it was lost or changed."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.processor import EventProcessor


class Overview(EventProcessor):
    """Counts events by service, by principal, and by error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.services: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        """Failed calls by service."""
        self.principals: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()

    def process(self, batch: EventBatch) -> None:
        """Count the batch."""
        failed = [event for event in batch if event.failed]
        with self._lock:
            self.services.update(map(_service, batch))
            self.failed.update(map(_service, failed))
            self.principals.update(event.actor for event in batch)
            self.errors.update(str(event.error_code or "failed sign-in") for event in failed)


def _service(event: CloudTrailEvent) -> str:
    return str(event.event_source or event.category).removesuffix(".amazonaws.com")


class Proof(EventProcessor):
    """Holds every event against the record that was written: by its log, its place in it, and its whole content."""

    def __init__(self, written: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        """``written`` has the records of every log by the log's key."""
        self._written = written
        self._lock = threading.Lock()
        self._seen: Counter[tuple[str, int | None]] = Counter()
        self._right: set[tuple[str, int | None]] = set()

    def process(self, batch: EventBatch) -> None:
        """Compare the batch."""
        key, records = batch.log.key, self._written.get(batch.log.key, ())
        places = [(key, event.metadata.index) for event in batch]
        right = {(key, event.metadata.index) for event in batch if _is_written(event, records)}
        with self._lock:
            self._seen.update(places)
            self._right |= right

    @property
    def generated(self) -> int:
        """How many records were written."""
        return sum(map(len, self._written.values()))

    @property
    def delivered(self) -> int:
        """How many of them came, at least once, with their whole content."""
        with self._lock:
            return len(self._right)

    @property
    def wrong(self) -> int:
        """How many came that were not written so."""
        with self._lock:
            return len(self._seen.keys() - self._right)

    @property
    def repeated(self) -> int:
        """How many deliveries were of an event that had come before: at least once is the promise."""
        with self._lock:
            return self._seen.total() - len(self._seen)


def _is_written(event: CloudTrailEvent, records: Sequence[dict[str, Any]]) -> bool:
    index = event.metadata.index
    return index is not None and index < len(records) and event.to_dict() == records[index]
