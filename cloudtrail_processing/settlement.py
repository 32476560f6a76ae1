"""Outcomes → verdict: the only place that may say Delete, and only on evidence."""

from collections.abc import Sequence

from cloudtrail_processing.errors import Disposition, RetryLater
from cloudtrail_processing.flow import (
    Delete,
    Failed,
    Ignored,
    Outcome,
    Processed,
    Reject,
    Release,
    Retry,
    Skipped,
    Verdict,
)


def settle(outcomes: Sequence[Outcome], *, delay: float) -> Verdict:
    """Decide what becomes of a message from what became of everything it names.

    ``delay`` is how many seconds a message that failed stays invisible, unless a processor asked for another time.
    No outcome at all is no evidence: the message is kept. Among several failures the most hopeful one decides,
    because a message that is rejected is not tried again: release, then retry, then reject.
    """
    if outcomes and all(isinstance(outcome, Processed | Skipped | Ignored) for outcome in outcomes):
        return Delete(filtered=not any(isinstance(outcome, Processed) for outcome in outcomes))
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    if not failures:
        return Retry(after=delay, reason="nothing is known of what the message names")
    if released := _with(failures, Disposition.RELEASE):
        return Release(reason=_reason(released))
    if retried := [failed for failed in failures if failed.disposition is not Disposition.REJECT]:
        return Retry(after=max(_wait(failed, delay) for failed in retried), reason=_reason(retried))
    return Reject(reason=_reason(failures))


def _with(failures: Sequence[Failed], disposition: Disposition) -> list[Failed]:
    return [failed for failed in failures if failed.disposition is disposition]


def _wait(failed: Failed, delay: float) -> float:
    asked = failed.error.after if isinstance(failed.error, RetryLater) else None
    return delay if asked is None else asked


def _reason(failures: Sequence[Failed]) -> str:
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{type(failures[0].error).__name__}: {failures[0].error}{more}"
