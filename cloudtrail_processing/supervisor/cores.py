"""How many processors this process may use."""

import math
import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores(quota: Path = _QUOTA) -> int:
    """The cores that the scheduler gives us, or fewer where a container's quota gives less time; at least one.

    ``quota`` is the container's file (cgroup 2): microseconds of every period, or the word max.
    """
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(usable, _granted(quota) or usable))


def _granted(quota: Path) -> int:
    """The quota in whole cores, rounded up; 0 where there is none."""
    try:
        time, period = quota.read_text(encoding="ascii").split()
        return math.ceil(int(time) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return 0
