"""How many processors this process may use, and which one each of several processes gets for itself."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """The cores that the scheduler gives us, or fewer where a container's quota gives less time; at least one.

    ``quota`` is the container's file (cgroup 2): microseconds of every period, or the word max.
    """
    usable = len(usable_cores()) or os.cpu_count() or 1
    return max(1, min(usable, _granted(quota) or usable))


def shares(processes: int, usable: Sequence[int]) -> Sequence[int | None]:
    """The core of each of so many processes, when these fill the ``usable`` cores evenly.

    A thread that wakes on another core finds nothing of its log there: kept on one, a process takes a sixth less
    processor time for logs of typical size, and a little less for large ones (``python -m benchmarks``). None for all
    where cores would be left over, or be shared unevenly: that is for the scheduler to balance.
    """
    if not usable or processes % len(usable):
        return [None] * processes
    return [*usable] * (processes // len(usable))


def usable_cores() -> Sequence[int]:
    """The cores that the scheduler gives this process; none where a process cannot choose among them, as on macOS."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _granted(quota: Path) -> int:
    """The quota in whole cores, rounded up; 0 where there is none."""
    try:
        time, period = quota.read_text(encoding="ascii").split()
        return math.ceil(int(time) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return 0
