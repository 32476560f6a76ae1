"""For tests of processors and workers: a queue, a store and a clock in memory, faults as data, an AWS in the process.

::

    queue = FakeQueue([notification])
    store = FakeLogStore({("trail", "AWSLogs/…/log.json.gz"): body})
    # run your worker with them, then:
    assert queue.messages_left == 0
"""

from cloudtrail_processing.testing.clock import ManualClock
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
from cloudtrail_processing.testing.queue import Action, FakeQueue
from cloudtrail_processing.testing.store import FakeLogStore

__all__ = [
    "Action",
    "Before",
    "Duplicate",
    "EmbeddedAws",
    "FailEntries",
    "FakeLogStore",
    "FakeQueue",
    "Fault",
    "Faults",
    "Flipped",
    "LostResponse",
    "ManualClock",
    "Truncated",
]
