"""What is known of buckets from the logs that were tried there: which ones work, and which are left alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cloudtrail_processing.errors import ConfigurationError
from cloudtrail_processing.flow import LogObject

IN_A_ROW = 3
"""Failures in a row that block a bucket."""
MOST_BUCKETS = 256
"""Buckets remembered: their names come from messages, and must not fill the memory."""


@dataclass(slots=True)
class Bucket:
    """What is known of a bucket. ``log`` is the last one that was tried; ``failures`` are those in a row."""

    log: LogObject
    at: float
    works: bool = False
    failures: int = 0
    error: ConfigurationError | None = None
    trials: int = 0
    next_trial: float = 0.0
    asked: float = -math.inf

    @property
    def is_blocked(self) -> bool:
        """True when too many logs in a row could not be read."""
        return self.failures >= IN_A_ROW

    def succeeded(self) -> None:
        """Note that a log could be read: what failed before does not count any more."""
        self.works, self.failures, self.trials, self.error = True, 0, 0, None


class Buckets:
    """A bounded memory of buckets. Times are monotonic seconds, passed in; not to be used by two threads at once."""

    def __init__(self) -> None:
        self._known: dict[str, Bucket] = {}

    def __iter__(self) -> Iterator[Bucket]:
        return iter(self._known.values())

    def get(self, name: str) -> Bucket | None:
        """The bucket, if it is known."""
        return self._known.get(name)

    def known(self, log: LogObject, *, now: float) -> Bucket:
        """The bucket of this log, which is the last one tried there; one that fails is forgotten for it first."""
        bucket = self._known.setdefault(log.bucket, Bucket(log, now))
        bucket.log, bucket.at = log, now
        if len(self._known) > MOST_BUCKETS:
            others = (name for name in self._known if name != log.bucket)
            del self._known[min(others, key=lambda name: (self._known[name].works, self._known[name].at))]
        return bucket

    def blocked(self) -> dict[str, ConfigurationError | None]:
        """The buckets that are left alone, each with what failed there last."""
        return {name: bucket.error for name, bucket in self._known.items() if bucket.is_blocked}

    def to_ask(self, *, working: bool) -> LogObject | None:
        """The log to ask for among buckets that work, or among those that do not: they take turns, the last one first.

        None when there is no such bucket.
        """
        candidates = [bucket for bucket in self if bucket.works is working]
        return min(candidates, key=lambda it: (it.asked, -it.at)).log if candidates else None
