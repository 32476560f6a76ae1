"""What can go wrong, and what becomes of the message when it does.

The tree; each class carries its disposition, so that no code ever decides by guessing::

    CloudTrailProcessingError
    ├── TransientError         RETRY    throttling, 5xx, time-outs, resets, truncated downloads
    │   ├── LeaseLost          RETRY    the message is no longer ours: work on it was stopped
    │   │   └── ClaimLost      RETRY    another worker took the log over: work on it was stopped
    │   └── Claimed            RETRY    another worker is at work on the log
    ├── ConfigurationError     RETRY    403, KMS denied, wrong region, unknown queue, full disk
    │   ├── CredentialsError   RETRY    credentials missing, expired or wrong: nothing at all can work
    │   ├── BookkeepingError   RETRY    checkpoint, memory of events or quarantine cannot be used
    │   └── SettingsError      RETRY    a setting that cannot work; raised before anything is received
    ├── LogGone                RETRY    the object does not exist (S3 may lag behind its notification)
    ├── CorruptLog             REJECT   not gzip, CRC, trailing bytes, not JSON, no Records
    │   ├── LogTooLarge        REJECT   over the limit on inflated size or on ratio
    │   ├── TrailingData       REJECT   something follows the compressed stream
    │   └── AlteredLog         REJECT   a valid digest tells another hash of the log (verify=require)
    ├── UnlistedLog            REJECT   no digest proves the log, or ever can (verify=require)
    ├── RejectedRecords        REJECT   good records were delivered, bad ones have no quarantine
    ├── NotificationError      REJECT   a message of unknown shape
    ├── NotAllowed             REJECT   a bucket, account or topic that the operator did not allow
    ├── ProcessorError         RETRY    user code raised; its exception is the cause
    ├── RetryLater             RETRY    user code asks to see the log again later
    │   └── Unproven           RETRY    no digest has proven the log yet (verify=require)
    ├── Refuse                 REJECT   user code refuses the log for good
    └── Stopped                RELEASE  the worker is stopping; another one takes over

``RETRY`` gives the message back with a visibility timeout that grows with its receive count, ``REJECT``
leaves it to the dead-letter policy, ``RELEASE`` gives it back at once. None of them deletes.
"""

from enum import StrEnum
from typing import ClassVar


class Disposition(StrEnum):
    """What becomes of a message one of whose logs failed."""

    RETRY = "retry"
    """Give it back; it is visible again after a delay that grows with its receive count."""
    REJECT = "reject"
    """It will never work: leave it to the queue's redrive policy. Never deleted without a copy."""
    RELEASE = "release"
    """Give it back at once, visible to any other worker."""
    SKIP = "skip"
    """Accept the loss of this log deliberately; only an ``ExceptionHandler`` may say so."""


class CloudTrailProcessingError(Exception):
    """Base of everything this package raises on purpose."""

    disposition: ClassVar[Disposition] = Disposition.RETRY


class TransientError(CloudTrailProcessingError):
    """It will probably work when tried again: throttling, 5xx, time-outs, resets, DNS."""


class LeaseLost(TransientError):
    """The message's visibility timeout could not be extended: another worker may have it now."""


class ClaimLost(LeaseLost):
    """The checkpoint's claim on a log ran out and another worker took the log over."""


class Claimed(TransientError):
    """Another worker is at work on the log; its claim ends in ``after`` seconds unless it is renewed."""

    def __init__(self, reason: str, *, after: float) -> None:
        super().__init__(reason)
        self.after = after


class ConfigurationError(CloudTrailProcessingError):
    """It will not work until an operator changes something: permissions, region, names, a disk that is full."""


class CredentialsError(ConfigurationError):
    """The credentials are missing, expired or wrong, or the clock that signs with them is: nothing can work."""


class BookkeepingError(ConfigurationError):
    """What we must write down cannot be: the checkpoint, the memory of events or the quarantine fails for all logs."""


class SettingsError(ConfigurationError):
    """A setting, option or argument that cannot work; raised before anything is received."""


class LogGone(CloudTrailProcessingError):
    """The log that a notification names does not exist in its bucket (yet, or any more)."""


class CorruptLog(CloudTrailProcessingError):
    """The object cannot be read as a CloudTrail log; trying again would not change that."""

    disposition = Disposition.REJECT


class LogTooLarge(CorruptLog):
    """The log would inflate beyond the limit on its size or on its ratio."""


class TrailingData(CorruptLog):
    """Something follows the one compressed stream that a log is: a sign of tampering, or of a broken copy."""


class AlteredLog(CorruptLog):
    """The log is not what CloudTrail delivered: a valid digest tells another hash of it. Nothing was delivered."""


class UnlistedLog(CloudTrailProcessingError):
    """No digest lists the log although it is time, or none ever can. Nothing was delivered of it."""

    disposition = Disposition.REJECT


class RejectedRecords(CloudTrailProcessingError):
    """Some elements of ``Records`` were unusable and nothing was configured to keep them."""

    disposition = Disposition.REJECT


class NotificationError(CloudTrailProcessingError):
    """The message body has no shape that this package knows; the message is kept."""

    disposition = Disposition.REJECT


class NotAllowed(CloudTrailProcessingError):
    """A message names a bucket, an account or an organization, or comes from a topic, that was not allowed.

    It is refused before anything is asked of AWS.
    """

    disposition = Disposition.REJECT


class ProcessorError(CloudTrailProcessingError):
    """A processor, filter or hook raised; ``__cause__`` is what it raised."""


class RetryLater(CloudTrailProcessingError):
    """Raise it in ``process`` to have the log delivered again after ``after`` seconds, or its rest with a checkpoint.

    Without ``after`` the usual delay applies, which grows with the receive count.
    """

    def __init__(self, reason: str = "the processor asked to retry later", *, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Unproven(RetryLater):
    """No digest has proven the log yet: it is held back until one can be expected. Nothing has failed."""


class Refuse(CloudTrailProcessingError):
    """Raise it in ``process`` to set the log aside for good: it goes the way of a dead letter."""

    disposition = Disposition.REJECT


class Stopped(CloudTrailProcessingError):
    """Work was given up between two batches because the worker stops."""

    disposition = Disposition.RELEASE
