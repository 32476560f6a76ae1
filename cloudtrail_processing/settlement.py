"""Outcomes → verdict: the only place that may say Delete, and only on evidence."""

import math
from collections.abc import Sequence

from cloudtrail_processing.errors import (
    Claimed,
    ConfigurationError,
    Disposition,
    LeaseLost,
    RetryLater,
    Stopped,
)
from cloudtrail_processing.evidence import concerns_everything
from cloudtrail_processing.flow import (
    Delete,
    Failed,
    Handled,
    Ignored,
    Processed,
    Reject,
    Release,
    Retry,
    Skipped,
    Verdict,
)


def settle(handled: Handled, *, delay: float, denied: float | None = None) -> Verdict:
    """Decide what becomes of a message from what became of everything it names.

    ``delay`` is how many seconds a message that failed stays invisible, unless a processor asked for another time;
    ``denied`` is the same for one that waits until an operator has changed something (``delay`` unless given).
    Fewer outcomes than named things is no evidence: the message is kept. Among several failures the most hopeful one
    decides, because a rejected message is not tried again: release, then retry, then reject.
    """
    outcomes = handled.outcomes
    if outcomes and all(isinstance(outcome, Processed | Skipped | Ignored) for outcome in outcomes):
        if len(outcomes) == handled.named:
            return Delete(filtered=not any(isinstance(outcome, Processed) for outcome in outcomes))
        return Retry(
            after=delay, reason=f"only {len(outcomes)} of {handled.named} things the message names are settled"
        )
    failures = [failure for outcome in outcomes if isinstance(outcome, Failed) for failure in (outcome, *outcome.also)]
    if stopped := [failed for failed in failures if isinstance(failed.error, Stopped)]:
        return Release(reason=_reason(stopped))
    if hopeful := [failed for failed in failures if disposition(failed) is not Disposition.REJECT]:
        again = handled.message.receive_count > 1
        waits = [_wait(it, delay, denied=delay if denied is None else denied, again=again) for it in hopeful]
        return Retry(after=max(waits), reason=_reason(hopeful))
    if failures:
        return Reject(after=delay, reason=_reason(failures), error=type(failures[0].error).__name__)
    return Retry(after=delay, reason="nothing was settled")


def settle_copied(reject: Reject, *, copied: bool) -> Delete | Reject:
    """Decide what becomes of a rejected message that was sent to the dead-letter queue.

    Only when that queue confirmed its copy may the original go.
    """
    return Delete(copied=True) if copied is True else reject


def disposition(failed: Failed) -> Disposition:
    """What should become of the message because of one failure.

    An exception handler's choice counts, but it cannot let go of work that was merely interrupted, or
    that another worker has in hand. It alone may say
    ``SKIP``: an error class that does is retried.
    """
    if failed.chosen is not None and not isinstance(failed.error, Stopped | LeaseLost | Claimed):
        return failed.chosen
    own = failed.error.disposition
    return Disposition.RETRY if own is Disposition.SKIP else own


def _wait(failed: Failed, delay: float, *, denied: float, again: bool) -> float:
    """The seconds that a processor or a claim asked for; the usual ones without any, or with what is no number.

    While nothing can work nothing is received at all, so no receive is wasted by coming back soon. A claim that stands
    when the message comes ``again`` belongs to long work, which renews it: then the usual time is the least.
    """
    if isinstance(failed.error, ConfigurationError) and not concerns_everything(failed.error):
        return denied
    asked: object = failed.error.after if isinstance(failed.error, RetryLater | Claimed) else None
    if not isinstance(asked, int | float) or math.isnan(asked):
        return delay
    return max(delay if again and isinstance(failed.error, Claimed) else 0.0, asked)


def _reason(failures: Sequence[Failed]) -> str:
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{type(failures[0].error).__name__}: {failures[0].error}{more}"
