"""For tests of processors and workers: fakes, faults as data, generated events and logs, an AWS in the process.

A processor needs no worker to be tested::

    processor.process(batch([event(event_name="DeleteTrail"), event(error_code="AccessDenied")]))

A worker runs on fakes::

    log = Generator(seed=1).log()
    queue = FakeQueue([messages.s3_event(log)])
    drain(processor, queue=queue, store=FakeLogStore({(log.bucket, log.key): log.body}))
    assert queue.messages_left == 0

What proves logs is tested on a trail with digests that are really signed, and on what can be done to it::

    trail = SignedTrail(hours=48, stopped=[(20, 23)])
    newest = trail.windows[-1]
    spoilt = trail.tampered(FlipInside(newest.bucket, newest.logs[0], 40))
"""

from cloudtrail_processing.testing.clock import ManualClock
from cloudtrail_processing.testing.draining import drain
from cloudtrail_processing.testing.embedded import EmbeddedAws
from cloudtrail_processing.testing.faults import (
    Before,
    Duplicate,
    FailEntries,
    Fault,
    Faults,
    Flipped,
    LostResponse,
    Truncated,
)
from cloudtrail_processing.testing.generator import (
    Damage,
    GeneratedLog,
    Generator,
    batch,
    damaged,
    event,
    messages,
    record,
)
from cloudtrail_processing.testing.queue import Action, FakeQueue
from cloudtrail_processing.testing.samples import sample_logs
from cloudtrail_processing.testing.store import FakeLogStore
from cloudtrail_processing.testing.trail import (
    Append,
    FakeBuckets,
    Flip,
    FlipInside,
    Inject,
    Metadata,
    Move,
    Remove,
    Replace,
    Resign,
    SignedTrail,
    StoredObject,
    Tampering,
    Truncate,
    Window,
)

__all__ = [
    "Action",
    "Append",
    "Before",
    "Damage",
    "Duplicate",
    "EmbeddedAws",
    "FailEntries",
    "FakeBuckets",
    "FakeLogStore",
    "FakeQueue",
    "Fault",
    "Faults",
    "Flip",
    "FlipInside",
    "Flipped",
    "GeneratedLog",
    "Generator",
    "Inject",
    "LostResponse",
    "ManualClock",
    "Metadata",
    "Move",
    "Remove",
    "Replace",
    "Resign",
    "SignedTrail",
    "StoredObject",
    "Tampering",
    "Truncate",
    "Truncated",
    "Window",
    "batch",
    "damaged",
    "drain",
    "event",
    "messages",
    "record",
    "sample_logs",
]
