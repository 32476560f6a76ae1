"""The values that travel between the stages, in order of appearance. All are frozen.

``QueueMessage`` → ``Notification`` | ``Ignored`` → ``LogObject`` → ``FetchedLog`` → records → events
→ ``EventBatch`` (in ``batch``) → ``Outcome`` → ``Verdict``.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cloudtrail_processing.errors import CloudTrailProcessingError, Disposition


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """One message as received from the queue.

    ``receive_count`` is 1 on first delivery. ``group`` is the FIFO message group, None on a standard queue.
    ``attributes`` are the system attributes and the text of user attributes, as strings.
    ``repr`` never shows the body or the receipt.
    """

    message_id: str
    body: str = field(repr=False)
    receipt: str = field(repr=False)
    receive_count: int = 1
    sent_at: datetime | None = None
    group: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


class LogKind(StrEnum):
    """What an object is, read from its key."""

    EVENTS = "CloudTrail"
    INSIGHT = "CloudTrail-Insight"
    NETWORK_ACTIVITY = "CloudTrail-NetworkActivity"
    AGGREGATED = "CloudTrail-Aggregated"
    DIGEST = "CloudTrail-Digest"
    FOLDER = "folder"
    UNKNOWN = "unknown"
    """A JSON file whose key tells nothing: a renamed or copied log, perhaps. Only reading it tells."""
    OTHER = "other"
    """Another service's file, or one that can be no log by its name."""

    @property
    def is_log(self) -> bool:
        """True when objects of this kind hold event records."""
        return self in (LogKind.EVENTS, LogKind.INSIGHT, LogKind.NETWORK_ACTIVITY, LogKind.AGGREGATED)

    @property
    def may_hold_events(self) -> bool:
        """True for logs and for what might be one: such objects are never thrown away unread."""
        return self.is_log or self is LogKind.UNKNOWN


@dataclass(frozen=True, slots=True)
class LogObject:
    """One object that a notification, a listing or a path names.

    ``account``, ``region``, ``organization`` and ``slot_time`` (UTC, the end of the five-minute delivery slot) are read
    from the key; None where the key does not tell. ``size`` is in compressed bytes. A file on disk has the
    bucket ``""`` and its path as key.
    """

    bucket: str
    key: str
    kind: LogKind = LogKind.OTHER
    account: str | None = None
    region: str | None = None
    organization: str | None = None
    slot_time: datetime | None = None
    version_id: str | None = None
    etag: str | None = None
    size: int | None = None
    sequencer: str | None = None

    @property
    def uri(self) -> str:
        """Where the log lies, for people: ``s3://bucket/key``, or the path of a file; always one line."""
        place = f"s3://{self.bucket}/{self.key}" if self.bucket else self.key
        # Keys come from messages: one with a line break must not be able to write a log line of its own.
        return place if place.isprintable() else place.encode("unicode_escape").decode()

    @property
    def version(self) -> str | None:
        """What tells this content from any other under the same key: version or etag; None when nothing does.

        Where versioning was suspended every version is called "null", which tells nothing.
        """
        return (self.etag if self.version_id in (None, "", "null") else self.version_id) or None

    @property
    def id(self) -> str:
        """Stable identity of the log's content: the uri, with the version or else the etag where known."""
        return f"{self.uri}?{self.version}" if self.version else self.uri


@dataclass(frozen=True, slots=True)
class Ignored:
    """A message, or an object in it, that is known and harmless. As an outcome it allows deletion.

    ``digest`` is the object where it is a digest, which is not ignored where logs are proven.
    """

    why: str
    digest: LogObject | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Notification:
    """What a message body announces: the logs to read and the harmless rest.

    ``logs``, ``ignored`` and ``inline`` together name everything in the message; at least one is not empty.
    ``inline`` holds whole records that came inside the message itself, exact bytes, instead of a pointer to S3.
    """

    logs: tuple[LogObject, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    inline: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def named(self) -> int:
        """How many outcomes settle the message: one for each log and ignored thing, one for all inline records."""
        return len(self.logs) + len(self.ignored) + bool(self.inline)


@dataclass(frozen=True, slots=True)
class FetchedLog:
    """The stored bytes of a log, as they lie in the bucket, with what the store said of them.

    ``metadata`` is of digests only: names without ``x-amz-meta-``, where their signatures stand.
    """

    body: bytes = field(repr=False)
    etag: str | None = None
    version_id: str | None = None
    last_modified: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key by which CloudTrail signed digests of one region between two times, as ``ListPublicKeys`` tells it.

    ``der`` is a PKCS#1 ``RSAPublicKey`` or a ``SubjectPublicKeyInfo``.
    """

    der: bytes = field(repr=False)
    first: datetime | None = None
    last: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """Hex MD5 of the DER bytes: a digest names its key so. That AWS tells the same of it is not relied upon."""
        return hashlib.md5(self.der, usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """An element of ``Records`` that is no event: its exact bytes, where it stood, and why it was rejected."""

    log: LogObject
    index: int
    raw: bytes = field(repr=False)
    error: str


# ── Outcome: what became of one log ──


@dataclass(frozen=True, slots=True)
class Processed:
    """Every record of the log was delivered to every processor, filtered out, or safely quarantined.

    ``duplicates`` counts events that had been delivered before as parts of other logs.
    """

    log: LogObject
    records: int
    delivered: int
    filtered: int
    quarantined: int = 0
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """The log was deliberately not read: a filter, a checkpoint or an exception handler said so."""

    log: LogObject
    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Not all of the log reached the processors. ``log`` is None when the message itself could not be read.

    ``chosen`` is the disposition that an ``ExceptionHandler`` asked for; without it the error's own applies. ``also``
    holds the failures of further processors on the same log. The counts say how far the work came: ``delivered`` events
    were taken by the processor that took most.
    """

    log: LogObject | None
    error: CloudTrailProcessingError
    chosen: Disposition | None = None
    also: "tuple[Failed, ...]" = ()
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0


Outcome = Processed | Skipped | Ignored | Failed


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of everything a message names: ``named`` outcomes, or else something was forgotten."""

    message: QueueMessage
    named: int
    outcomes: tuple[Outcome, ...]


# ── Verdict: what becomes of the message ──


@dataclass(frozen=True, slots=True)
class Delete:
    """Everything in the message is settled, or lies in the dead-letter queue; the only verdict that removes it.

    ``filtered`` is True when nothing in it had to be read, ``copied`` when the dead-letter queue confirmed its copy.
    """

    filtered: bool = False
    copied: bool = False


@dataclass(frozen=True, slots=True)
class Retry:
    """Visible again after ``after`` seconds."""

    after: float
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """Visible again at once, or after ``after`` seconds: when nobody here can receive it any more."""

    reason: str
    after: float = 0


@dataclass(frozen=True, slots=True)
class Reject:
    """It will never succeed: it belongs in a dead-letter queue, and stays in the queue until it is there.

    ``after`` is in seconds: until then it is invisible. ``error`` is the class name of what went wrong.
    """

    after: float
    reason: str
    error: str = ""


Verdict = Delete | Retry | Release | Reject
