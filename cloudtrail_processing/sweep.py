"""One sweep over logs that are already there: files on disk, keys in a bucket. The same pipeline, without a queue."""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

from cloudtrail_processing.assembly import limits_of, make_pipeline, opened
from cloudtrail_processing.errors import Claimed, Stopped
from cloudtrail_processing.files import FileStore
from cloudtrail_processing.flow import Failed, LogObject, Outcome, Processed
from cloudtrail_processing.parts import Parts, Processors, processors_of
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.ports import KeySource
from cloudtrail_processing.proving import make_digests
from cloudtrail_processing.reading import split_any
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.starting import started
from cloudtrail_processing.usercode import UserCode

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of the logs that ``process`` went through.

    The counts include what was delivered of logs that failed later. ``failed`` has one entry for each log that failed,
    and one without a log for each processor whose ``stop`` failed; its errors come without tracebacks.
    """

    logs: int = 0
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    skipped: int = 0
    duplicates: int = 0
    failed: tuple[Failed, ...] = ()

    def and_then(self, outcome: Outcome) -> "Summary":
        """The summary with one more log's outcome."""
        match outcome:
            case Processed() | Failed():
                failed = (_without_frames(outcome),) if isinstance(outcome, Failed) else ()
                return Summary(
                    logs=self.logs + 1,
                    duplicates=self.duplicates + (outcome.duplicates if isinstance(outcome, Processed) else 0),
                    records=self.records + outcome.records,
                    delivered=self.delivered + outcome.delivered,
                    filtered=self.filtered + outcome.filtered,
                    quarantined=self.quarantined + outcome.quarantined,
                    skipped=self.skipped,
                    failed=self.failed + failed,
                )
            case _:
                return replace(self, logs=self.logs + 1, skipped=self.skipped + 1)


def process(
    processors: Processors | None,
    logs: KeySource | Iterable[LogObject],
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    **values: Any,
) -> Summary:
    """Deliver the events of every log to the processors, and say what became of each log.

    ``logs`` may be ``Files([...])``, ``S3Keys("s3://…")``, or any ``LogObject`` values; it is read as needed. Objects
    in any form that ``read_events`` takes are understood. ``settings.threads`` logs are worked on at once; with
    ``threads=1`` they come in order. A log that fails is in the summary and does not stop the others; so is a ``stop``
    that fails. ``parts.store`` reads what lies in buckets; files are always read from disk; ``queue``, ``pool`` and
    ``clock`` of the parts are not used. Raises ``SettingsError``, ``ProcessorError`` when a ``start`` fails, and what
    ``logs`` itself raises.
    """
    settings = Settings.of(settings, **values)
    chosen = processors_of(processors, settings)
    user_code = UserCode()
    with ExitStack() as closing:
        parts = opened(settings, parts or Parts(), closing=closing)
        parts = replace(parts, store=FileStore(parts.store))
        pipeline = make_pipeline(
            chosen,
            settings=settings,
            parts=parts,
            user_code=user_code,
            closing=closing,
            splitter=split_any,
            digests=make_digests(
                chosen, settings=settings, parts=parts, user_code=user_code, limits=limits_of(settings)
            ),
        )
        closing.callback(user_code.close)
        unstopped = closing.enter_context(started(chosen, user_code))
        found = logs if isinstance(logs, Iterable) else logs.logs()
        summary = reduce(Summary.and_then, _patiently(pipeline, found, threads=settings.threads), Summary())
    return replace(summary, failed=(*summary.failed, *(_without_frames(Failed(None, error)) for error in unstopped)))


def _without_frames(failed: Failed) -> Failed:
    """Tracebacks hold on to every local variable of their frames: a whole inflated log for each failure."""
    for one in (failed, *failed.also):
        error: BaseException | None = one.error
        while error is not None:
            error.__traceback__ = None
            error = error.__cause__ or error.__context__
    return failed


def _patiently(pipeline: Pipeline, logs: Iterable[LogObject], *, threads: int) -> Iterator[Outcome]:
    """One outcome for each log. What another worker has in hand is put off, and tried once more at the end.

    No queue would bring it again: it may be a log that was named twice, or one whose worker has died.
    """
    put_off: list[LogObject] = []
    wait = 0.0
    for outcome in _outcomes(pipeline, logs, threads=threads):
        if isinstance(outcome, Failed) and isinstance(outcome.error, Claimed) and outcome.log:
            put_off.append(outcome.log)
            wait = max(wait, outcome.error.after)
        else:
            yield outcome
    if put_off:
        logger.warning("waiting %.0f s for %d log(s) that another worker has claimed", wait, len(put_off))
        time.sleep(wait)
        yield from _outcomes(pipeline, put_off, threads=threads)


def _outcomes(pipeline: Pipeline, logs: Iterable[LogObject], *, threads: int) -> Iterator[Outcome]:
    """One outcome for each log, in order; never more logs in hand than twice the threads.

    When it is left early, as by Ctrl-C, work in hand ends before its next batch.
    """
    if threads == 1:
        yield from map(pipeline.process_log, logs)
        return
    waiting: deque[Future[Outcome]] = deque()
    leaving = threading.Event()
    work = partial(pipeline.process_log, keep_going=partial(_unless, leaving))
    with ThreadPoolExecutor(threads, thread_name_prefix="data-plane") as pool:
        try:
            for log in logs:
                waiting.append(pool.submit(work, log))
                if len(waiting) >= 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except (KeyboardInterrupt, GeneratorExit):
            leaving.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _unless(leaving: threading.Event) -> None:
    if leaving.is_set():
        raise Stopped("the sweep was left early")
