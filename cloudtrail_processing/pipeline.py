"""One message through every stage, top to bottom. Synchronous, and without any knowledge of AWS.

The same pipeline serves the worker, S3 keys and files on disk. It never raises: what goes wrong becomes an outcome.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from cloudtrail_processing.delivery import Delivered, Delivery, KeepGoing, never_stop
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    Disposition,
    NotificationError,
    ProcessorError,
    Stopped,
    TransientError,
)
from cloudtrail_processing.flow import (
    Failed,
    FetchedLog,
    Handled,
    Ignored,
    LogKind,
    LogObject,
    Notification,
    Outcome,
    Processed,
    QueueMessage,
    Skipped,
)
from cloudtrail_processing.logfile import Limits, Records, inflate, split
from cloudtrail_processing.notification import Parser, parse
from cloudtrail_processing.ports import LogStore
from cloudtrail_processing.processor import ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressReporter, ProgressState
from cloudtrail_processing.retry import in_place
from cloudtrail_processing.settlement import disposition
from cloudtrail_processing.filters.logs import SourceFilter
from cloudtrail_processing.usercode import guarded

logger = logging.getLogger(__name__)

SKIPPED_BY_HANDLER = "an exception handler accepted the loss"


class Pipeline:
    """From a message or a log to outcomes. Holds no state of a message, so that many threads may use one."""

    def __init__(
        self,
        *,
        store: LogStore,
        delivery: Delivery,
        parser: Parser = parse,
        splitter: Callable[[bytes], Records] = split,
        source_filter: SourceFilter | None = None,
        exception_handler: ExceptionHandler | None = None,
        reporter: ProgressReporter | None = None,
        limits: Limits | None = None,
        fetch_attempts: int = 4,
    ) -> None:
        """``splitter`` turns an inflated log into records; ``fetch_attempts`` bounds the retries of one download."""
        self._store = store
        self._delivery = delivery
        self._parser = parser
        self._splitter = splitter
        self._source_filter = source_filter
        self._exception_handler = exception_handler
        self._progress = Progress(reporter or ProgressReporter())
        self._limits = limits or Limits()
        self._fetch_attempts = fetch_attempts

    def handle(self, message: QueueMessage, *, keep_going: KeepGoing = never_stop) -> Handled:
        """Everything one message names, log by log: one log's failure never hides the others.

        ``keep_going`` is called between batches and raises ``Stopped`` or ``LeaseLost`` to end the work.
        """
        try:
            with self._progress.step(ProgressState.PROCESS_SOURCE, message=message) as step:
                handled = self._handle(message, keep_going)
                step.result(succeeded=not any(isinstance(outcome, Failed) for outcome in handled.outcomes))
                return handled
        except Exception as error:  # noqa: BLE001 - a bug of ours must cost neither the message nor the worker
            return Handled(message, 1, (self._uncaught(error, message),))

    def process_log(
        self, log: LogObject, *, message: QueueMessage | None = None, keep_going: KeepGoing = never_stop
    ) -> Outcome:
        """One log: fetched, inflated, split, delivered."""
        return self._process(log, message, lambda: self._read(log, message, keep_going), keep_going)

    def _handle(self, message: QueueMessage, keep_going: KeepGoing) -> Handled:
        match self._parse(message):
            case Notification() as notification:
                outcomes = tuple(self._outcomes(notification, message, keep_going))
                return Handled(message, notification.named, outcomes)
            case Ignored() | Failed() as outcome:
                return Handled(message, 1, (outcome,))
            case unreachable:
                assert_never(unreachable)

    def _outcomes(self, notification: Notification, message: QueueMessage, keep_going: KeepGoing) -> Iterator[Outcome]:
        """Exactly one outcome for each thing the notification names."""
        yield from notification.ignored
        for log in notification.logs:
            yield self.process_log(log, message=message, keep_going=keep_going)
        if notification.inline:
            log = LogObject(bucket="", key=f"message/{message.message_id}", kind=LogKind.EVENTS)
            yield self._process(log, message, lambda: (log, Records.of(notification.inline)), keep_going)

    def _parse(self, message: QueueMessage) -> Notification | Ignored | Failed:
        try:
            with self._progress.step(ProgressState.PARSE_MESSAGE, message=message), guarded("the message parser"):
                parsed = self._parser(message)
                if parsed is None:
                    raise NotificationError("no parser knows this message")
                return parsed
        except CloudTrailProcessingError as error:
            failed = self._failed(Failure(Stage.PARSE, error, message=message))
            return Ignored(SKIPPED_BY_HANDLER) if disposition(failed) is Disposition.SKIP else failed

    def _process(
        self,
        log: LogObject,
        message: QueueMessage | None,
        read: Callable[[], tuple[LogObject, Records]],
        keep_going: KeepGoing,
    ) -> Outcome:
        with self._progress.step(ProgressState.PROCESS_LOG, message=message, log=log) as step:
            outcome = self._filtered(log, message) or self._deliver(log, message, read, keep_going)
            step.result(**_facts(outcome))
        return outcome

    def _filtered(self, log: LogObject, message: QueueMessage | None) -> Outcome | None:
        """Skipped when no filter wants the log, by its key and its message alone; None when it has to be read."""
        try:
            with guarded("a source filter"):
                if self._source_filter is not None and not self._source_filter.accepts(log, message):
                    return Skipped(log, "the source filter does not want it")
                if not self._delivery.wants(log):
                    return Skipped(log, "no processor's filter wants it")
        except CloudTrailProcessingError as error:
            return _combined(log, [self._failed(Failure(Stage.FILTER, error, message=message, log=log))])
        return None

    def _deliver(
        self,
        log: LogObject,
        message: QueueMessage | None,
        read: Callable[[], tuple[LogObject, Records]],
        keep_going: KeepGoing,
    ) -> Outcome:
        stage = Stage.READ
        try:
            keep_going()
            known, records = read()
            stage = Stage.PROCESS
            delivered = self._delivery.run(records, log=known, keep_going=keep_going)
        except CloudTrailProcessingError as error:
            return _combined(log, [self._failed(Failure(stage, error, message=message, log=log))])
        if not delivered.failures:
            return _processed(log, delivered)
        failures = (Failure(Stage.PROCESS, lane.error, message, log, lane.processor) for lane in delivered.failures)
        return _combined(log, [self._failed(failure) for failure in failures])

    def _read(self, log: LogObject, message: QueueMessage | None, keep_going: KeepGoing) -> tuple[LogObject, Records]:
        """The log's records; and the log itself with the version that was really read, so that its id is stable."""
        with self._progress.step(ProgressState.DOWNLOAD_LOG, message=message, log=log) as step:
            retrying = in_place(attempts=self._fetch_attempts, seconds=30, before_attempt=keep_going)
            fetched: FetchedLog = retrying(self._store.fetch, log, limit=self._limits.inflated)
            step.result(size=len(fetched.body))
        known = replace(log, etag=fetched.etag or log.etag, version_id=fetched.version_id or log.version_id)
        return known, self._splitter(inflate(fetched.body, limits=self._limits))

    def tell(self, failure: Failure) -> None:
        """Tell the exception handler of a failure that concerns no message, such as a failed poll."""
        self._failed(failure)

    def _failed(self, failure: Failure) -> Failed:
        """Tell the exception handler, and note what it chose."""
        logger.log(_level(failure.error), "%s", _story(failure), exc_info=failure.error.__cause__)
        if self._exception_handler is None:
            return Failed(failure.log, failure.error)
        try:
            with guarded("the exception handler"):
                chosen = self._exception_handler.handle(failure)
                return Failed(failure.log, failure.error, chosen=None if chosen is None else Disposition(chosen))
        except CloudTrailProcessingError:
            logger.exception("the exception handler failed; the error's own disposition applies")
            return Failed(failure.log, failure.error)

    def _uncaught(self, error: Exception, message: QueueMessage) -> Failed:
        """A bug of ours: reported, and the message is kept."""
        surprise = TransientError(
            f"message {message.message_id} met a bug: {type(error).__name__}; the message is kept"
        )
        surprise.__cause__ = error
        with self._progress.step(ProgressState.UNCAUGHT_EXCEPTION, message=message) as step:
            step.result(succeeded=False, error=error)
        return self._failed(Failure(Stage.PROCESS, surprise, message=message))


def _combined(log: LogObject, failures: Sequence[Failed]) -> Outcome:
    """One outcome for one log: skipped when a handler accepted every loss, else failed with all that remains."""
    remaining = [failed for failed in failures if disposition(failed) is not Disposition.SKIP]
    if not remaining:
        return Skipped(log, SKIPPED_BY_HANDLER)
    return replace(remaining[0], also=tuple(remaining[1:]))


def _processed(log: LogObject, delivered: Delivered) -> Processed:
    return Processed(
        log,
        records=delivered.records,
        delivered=delivered.delivered,
        filtered=delivered.filtered,
        quarantined=delivered.rejected,
    )


def _facts(outcome: Outcome) -> dict[str, object]:
    match outcome:
        case Processed(_, records, delivered, filtered, quarantined):
            return {"records": records, "delivered": delivered, "filtered": filtered, "rejected": quarantined}
        case Skipped(_, why) | Ignored(why):
            return {"skipped": why}
        case Failed(_, error):
            return {"succeeded": False, "error": error}
        case unreachable:
            assert_never(unreachable)


def _level(error: CloudTrailProcessingError) -> int:
    if isinstance(error, Stopped):
        return logging.INFO
    return logging.ERROR if isinstance(error, ProcessorError) else logging.WARNING


def _story(failure: Failure) -> str:
    """What failed, where, and what it was: one line for whoever is awake."""
    message = f" of message {failure.message.message_id}" if failure.message else ""
    where = f" {failure.log.uri}" if failure.log else ""
    return f"stage {failure.stage}{where}{message}: {type(failure.error).__name__}: {failure.error}"
