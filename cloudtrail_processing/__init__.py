"""Act on AWS CloudTrail logs: from the SQS queue to your processor, so that no event is lost.

The modules in the order of the data::

    SQS ─▶ intake ─▶ notification ─▶ filters ─▶ aws.store ─▶ logfile ─▶ filters ─▶ events ─▶ delivery ─▶ your processor
     ▲     leases    message → logs  by key     bytes        records    by header  models    batches       │
     └── settling ◀── settlement: what becomes of the message ◀── outcomes, one for each log ◀─────────────┘

``pipeline`` takes one message through all of that, synchronously. ``worker`` does it for many at once, ``supervisor``
in many processes, ``sweep`` for logs that are already there, ``replay`` for what was set aside. On the way ``allowed``
refuses, ``checkpoint`` remembers, ``quarantine`` keeps what is bad, and ``breaker`` holds back when nothing can work.
``app``, ``assembly`` and ``parts`` plug the real parts in; ``testing`` has the fakes.
"""

from typing import TYPE_CHECKING, Any

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import (
    BookkeepingError,
    Claimed,
    ClaimLost,
    CloudTrailProcessingError,
    ConfigurationError,
    CorruptLog,
    CredentialsError,
    Disposition,
    LeaseLost,
    LogGone,
    LogTooLarge,
    NotAllowed,
    NotificationError,
    ProcessorError,
    Refuse,
    RejectedRecords,
    RetryLater,
    SettingsError,
    Stopped,
    TransientError,
)
from cloudtrail_processing.events import (
    ActivityEvent,
    AggregatedEvent,
    CloudTrailEvent,
    DigestFile,
    EventVersion,
    InsightEvent,
    NetworkActivityEvent,
    UserIdentity,
)
from cloudtrail_processing.files import Files
from cloudtrail_processing.filters import EventFilter, SourceFilter, Where
from cloudtrail_processing.flow import (
    Failed,
    FetchedLog,
    Ignored,
    LogKind,
    LogObject,
    Notification,
    Outcome,
    Processed,
    QueueMessage,
    RejectedRecord,
    Skipped,
)
from cloudtrail_processing.health import Health, HealthState
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import (
    Checkpoint,
    Claim,
    Clock,
    DeadLetters,
    KeySource,
    LogStore,
    Quarantine,
    Queue,
    SeenEvents,
)
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter, ProgressState, ProgressStatus, Reporters
from cloudtrail_processing.quarantine import FolderQuarantine
from cloudtrail_processing.reading import read_events
from cloudtrail_processing.settings import Settings

if TYPE_CHECKING:
    from cloudtrail_processing.app import build, run
    from cloudtrail_processing.aws.keys import S3Keys
    from cloudtrail_processing.aws.quarantine import S3Quarantine
    from cloudtrail_processing.aws.queue import SqsQueue
    from cloudtrail_processing.aws.session import AwsOptions, Credentials
    from cloudtrail_processing.aws.store import S3Store
    from cloudtrail_processing.checkpoint.dynamodb import DynamoCheckpoint
    from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint
    from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.supervisor import Joined, supervise
    from cloudtrail_processing.sweep import Summary, process
    from cloudtrail_processing.worker import Worker

__all__ = [
    "ActivityEvent",
    "AggregatedEvent",
    "AwsOptions",
    "BookkeepingError",
    "Checkpoint",
    "Claim",
    "ClaimLost",
    "Claimed",
    "Clock",
    "CloudTrailEvent",
    "CloudTrailProcessingError",
    "ConfigurationError",
    "CorruptLog",
    "Credentials",
    "CredentialsError",
    "DeadLetters",
    "DigestFile",
    "Disposition",
    "DynamoCheckpoint",
    "EventBatch",
    "EventFilter",
    "EventProcessor",
    "EventVersion",
    "ExceptionHandler",
    "Failed",
    "Failure",
    "FetchedLog",
    "Files",
    "FolderQuarantine",
    "Health",
    "HealthState",
    "Ignored",
    "InsightEvent",
    "Joined",
    "KeySource",
    "LeaseLost",
    "LogGone",
    "LogKind",
    "LogObject",
    "LogStore",
    "LogTooLarge",
    "LoggingReporter",
    "MemoryCheckpoint",
    "NetworkActivityEvent",
    "NotAllowed",
    "Notification",
    "NotificationError",
    "Outcome",
    "Parts",
    "Processed",
    "ProcessorError",
    "ProgressReporter",
    "ProgressState",
    "ProgressStatus",
    "Quarantine",
    "Queue",
    "QueueMessage",
    "Refuse",
    "RejectedRecord",
    "RejectedRecords",
    "Reporters",
    "RetryLater",
    "S3Keys",
    "S3Quarantine",
    "S3Store",
    "SeenEvents",
    "Settings",
    "SettingsError",
    "Skipped",
    "SourceFilter",
    "SqliteCheckpoint",
    "SqsQueue",
    "Stage",
    "Stopped",
    "Summary",
    "TransientError",
    "UserIdentity",
    "Where",
    "Worker",
    "build",
    "log_object",
    "process",
    "read_events",
    "run",
    "supervise",
]

_WITH_AWS = {
    "AwsOptions": "aws.session",
    "Credentials": "aws.session",
    "DynamoCheckpoint": "checkpoint.dynamodb",
    "Joined": "supervisor",
    "MemoryCheckpoint": "checkpoint.memory",
    "Parts": "parts",
    "S3Keys": "aws.keys",
    "S3Quarantine": "aws.quarantine",
    "S3Store": "aws.store",
    "SqliteCheckpoint": "checkpoint.sqlite",
    "SqsQueue": "aws.queue",
    "Summary": "sweep",
    "Worker": "worker",
    "build": "app",
    "process": "sweep",
    "run": "app",
    "supervise": "supervisor",
}
"""Names that bring AWS clients or databases along, which take a while to import: loaded when first used."""


def __getattr__(name: str) -> Any:
    if name not in _WITH_AWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WITH_AWS[name]}"), name)
