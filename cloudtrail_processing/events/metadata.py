"""Where an event came from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


class SourceLog(Protocol):
    """What an event knows of the log that it came from; the pipeline's ``LogObject`` is one."""

    @property
    def bucket(self) -> str:
        """The bucket; empty for a file on disk."""

    @property
    def key(self) -> str:
        """The key in the bucket, or the path of a file."""

    @property
    def uri(self) -> str:
        """Bucket and key in one, for people."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What all events of one log share: the log, and how to find where a record starts in its inflated bytes."""

    log: SourceLog
    start_of: Callable[[int], int | None] = field(repr=False)


@dataclass(frozen=True, slots=True)
class EventMetadata:
    """Which log an event came from, and where in it. Java: ``CloudTrailEventMetadata``.

    ``index`` counts the log's records from 0. ``log`` and ``index`` are None for an event that came from no log.
    """

    log: SourceLog | None = None
    index: int | None = None
    size: int = 0
    """Length of the record in bytes."""
    start_of: Callable[[int], int | None] | None = field(default=None, repr=False, compare=False)

    @property
    def byte_range(self) -> tuple[int, int] | None:
        """``(start, end)`` so that ``inflated[start:end] == event.raw``; None when the log cannot tell.

        Computed each time it is asked. An event that was pickled no longer knows it.
        """
        if self.start_of is None or self.index is None:
            return None
        start = self.start_of(self.index)
        return None if start is None else (start, start + self.size)
