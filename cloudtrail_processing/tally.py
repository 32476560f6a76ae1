"""Counts of what a worker did."""

import threading
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

from cloudtrail_processing.errors import Stopped
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus

LABELS = MappingProxyType(
    {
        "messages": "messages",
        "settled": "deleted",
        "logs": "logs",
        "delivered": "events",
        "filtered": "filtered",
        "failures": "failures",
    }
)
"""The counts that are shown, and the words for them."""
_DELETED = (ProgressState.DELETE_MESSAGE, ProgressState.DELETE_FILTERED_MESSAGE)
_FAILABLE = (ProgressState.POLL_QUEUE, ProgressState.PARSE_MESSAGE, ProgressState.PROCESS_LOG)
_LEFT = (KeyboardInterrupt, Stopped)
"""What ends a step that did not fail: somebody ended the work."""


class Tally(ProgressReporter):
    """Counts ``messages`` received and ``settled``, ``logs``, events ``delivered`` and ``filtered``, ``failures``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """Add what the step came to."""
        del token
        counts = _counts(status)
        with self._lock:
            self._counts.update(counts)

    def counts(self) -> Counter[str]:
        """All counts, as of now."""
        with self._lock:
            return self._counts.copy()

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def __str__(self) -> str:
        return told(self.counts())


def told(counts: Mapping[str, int]) -> str:
    """The counts in words."""
    return ", ".join(f"{label} {counts.get(name, 0):,}" for name, label in LABELS.items())


def _counts(status: ProgressStatus) -> dict[str, int]:
    if not status.succeeded:
        return {"failures": 1 if status.state in _FAILABLE and not isinstance(status.error, _LEFT) else 0}
    if status.state is ProgressState.PROCESS_LOG:
        return {"logs": 1, "delivered": status.delivered, "filtered": status.filtered}
    return {"messages": status.messages, "settled": 1 if status.state in _DELETED else 0}
