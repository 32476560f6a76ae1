"""Prove that logs are what CloudTrail delivered, in Python: on a signed trail that somebody has tampered with."""

from datetime import timedelta

from cloudtrail_processing.audit import Exit, Scope, Summary, audit
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.trail import FlipInside, Remove
from cloudtrail_processing.times import TimeRange


def main() -> None:
    """With a real trail the parts are S3Store, S3Listing and CloudTrail, and no object is in memory."""
    trail = SignedTrail(seed=1, hours=48, logs=3)
    forged, deleted = trail.windows[20], trail.windows[-1]
    tampered = trail.tampered(FlipInside(forged.bucket, forged.logs[0], 200), Remove(deleted.bucket, deleted.key))

    buckets = FakeBuckets(tampered.objects)
    times = TimeRange(trail.windows[0].start, deleted.end)
    summary = Summary()
    for finding in audit(
        Scope(deleted.bucket, times), store=buckets, listing=buckets, keys=trail, now=times.last + timedelta(hours=3)
    ):
        summary.add(finding)
        if finding.state is not State.VALID:
            print(f"{finding.what} {finding.state}: {finding.uri or finding.first} {finding.detail}")
    print(f"{summary.exit.name}: {summary.of(*{what for what, _, _ in summary.states()}, bad=False)} objects are valid")
    assert summary.exit is Exit.INVALID


if __name__ == "__main__":
    main()
