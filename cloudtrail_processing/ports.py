"""What the pipeline needs from the world, as protocols. The real parts are in ``aws/``, the fakes in ``testing/``.

An implementation raises only errors of ``cloudtrail_processing.errors``; foreign exceptions are mapped at the edge.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from cloudtrail_processing.flow import FetchedLog, LogObject, PublicKey, QueueMessage, RejectedRecord

BATCH = 10
"""Messages in one receive, and entries in one batch call, at most."""
LONGEST_INVISIBLE = 43_200
"""Seconds that a message stays in flight at most, counted from its receive: SQS's 12 hours."""
LONGEST_POLL = 20
"""Seconds that a receive waits for messages at most."""


@dataclass(frozen=True, slots=True)
class QueueInfo:
    """What the queue says of itself. Counts are approximate; ``dead_letter_arn`` is None without a redrive policy.

    Times are in seconds: after ``retention`` SQS drops a message, whatever became of it.
    """

    visible: int
    in_flight: int
    delayed: int
    visibility_timeout: int
    dead_letter_arn: str | None = None
    max_receive_count: int | None = None
    fifo: bool = False
    retention: int | None = None

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


@dataclass(frozen=True, slots=True)
class Letter:
    """A rejected message on its way to the dead-letter queue. ``error`` is a class name, ``reason`` one line."""

    message: QueueMessage
    error: str
    reason: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """A letter whose arrival the dead-letter queue did not confirm."""

    letter: Letter
    reason: str


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


class DeadLetters(Protocol):
    """Where rejected messages go. Its method runs on the control plane's event loop."""

    async def post(self, letters: Sequence[Letter]) -> Sequence[Unsent]:
        """Store at most 10 letters in one call, each body unchanged; return those without confirmation.

        May be repeated: a letter whose original could not be deleted comes again.
        """
        ...


class LogStore(Protocol):
    """Where logs lie. Called from many data-plane threads at once."""

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole object; ``LogTooLarge`` when it is over ``limit`` stored bytes, before the body is read.

        Raises ``LogGone``, ``TransientError`` or ``ConfigurationError``.
        """
        ...


@runtime_checkable
class Identifies(Protocol):
    """A store that can tell a log from its other versions without reading it."""

    def identify(self, log: LogObject) -> LogObject:
        """The log with the version and etag that it has now, by one small request; raises as ``fetch`` does.

        Asked when there is a checkpoint and the notification told neither; without it the log is fetched to know.
        """
        ...


class KeySource(Protocol):
    """Names logs without a queue: a bucket listing, a folder, an inventory."""

    def logs(self) -> Iterator[LogObject]:
        """Every log, in the source's own order; lazily, as listings can be long."""
        ...


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as a listing tells it; ``modified`` is when it was written, in UTC."""

    key: str
    size: int
    modified: datetime


class Listing(Protocol):
    """Tells what lies in buckets, by name. Called from many threads at once."""

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """What follows ``prefix`` up to the next slash, as full prefixes that end with it, in order.

        Raises ``TransientError`` or ``ConfigurationError``.
        """
        ...

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """Every object whose key begins with ``prefix`` and comes behind ``after``, in order of their keys; lazily.

        Raises as ``folders`` does, in the middle too.
        """
        ...


class PublicKeySource(Protocol):
    """Tells by which keys CloudTrail signed digests. Called from many threads at once."""

    def keys(self, *, region: str, first: datetime, last: datetime) -> Sequence[PublicKey]:
        """Every key that was valid in ``region``, the one whose digests are proven, at any time between these.

        Maybe more, maybe none. Raises ``TransientError`` or ``ConfigurationError``.
        """
        ...


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to one log for one processor, and where it resumes.

    ``log`` is ``LogObject.id``. Every record before ``next_index`` is settled. ``finished`` means all of them are: then
    nothing is held. ``token`` tells this claim from every other one.
    """

    log: str
    processor: str
    token: str
    next_index: int = 0
    finished: bool = False


class Checkpoint(Protocol):
    """Remembers how far each processor came in each log. Called from many data-plane threads at once.

    What it cannot do it raises: ``TransientError`` or ``ConfigurationError``, a full disk being one. A claim ends by
    time, unless ``advance`` renews it, so that a log whose worker died is taken over.
    """

    def claim(self, log: str, *, processor: str) -> Claim:
        """Take the log and say where to resume; ``Claimed`` while another worker has it."""
        ...

    def advance(self, claim: Claim, next_index: int) -> None:
        """Every record before ``next_index`` is settled. Never goes back; may be repeated. Renews the claim.

        Raises ``ClaimLost`` when the log was taken over meanwhile.
        """
        ...

    def finish(self, claim: Claim) -> None:
        """The whole log is settled, and is never claimed again. May be repeated; raises as ``advance`` does."""
        ...

    def release(self, claim: Claim) -> None:
        """Let others claim the log at once, from where it stands; no error when it was taken over. May be repeated."""
        ...

    def close(self) -> None:
        """Let go of files and connections. May be repeated."""
        ...


class SeenEvents(Protocol):
    """Remembers events for some time, so that copies of them are delivered once. Called from many threads."""

    def unseen(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that are not remembered; raises as a checkpoint does."""
        ...

    def remember(self, keys: Sequence[str]) -> None:
        """Called after the events were delivered, never before. May be repeated."""
        ...

    def close(self) -> None:
        """Let go of files and connections. May be repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """What a ledger remembers under one name: a text, and the list in which it is found; ``""`` for none."""

    text: str
    of: str = ""


class Ledger(Protocol):
    """Remembers small texts for some days, for all workers. Called from many threads; raises as a checkpoint does."""

    def read(self, names: Sequence[str]) -> Mapping[str, Entry]:
        """The entries of those names that are remembered."""
        ...

    def change(self, name: str, change: Callable[[Entry | None], Entry], *, durable: bool = False) -> Entry:
        """Remember what ``change`` makes of the entry, None being none; nobody else writes it in between.

        ``change`` may be called again with another entry. What is ``durable`` outlives a power loss once this returns,
        and so does all that was written before.
        """
        ...

    def listed(self, of: str) -> Mapping[str, Entry]:
        """All entries of one list, by their names or what stands for these; perhaps not yet the latest ones."""
        ...

    def close(self) -> None:
        """Let go of files and connections. May be repeated."""
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
