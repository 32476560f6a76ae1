"""Counts of what a worker did."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType

from cloudtrail_processing.errors import Stopped, Unproven
from cloudtrail_processing.findings import Found
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
FINDINGS = MappingProxyType({found.value: found.value for found in Found})
"""The counts that are shown where there is something to count, and the words for them."""
_DELETED = (ProgressState.DELETE_MESSAGE, ProgressState.DELETE_FILTERED_MESSAGE)
_FAILABLE = (
    ProgressState.POLL_QUEUE,
    ProgressState.PARSE_MESSAGE,
    ProgressState.PROCESS_LOG,
    ProgressState.VERIFY_LOGS,
)
_LEFT = (KeyboardInterrupt, Stopped, Unproven)
"""What ends a step that did not fail: somebody ended the work, or a log waits for its proof."""


class Tally(ProgressReporter):
    """Counts ``messages`` received and ``settled``, ``logs``, events ``delivered`` and ``filtered``, ``failures``.

    And findings about integrity, each by its own name: ``verified``, ``mismatch``, …
    """

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
    return ", ".join(f"{label} {counts.get(name, 0):,}" for name, label in shown(counts.get).items())


def shown(count: Callable[[str], int | None]) -> dict[str, str]:
    """The counts that are shown, of the findings those that there are, and the words for them."""
    return {**LABELS, **{name: label for name, label in FINDINGS.items() if count(name)}}


def _counts(status: ProgressStatus) -> dict[str, int]:
    if not status.succeeded:
        return {"failures": 1 if status.state in _FAILABLE and not isinstance(status.error, _LEFT) else 0}
    if status.state is ProgressState.VERIFY_LOGS:
        return Counter(finding.state.value for finding in status.findings)
    if status.state is ProgressState.PROCESS_LOG:
        return {"logs": 1, "delivered": status.delivered, "filtered": status.filtered}
    return {"messages": status.messages, "settled": 1 if status.state in _DELETED else 0}
