"""One log in hand, and what a parser may say: what the pipeline passes from step to step."""

from dataclasses import dataclass

from cloudtrail_processing.delivery import KeepGoing
from cloudtrail_processing.errors import CloudTrailProcessingError, NotificationError, RejectedRecords
from cloudtrail_processing.flow import Ignored, LogObject, Notification, QueueMessage
from cloudtrail_processing.processor import Failure, Stage


@dataclass(frozen=True, slots=True)
class LogInHand:
    """One log in hand: what announced it, what may interrupt the work, and its records when they came with it."""

    log: LogObject
    message: QueueMessage | None
    keep_going: KeepGoing
    inline: tuple[bytes, ...] = ()

    def failure(self, stage: Stage, error: CloudTrailProcessingError, *, processor: str | None = None) -> Failure:
        """A failure of this log."""
        return Failure(stage, error, self.message, self.log, processor)


def checked(parsed: Notification | Ignored | None) -> Notification | Ignored:
    """What a parser said; user code may be of any type."""
    if parsed is None:
        raise NotificationError("no parser knows this message")
    if not isinstance(parsed, Notification | Ignored):
        raise TypeError(f"a parser returns Notification, Ignored or None, not {type(parsed).__name__}")
    return parsed


def stage_of(error: CloudTrailProcessingError) -> Stage:
    """Where a processor's work on a log failed."""
    return Stage.READ if isinstance(error, RejectedRecords) else Stage.PROCESS
