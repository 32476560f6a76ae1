"""What is done about a failure: it is told, once, to the log and to the exception handler, who may choose."""

import logging
from asyncio import CancelledError
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    Disposition,
    LogGone,
    ProcessorError,
    Stopped,
    TransientError,
    Unproven,
)
from cloudtrail_processing.flow import Failed, LogObject, Outcome, QueueMessage, Skipped
from cloudtrail_processing.processor import ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressState
from cloudtrail_processing.settlement import disposition
from cloudtrail_processing.usercode import guarded

logger = logging.getLogger(__name__)

SURPRISES = (Exception, CancelledError)
"""What a bug, ours or that of a part, may raise: all but what is meant to end the process.

A part that runs a loop of its own may raise asyncio's ``CancelledError``, which our loop would take for its own.
"""
SKIPPED_BY_HANDLER = "its loss is accepted, by an exception handler or by missing_log"


@dataclass(frozen=True, slots=True)
class MissingLogs:
    """What becomes of a message whose log does not exist.

    ``retry`` looks for it in ``receives`` deliveries and then rejects the message, ``dead_letter`` rejects it at once,
    ``skip`` accepts the loss.
    """

    policy: Literal["retry", "skip", "dead_letter"] = "retry"
    receives: int = 5

    def choose(self, failure: Failure) -> Disposition | None:
        """The disposition of a log that is gone; None for any other failure, and while it is still looked for.

        Only its download can tell: what a parser, say, looks for and does not find is no log.
        """
        if not isinstance(failure.error, LogGone) or failure.stage is not Stage.FETCH or failure.log is None:
            return None
        received = failure.message.receive_count if failure.message else 1
        if self.policy == "skip":
            return Disposition.SKIP
        return Disposition.REJECT if self.policy == "dead_letter" or received >= self.receives else None


class Failures:
    """Tells failures, and makes outcomes of them."""

    def __init__(
        self, handler: ExceptionHandler | None, *, progress: Progress, missing_logs: MissingLogs | None = None
    ) -> None:
        """The handler's choice goes before that of ``missing_logs``."""
        self._handler = handler
        self._progress = progress
        self._missing_logs = missing_logs or MissingLogs()

    def tell(self, failure: Failure) -> Failed:
        """Tell the exception handler, and note what it chose, or else what the policy for missing logs says."""
        # Only user code's own exceptions are shown whole: those of clients quote requests, with tokens in them.
        cause = failure.error.__cause__ if isinstance(failure.error, ProcessorError) else None
        logger.log(_level(failure.error), "%s", _story(failure), exc_info=cause)
        chosen = self._chosen_by_handler(failure) or self._missing_logs.choose(failure)
        return Failed(failure.log, failure.error, chosen=chosen)

    def _chosen_by_handler(self, failure: Failure) -> Disposition | None:
        if self._handler is None:
            return None
        try:
            with guarded("the exception handler"):
                chosen = self._handler.handle(failure)
                return None if chosen is None else Disposition(chosen)
        except CloudTrailProcessingError:
            logger.exception("the exception handler failed; the error's own disposition applies")
            return None

    def of_log(self, log: LogObject, failures: Sequence[Failure]) -> Outcome:
        """One outcome for one log: skipped when a handler accepted every loss, else failed with all that remains."""
        told = [self.tell(failure) for failure in failures]
        remaining = [failed for failed in told if disposition(failed) is not Disposition.SKIP]
        if not remaining:
            logger.warning("%s is given up: %s", log.uri, SKIPPED_BY_HANDLER)
            return Skipped(log, SKIPPED_BY_HANDLER)
        return replace(remaining[0], also=tuple(remaining[1:]))

    def uncaught(self, error: BaseException, *, message: QueueMessage | None, log: LogObject | None = None) -> Failed:
        """A bug of ours: reported, and the message is kept."""
        with self._progress.step(ProgressState.UNCAUGHT_EXCEPTION, message=message, log=log) as step:
            step.result(succeeded=False, error=error)
        logger.critical("a bug in this package", exc_info=error)
        met = log.uri if log else f"message {message.message_id}" if message else "the work"
        surprise = TransientError(f"{met} met a bug: {type(error).__name__}; nothing was settled")
        surprise.__cause__ = error
        return self.tell(Failure(Stage.PROCESS, surprise, message=message, log=log))


def _level(error: CloudTrailProcessingError) -> int:
    if isinstance(error, Stopped | Unproven):
        return logging.INFO
    return logging.ERROR if isinstance(error, ProcessorError) else logging.WARNING


def _story(failure: Failure) -> str:
    """What failed, where, and what it was: one line for whoever is awake."""
    message = f" of message {failure.message.message_id}" if failure.message else ""
    text = f"{type(failure.error).__name__}: {failure.error}"
    where = f" {failure.log.uri}" if failure.log and failure.log.uri not in text else ""
    return f"stage {failure.stage}{where}{message}: {text}"
