"""One sweep over logs that are already there: files on disk, keys in a bucket. The same pipeline, without a queue."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.files import FileStore
from cloudtrail_processing.flow import Failed, LogObject, Outcome, Processed
from cloudtrail_processing.parts import Parts, Processors, aws_options, make_pipeline, processors_of
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import LogStore
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.reading import split_any
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the logs that ``process`` went through.

    ``failed`` has one entry for each log that failed, whose counts are in none of the others, and one without a log for
    each processor whose ``stop`` failed. Its errors come without tracebacks; those are in the log lines.
    """

    logs: int = 0
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    skipped: int = 0
    failed: tuple[Failed, ...] = ()

    def and_then(self, outcome: Outcome) -> "Summary":
        """The summary with one more log's outcome."""
        match outcome:
            case Processed(_, records, delivered, filtered, quarantined):
                return replace(
                    self,
                    logs=self.logs + 1,
                    records=self.records + records,
                    delivered=self.delivered + delivered,
                    filtered=self.filtered + filtered,
                    quarantined=self.quarantined + quarantined,
                )
            case Failed():
                return replace(self, logs=self.logs + 1, failed=(*self.failed, _without_frames(outcome)))
            case _:
                return replace(self, logs=self.logs + 1, skipped=self.skipped + 1)


def process(
    processors: Processors | None,
    logs: Iterable[LogObject],
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    **values: Any,
) -> Summary:
    """Deliver the events of every log to the processors, and say what became of each log.

    ``logs`` may be ``Files([...]).logs()``, ``S3Keys("s3://…").logs()``, or any ``LogObject`` values; it is read as
    needed. Objects in any form that ``read_events`` takes are understood. ``settings.threads`` logs are worked on at
    once; with ``threads=1`` they come in order. A log that fails is in the summary and does not stop the others; so is
    a ``stop`` that fails. ``parts.store`` reads what lies in buckets; files are always read from disk; ``queue``,
    ``pool`` and ``clock`` of the parts are not used. Raises ``SettingsError``, ``ProcessorError`` when a ``start``
    fails, and what ``logs`` itself raises.
    """
    settings = Settings.of(settings, **values)
    parts = parts or Parts()
    chosen = processors_of(processors, settings)
    user_code = UserCode()
    stopped: list[Failed] = []
    with ExitStack() as closing:
        store = FileStore(parts.store or _buckets(settings, parts, closing))
        pipeline = make_pipeline(
            chosen, settings=settings, parts=parts, user_code=user_code, store=store, splitter=split_any
        )
        closing.callback(user_code.close)
        for processor in chosen:
            user_code.call(f"start of {processor.name}", processor.start)
            closing.callback(_stop, processor, user_code, stopped)
        summary = reduce(Summary.and_then, _outcomes(pipeline, logs, threads=settings.threads), Summary())
    return replace(summary, failed=(*summary.failed, *stopped))


def _buckets(settings: Settings, parts: Parts, closing: ExitStack) -> LogStore:
    store = S3Store(aws_options(settings, parts))
    closing.callback(store.close)
    return store


def _stop(processor: EventProcessor, user_code: UserCode, failures: list[Failed]) -> None:
    try:
        user_code.call(f"stop of {processor.name}", processor.stop)
    except CloudTrailProcessingError as error:
        logger.exception("a processor failed to stop")
        failures.append(_without_frames(Failed(None, error)))


def _without_frames(failed: Failed) -> Failed:
    """Tracebacks hold on to every local variable of their frames: a whole inflated log for each failure."""
    for one in (failed, *failed.also):
        error: BaseException | None = one.error
        while error is not None:
            error.__traceback__ = None
            error = error.__cause__ or error.__context__
    return failed


def _outcomes(pipeline: Pipeline, logs: Iterable[LogObject], *, threads: int) -> Iterator[Outcome]:
    """One outcome for each log, in order; never more logs in hand than twice the threads."""
    if threads == 1:
        yield from map(pipeline.process_log, logs)
        return
    waiting: deque[Future[Outcome]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="data-plane") as pool:
        for log in logs:
            waiting.append(pool.submit(pipeline.process_log, log))
            if len(waiting) >= 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
