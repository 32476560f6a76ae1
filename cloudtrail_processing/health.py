"""How a worker is, in one value: for whoever is asked at 3 a.m., and for what restarts it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class HealthState(StrEnum):
    """What a worker is doing about its queue."""

    OK = "ok"
    """It receives and works. Single buckets may fail all the same: ``Health.why`` names them."""
    PAUSED = "paused"
    """Nothing it tried could work, so it leaves the queue alone, tries by itself, and goes on when it can."""
    FAILING = "failing"
    """The queue cannot be polled; it is tried again and again."""
    STOPPING = "stopping"
    """It was told to stop, or something ended it."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a worker is. ``why`` is one line: what failed and what to do; empty when all is well.

    ``since`` is when this state began, in UTC.
    """

    state: HealthState
    why: str
    since: datetime
