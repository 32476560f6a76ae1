"""What the pipeline needs from the world, as protocols. The real parts are in ``aws/``, the fakes in ``testing/``.

An implementation raises only errors of ``cloudtrail_processing.errors``; foreign exceptions are mapped at the edge.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cloudtrail_processing.flow import FetchedLog, LogObject, QueueMessage, RejectedRecord

BATCH = 10
"""Messages in one receive, and entries in one batch call, at most."""
LONGEST_INVISIBLE = 43_200
"""Seconds that a message stays in flight at most, counted from its receive: SQS's 12 hours."""
LONGEST_POLL = 20
"""Seconds that a receive waits for messages at most."""


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """What the queue says of itself. Counts are approximate; ``dead_letter_arn`` is None without a redrive policy."""

    visible: int
    in_flight: int
    delayed: int
    visibility_timeout: int
    dead_letter_arn: str | None = None
    max_receive_count: int | None = None
    fifo: bool = False

    @property
    def is_empty(self) -> bool:
        """True when no message is waiting, in flight or delayed."""
        return self.visible + self.in_flight + self.delayed == 0


@dataclass(frozen=True, slots=True)
class EntryFailure:
    """One entry of a batch call that did not take effect. ``gone`` means the receipt is no longer valid."""

    message: QueueMessage
    reason: str
    gone: bool = False


class Queue(Protocol):
    """A queue with SQS's semantics. All methods run on the control plane's event loop."""

    async def receive(self, *, limit: int, wait: float, visibility: int) -> Sequence[QueueMessage]:
        """Up to ``limit`` (1 to 10) messages, waiting at most ``wait`` seconds for the first; maybe none."""
        ...

    async def delete(self, messages: Sequence[QueueMessage]) -> Sequence[EntryFailure]:
        """Delete at most 10 messages in one call; return those that were not deleted. May be repeated."""
        ...

    async def change_visibility(self, changes: Sequence[tuple[QueueMessage, int]]) -> Sequence[EntryFailure]:
        """Set the remaining visibility timeout, in whole seconds from now, of at most 10 messages in one call."""
        ...

    async def info(self) -> QueueInfo:
        """What the queue says of itself now."""
        ...


class LogStore(Protocol):
    """Where logs lie. Called from many data-plane threads at once."""

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole object; ``LogTooLarge`` when it is over ``limit`` stored bytes, before the body is read.

        Raises ``LogGone``, ``TransientError`` or ``ConfigurationError``.
        """
        ...


class KeySource(Protocol):
    """Names logs without a queue: a bucket listing, a folder, an inventory."""

    def logs(self) -> Iterator[LogObject]:
        """Every log, in the source's own order; lazily, as listings can be long."""
        ...


class Quarantine(Protocol):
    """Keeps records that could not become events."""

    def keep(self, records: Sequence[RejectedRecord]) -> None:
        """Return only when every record is safely stored; whatever it raises fails the log. May be repeated."""
        ...


class Clock(Protocol):
    """Time as the control plane sees it."""

    def now(self) -> datetime:
        """The time of day, in UTC, timezone-aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back; only differences mean anything."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        ...
