"""One message through every stage, top to bottom. Synchronous, and without any knowledge of AWS.

The same pipeline serves the worker, S3 keys and files on disk. It never raises: what goes wrong becomes an outcome.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.budget import Budget, Room
from cloudtrail_processing.delivery import Delivered, Delivery, Job, KeepGoing, LaneFailure, never_stop
from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    Disposition,
)
from cloudtrail_processing.failures import SKIPPED_BY_HANDLER, SURPRISES, Failures, MissingLogs
from cloudtrail_processing.filters.logs import SourceFilter
from cloudtrail_processing.flow import (
    Failed,
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
from cloudtrail_processing.inhand import LogInHand, checked, stage_of
from cloudtrail_processing.logfile import Limits, Records, inflated_size, split
from cloudtrail_processing.notification import Parser, parse
from cloudtrail_processing.ports import LogStore
from cloudtrail_processing.processor import ExceptionHandler, Failure, Stage
from cloudtrail_processing.progress import Progress, ProgressReporter, ProgressState, facts
from cloudtrail_processing.retry import is_worth_another_try
from cloudtrail_processing.settlement import disposition
from cloudtrail_processing.source import Source, as_read
from cloudtrail_processing.usercode import OURS, guarded
from cloudtrail_processing.verification import Digests, Proof
from cloudtrail_processing.wanted import Wanted

logger = logging.getLogger(__name__)


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
        allowed: Allowed | None = None,
        missing_logs: MissingLogs | None = None,
        limits: Limits | None = None,
        budget: Budget | None = None,
        blocked: Callable[[str], CloudTrailProcessingError | None] = lambda _: None,
        digests: Digests | None = None,
        fetch_attempts: int = 4,
        fetch_time: float = 30,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """``splitter`` turns an inflated log into records; ``budget`` bounds how much is inflated at once.

        ``blocked`` is asked before each log for the reason why nothing should be asked of its bucket now. ``digests``
        proves logs; without, digests are ignored.
        ``fetch_attempts`` and ``fetch_time`` (seconds) bound the tries of one download, between which the thread rests
        by ``pause(seconds)``.
        """
        self._delivery = delivery
        self._parser = parser
        self._source_filter = source_filter
        self._allowed = allowed
        self._budget = budget
        self._blocked = blocked
        self._digests = digests
        self._wanted = Wanted(delivery, allowed=allowed, source_filter=source_filter)
        self._progress = Progress(ProgressReporter() if reporter is None else reporter)
        self._failures = Failures(exception_handler, progress=self._progress, missing_logs=missing_logs)
        self._source = Source(
            store,
            progress=self._progress,
            splitter=splitter,
            limits=limits,
            attempts=fetch_attempts,
            seconds=fetch_time,
            pause=pause,
        )

    def handle(self, message: QueueMessage, *, keep_going: KeepGoing = never_stop) -> Handled:
        """Everything one message names, log by log: one log's failure never hides the others.

        ``keep_going`` is called before each download and between batches, and raises ``Stopped`` or ``LeaseLost`` to
        end the work.
        """
        try:
            with self._progress.step(ProgressState.PROCESS_SOURCE, message=message) as step:
                handled = self._handle(message, keep_going)
                errors = [outcome.error for outcome in handled.outcomes if isinstance(outcome, Failed)]
                step.result(succeeded=not errors, error=errors[0] if errors else None)
                return handled
        except SURPRISES as error:  # a bug must cost neither the message nor the worker
            return Handled(message, 1, (self._failures.uncaught(error, message=message),))

    def process_log(
        self, log: LogObject, *, message: QueueMessage | None = None, keep_going: KeepGoing = never_stop
    ) -> Outcome:
        """One log: fetched, inflated, split, delivered; or a digest, where logs are proven: settled."""
        return self._process(LogInHand(log, message, keep_going))

    def probe(self, log: LogObject, *, keep_going: KeepGoing = never_stop) -> CloudTrailProcessingError | None:
        """Try what a log needs, and deliver nothing: its claim and its download. None when both went well.

        A log that is gone or corrupt went well: whoever can say so has been let in.
        """
        job = self._delivery.begin(log, keep_going=keep_going)
        try:
            job.claim(self._source.identify(log, keep_going=keep_going))
            with Room(self._budget, keep_going) as room:
                self._source.fetch(log, room=room, keep_going=keep_going)
            errors = [failure.error for failure in job.failures]
        except CloudTrailProcessingError as error:
            errors = [*(failure.error for failure in job.failures), error]
        finally:
            job.end()
        return next((it for it in errors if isinstance(it, ConfigurationError) or is_worth_another_try(it)), None)

    def tell(self, failure: Failure) -> None:
        """Tell the exception handler of a failure that concerns no message, such as a failed poll."""
        self._failures.tell(failure)

    # ── a message ──

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
        for ignored in notification.ignored:
            if ignored.digest is not None and self._digests is not None:
                yield self._process(LogInHand(ignored.digest, message, keep_going))
                continue
            logger.info("message %s: ignored: %s", message.message_id, ignored.why)
            yield ignored
        for log in notification.logs:
            yield self._process(LogInHand(log, message, keep_going))
        if notification.inline:
            log = LogObject(bucket="", key=f"message/{message.message_id}", kind=LogKind.EVENTS)
            yield self._process(LogInHand(log, message, keep_going, notification.inline))

    def _parse(self, message: QueueMessage) -> Notification | Ignored | Failed:
        try:
            with (
                self._progress.step(ProgressState.PARSE_MESSAGE, message=message),
                guarded("the message parser", passing=OURS),
            ):
                return checked(self._parser(message))
        except CloudTrailProcessingError as error:
            failed = self._failures.tell(Failure(Stage.PARSE, error, message=message))
            if disposition(failed) is not Disposition.SKIP:
                return failed
            logger.warning("message %s is given up: %s", message.message_id, SKIPPED_BY_HANDLER)
            return Ignored(SKIPPED_BY_HANDLER)

    # ── a log ──

    def _process(self, work: LogInHand) -> Outcome:
        digests = self._digests if work.log.kind is LogKind.DIGEST else None
        state = ProgressState.VERIFY_LOGS if digests else ProgressState.PROCESS_LOG
        try:
            with self._progress.step(state, message=work.message, log=work.log) as step:
                outcome = self._refused(work) or (
                    self._settled(work, digests) if digests else self._filtered(work) or self._work_through(work)
                )
                step.result(**facts(outcome))
                return outcome
        except SURPRISES as error:  # a bug must not cost the message's other logs
            return self._failures.uncaught(error, message=work.message, log=work.log)

    def _refused(self, work: LogInHand) -> Outcome | None:
        """Failed when the operator did not allow it: before any filter, as a skipped log would let its message go."""
        try:
            if self._allowed is not None:
                self._allowed.check(work.log, inline=work.inline)
        except CloudTrailProcessingError as error:
            return self._failures.of_log(work.log, [work.failure(Stage.FILTER, error)])
        return None

    def _filtered(self, work: LogInHand) -> Outcome | None:
        """Skipped when the source filter does not want it, by its key and its message alone."""
        try:
            with guarded("a source filter"):
                if self._source_filter is not None and not self._source_filter.accepts(work.log, work.message):
                    return Skipped(work.log, "the source filter does not want it")
        except CloudTrailProcessingError as error:
            return self._failures.of_log(work.log, [work.failure(Stage.FILTER, error)])
        return None

    def _settled(self, work: LogInHand, digests: Digests) -> Outcome:
        """Skipped when the digest is settled: its findings are told and written."""
        try:
            self._check_bucket(work.log)
            with Room(self._budget, work.keep_going) as room:
                fetch = partial(self._source.fetch, work.log, room=room, keep_going=work.keep_going)
                why = digests.settle(work.log, fetch=fetch, wanted=self._wanted, keep_going=work.keep_going)
            return Skipped(work.log, why)
        except CloudTrailProcessingError as error:
            return self._failures.of_log(work.log, [work.failure(Stage.FETCH, error)])

    def _work_through(self, work: LogInHand) -> Outcome:
        job = self._delivery.begin(work.log, keep_going=work.keep_going)
        if not job.is_wanted:
            return Skipped(work.log, "no processor's filter wants it")
        try:
            work.keep_going()
            proof = self._digests.proof(work.log, work.message, work.keep_going) if self._digests else None
            is_asked = self._claim(work, job)
            if job.is_settled:
                return Skipped(work.log, "it was delivered before, says the checkpoint")
            if not job.is_needed:
                return self._failed(work, job.failures)
            with Room(self._budget, work.keep_going) as room:
                return self._deliver(work, job, room, proof=proof, is_asked=is_asked)
        except CloudTrailProcessingError as error:
            return self._failures.of_log(work.log, [work.failure(Stage.FETCH, error)])
        finally:
            job.end()

    def _claim(self, work: LogInHand, job: Job) -> bool:
        """Claim the log for every processor with a checkpoint; True when its bucket was asked which version it is.

        Whether the bucket is left alone is found out once, right before it is asked for anything.
        """
        if not job.has_checkpoint:
            return False
        if work.inline or work.log.version:
            job.claim(work.log)
            return False
        self._check_bucket(work.log)
        job.claim(self._source.identify(work.log, keep_going=work.keep_going))
        return True

    def _check_bucket(self, log: LogObject) -> None:
        if log.bucket and (error := self._blocked(log.bucket)):
            raise error

    def _deliver(self, work: LogInHand, job: Job, room: Room, *, proof: Proof | None, is_asked: bool) -> Outcome:
        if work.inline:
            return self._told(work, job.run(Records.of(work.inline)))
        if not is_asked:
            self._check_bucket(work.log)
        fetch = partial(self._source.fetch, work.log, room=room, message=work.message, keep_going=work.keep_going)
        fetched = fetch()
        job.become(as_read(job.log, fetched))
        if job.is_settled:
            return Skipped(work.log, "it was delivered before, says the checkpoint")
        room.hold(size := inflated_size(fetched.body, limits=self._source.limits))
        job.expect(size)
        try:
            records = self._source.records(fetched, log=job.log, again=fetch, turn=job.turn, proof=proof)
        except CloudTrailProcessingError as error:
            return self._failures.of_log(work.log, [work.failure(Stage.READ, error)])
        return self._told(work, job.run(records))

    def _told(self, work: LogInHand, delivered: Delivered) -> Outcome:
        counts: dict[str, Any] = {
            "records": delivered.records,
            "delivered": delivered.delivered,
            "filtered": delivered.filtered,
            "quarantined": delivered.rejected,
        }
        if not delivered.failures:
            return Processed(work.log, **counts, duplicates=delivered.duplicates)
        outcome = self._failed(work, delivered.failures)
        return replace(outcome, **counts) if isinstance(outcome, Failed) else outcome

    def _failed(self, work: LogInHand, failures: Sequence[LaneFailure]) -> Outcome:
        told = [work.failure(stage_of(it.error), it.error, processor=it.processor) for it in failures]
        return self._failures.of_log(work.log, told)
