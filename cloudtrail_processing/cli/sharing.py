"""One standard error for several processes."""

import fcntl
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class WholeLines(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard error what other processes write to as well, without tearing their lines or having ours torn.

    A pipe keeps only writes of some 4 KiB together. The lock is the system's, on standard error itself: it ends with
    the process that holds it, however that ends.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record, with its traceback if it has one."""
        with _alone():
            super().emit(record)


@contextmanager
def _alone() -> Iterator[None]:
    """While inside, no other process is; where such a lock is not to be had, it does without."""
    descriptor = sys.__stderr__.fileno() if sys.__stderr__ else -1
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
    except (OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)
