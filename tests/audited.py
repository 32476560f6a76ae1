"""What tests of audits share: a trail in memory, an audit of all of it, and what it told."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from cloudtrail_processing.audit import Finding, Scope, Summary, What, audit
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.times import TimeRange

Place = tuple[str, str]
HOUR = timedelta(hours=1)


def span(trail: SignedTrail) -> TimeRange:
    return TimeRange(trail.windows[0].start, max(window.end for window in trail.windows))


def audited(
    trail: SignedTrail,
    times: TimeRange | None = None,
    *,
    forbidden: Collection[Place] = (),
    now: datetime | None = None,
    stopped: dict[str, datetime] | None = None,
    scope: dict[str, Any] | None = None,
    **options: Any,
) -> list[Finding]:
    """All findings of an audit of a trail, of all of its time unless told otherwise, three hours after its end."""
    buckets = FakeBuckets(trail.objects, forbidden=forbidden)
    chosen = Scope(
        min(bucket for bucket, _ in trail.objects), times or span(trail), stopped=stopped or {}, **scope or {}
    )
    now = now or span(trail).last + 3 * HOUR
    return list(audit(chosen, store=buckets, listing=buckets, keys=trail, now=now, **{"threads": 4, **options}))


def bad(findings: list[Finding]) -> list[tuple[What, State, str]]:
    """What is not valid, with the key that it is about."""
    return [(it.what, it.state, it.key) for it in findings if it.state is not State.VALID]


def exit_of(findings: list[Finding]) -> str:
    return Summary(findings).exit.name


def digests(trail: SignedTrail, *, backfill: bool = False) -> list[Place]:
    """Where the digests lie, oldest first."""
    return [(window.bucket, window.key) for window in trail.windows if window.is_backfill is backfill]


def logs(trail: SignedTrail, hour: int) -> list[Place]:
    """Where the logs lie that the digest of this hour lists."""
    window = [window for window in trail.windows if not window.is_backfill][hour]
    return [(window.bucket, key) for key in window.logs]
