"""A signed trail from a seed, and what can be done to it: for tests of whatever proves logs.

    trail = SignedTrail(hours=48, rotate=24, stopped=[(20, 23)])
    newest = trail.windows[-1]
    spoilt = trail.tampered(Remove(newest.bucket, newest.key), FlipInside(newest.bucket, newest.logs[0], 40))

Nothing of it is CloudTrail's: the keys are made here, so only who takes ``trail.public_keys`` for AWS's is convinced.
"""

from cloudtrail_processing.testing.trail.buckets import FakeBuckets
from cloudtrail_processing.testing.trail.model import StoredObject, Window
from cloudtrail_processing.testing.trail.tampering import (
    Append,
    Flip,
    FlipInside,
    Inject,
    Metadata,
    Move,
    Remove,
    Replace,
    Resign,
    Tampering,
    Truncate,
)
from cloudtrail_processing.testing.trail.trail import SignedTrail

__all__ = [
    "Append",
    "FakeBuckets",
    "Flip",
    "FlipInside",
    "Inject",
    "Metadata",
    "Move",
    "Remove",
    "Replace",
    "Resign",
    "SignedTrail",
    "StoredObject",
    "Tampering",
    "Truncate",
    "Window",
]
