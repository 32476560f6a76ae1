"""Steps and who is told of them: the Java library's eight progress states, with counts that are right."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Any, Self, TypeVar, assert_never

from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.findings import IntegrityFinding
from cloudtrail_processing.flow import Failed, Ignored, LogObject, Outcome, Processed, QueueMessage, Skipped
from cloudtrail_processing.usercode import guarded

logger = logging.getLogger(__name__)
T = TypeVar("T")


class ProgressState(StrEnum):
    """The steps that are reported: eight under the names of the Java library's ``ProgressState``, and one of ours."""

    POLL_QUEUE = "pollQueue"
    PARSE_MESSAGE = "parseMessage"
    PROCESS_SOURCE = "processSource"
    PROCESS_LOG = "processLog"
    DOWNLOAD_LOG = "downloadLog"
    DELETE_MESSAGE = "deleteMessage"
    DELETE_FILTERED_MESSAGE = "deleteFilteredMessage"
    UNCAUGHT_EXCEPTION = "uncaughtException"
    VERIFY_LOGS = "verifyLogs"
    """Ours, and only with the setting ``verify``: findings are told, or a digest is settled."""


@dataclass(frozen=True, slots=True)
class ProgressStatus:
    """One step at its start or at its end. At the start ``succeeded`` is None and the counts are 0.

    ``messages`` counts received messages (``pollQueue``); ``size`` is in stored bytes (``downloadLog``); the counts of
    records belong to ``processLog``. ``skipped`` says why a log was not read at all. ``findings`` were told to the
    processors' hooks (``verifyLogs``).
    """

    state: ProgressState
    message: QueueMessage | None = None
    log: LogObject | None = None
    succeeded: bool | None = None
    error: BaseException | None = None
    messages: int = 0
    size: int = 0
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    rejected: int = 0
    skipped: str | None = None
    findings: tuple[IntegrityFinding, ...] = ()


class ProgressReporter:
    """Is told when each step starts and ends. This one does nothing; subclass it and override what you need.

    Called from several threads at once and from the event loop: be quick and do not block. What it raises is
    logged and changes nothing. Answers to the Java library's ``ProgressReporter``.
    """

    def report_start(self, status: ProgressStatus) -> object:
        """A step starts; whatever is returned is handed to ``report_end`` of the same step."""
        del status
        return None

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """The step ended; ``status.succeeded`` tells how, ``token`` is what ``report_start`` returned."""


class LoggingReporter(ProgressReporter):
    """Writes one line at INFO for every finished log and everything else at DEBUG. The default.

    Failures are logged, once, where they are decided upon; here they would only be said again.
    """

    def report_start(self, status: ProgressStatus) -> object:
        """Remember when the step started."""
        return time.monotonic()

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """Write the line; its level says how much it matters."""
        seconds = time.monotonic() - token if isinstance(token, float) else 0.0
        logger.log(_level(status), "%s %s in %.3f s%s", status.state, _subject(status), seconds, _result(status))


class Reporters(ProgressReporter):
    """Tells several reporters, each with its own token; one that raises is logged and costs the others nothing."""

    def __init__(self, *reporters: ProgressReporter) -> None:
        self._reporters = reporters

    def report_start(self, status: ProgressStatus) -> object:
        """Tell all; the token is the tuple of theirs."""
        return tuple(_tell(reporter.report_start, status) for reporter in self._reporters)

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """Tell all, each with its own token."""
        tokens = token if isinstance(token, tuple) else (None,) * len(self._reporters)
        for reporter, own in zip(self._reporters, tokens, strict=True):
            _tell(reporter.report_end, status, own)


class Step:
    """A step: reported when its block begins, and when it ends, as failed when an exception goes through.

    A class and not a generator, because every log has five steps.
    """

    __slots__ = ("_facts", "_log", "_message", "_reporter", "_state", "_token")

    def __init__(
        self, reporter: ProgressReporter, state: ProgressState, message: QueueMessage | None, log: LogObject | None
    ) -> None:
        self._reporter = reporter
        self._state = state
        self._message = message
        self._log = log
        self._token: object = None
        self._facts: dict[str, Any] = {}

    def result(self, **facts: object) -> None:
        """Set fields of the status that is reported at the end."""
        self._facts.update(facts)

    def __enter__(self) -> Self:
        status = ProgressStatus(self._state, self._message, self._log)
        self._token = _tell(self._reporter.report_start, status)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = {"succeeded": self._facts.get("succeeded") is not False} if error is None else _failed(error)
        status = ProgressStatus(self._state, self._message, self._log, **self._facts | ended)
        _tell(self._reporter.report_end, status, self._token)


class Progress:
    """Reports steps to a reporter, and shields the work from what the reporter raises."""

    def __init__(self, reporter: ProgressReporter) -> None:
        self._reporter = reporter

    def step(self, state: ProgressState, *, message: QueueMessage | None = None, log: LogObject | None = None) -> Step:
        """A step, to be used as a context manager; an exception is reported as failure and goes on."""
        return Step(self._reporter, state, message, log)


def _failed(error: BaseException) -> dict[str, Any]:
    return {"succeeded": False, "error": error}


def _tell(report: Callable[..., T], *arguments: object) -> T | None:
    try:
        with guarded("the progress reporter"):
            return report(*arguments)
    except CloudTrailProcessingError:
        logger.exception("a progress reporter failed; the work goes on")
        return None


def _level(status: ProgressStatus) -> int:
    finished_log = status.succeeded and status.state is ProgressState.PROCESS_LOG
    return logging.INFO if finished_log else logging.DEBUG


def _subject(status: ProgressStatus) -> str:
    if status.log:
        return status.log.uri
    return f"message {status.message.message_id}" if status.message else "queue"


def _result(status: ProgressStatus) -> str:
    if not status.succeeded:
        return f": failed: {type(status.error).__name__}: {status.error}" if status.error else ": failed"
    if status.skipped:
        return f": skipped: {status.skipped}"
    match status.state:
        case ProgressState.PROCESS_LOG:
            rejected = f", {status.rejected} quarantined" if status.rejected else ""
            return f": {status.records} records, {status.delivered} delivered, {status.filtered} filtered{rejected}"
        case ProgressState.POLL_QUEUE:
            return f": {status.messages} messages"
        case ProgressState.DOWNLOAD_LOG:
            return f": {status.size} bytes"
        case ProgressState.VERIFY_LOGS:
            return f": {len(status.findings)} findings"
        case _:
            return ""


def facts(outcome: Outcome) -> dict[str, object]:
    """What a step that ended with this outcome is reported with."""
    match outcome:
        case Processed() | Failed():
            counts: dict[str, object] = {
                "records": outcome.records,
                "delivered": outcome.delivered,
                "filtered": outcome.filtered,
                "rejected": outcome.quarantined,
            }
            return counts | ({"succeeded": False, "error": outcome.error} if isinstance(outcome, Failed) else {})
        case Skipped(_, why) | Ignored(why):
            return {"skipped": why}
        case unreachable:
            assert_never(unreachable)
