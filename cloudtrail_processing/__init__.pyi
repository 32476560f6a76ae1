"""What the package is made of, for type checkers and for the loader: each name and the module it lives in."""

from .app import build, run
from .aws.keys import S3Keys
from .aws.listing import S3Listing
from .aws.quarantine import S3Quarantine
from .aws.queue import SqsQueue
from .aws.session import AwsOptions, Credentials
from .aws.store import S3Store
from .aws.trails import CloudTrail
from .batch import EventBatch
from .checkpoint.dynamodb import DynamoCheckpoint
from .checkpoint.memory import MemoryCheckpoint
from .checkpoint.sqlite import SqliteCheckpoint
from .errors import (
    AlteredLog,
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
    TrailingData,
    TransientError,
    UnlistedLog,
    Unproven,
)
from .events import (
    ActivityEvent,
    AggregatedEvent,
    CloudTrailEvent,
    DigestFile,
    EventVersion,
    InsightEvent,
    NetworkActivityEvent,
    UserIdentity,
)
from .files import Files
from .filters import EventFilter, SourceFilter, Where
from .findings import Found, IntegrityFinding
from .flow import (
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
from .health import Health, HealthState
from .keys import log_object
from .mirror import Mirror
from .parts import Parts
from .ports import (
    Checkpoint,
    Claim,
    Clock,
    DeadLetters,
    KeySource,
    Ledger,
    LogStore,
    PublicKeySource,
    Quarantine,
    Queue,
    SeenEvents,
)
from .processor import EventProcessor, ExceptionHandler, Failure, Stage
from .progress import LoggingReporter, ProgressReporter, ProgressState, ProgressStatus, Reporters
from .publickeys import KeyFile
from .quarantine import FolderQuarantine
from .reading import read_events
from .settings import Settings
from .supervisor import Joined, supervise
from .sweep import Summary, process
from .worker import Worker

__all__ = [
    "ActivityEvent",
    "AggregatedEvent",
    "AlteredLog",
    "AwsOptions",
    "BookkeepingError",
    "Checkpoint",
    "Claim",
    "ClaimLost",
    "Claimed",
    "Clock",
    "CloudTrail",
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
    "Found",
    "Health",
    "HealthState",
    "Ignored",
    "InsightEvent",
    "IntegrityFinding",
    "Joined",
    "KeyFile",
    "KeySource",
    "LeaseLost",
    "Ledger",
    "LogGone",
    "LogKind",
    "LogObject",
    "LogStore",
    "LogTooLarge",
    "LoggingReporter",
    "MemoryCheckpoint",
    "Mirror",
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
    "PublicKeySource",
    "Quarantine",
    "Queue",
    "QueueMessage",
    "Refuse",
    "RejectedRecord",
    "RejectedRecords",
    "Reporters",
    "RetryLater",
    "S3Keys",
    "S3Listing",
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
    "TrailingData",
    "TransientError",
    "UnlistedLog",
    "Unproven",
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
