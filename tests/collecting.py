"""Processors and reporters that remember what they were told, for the tests of everything that delivers."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import Disposition
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters import EventFilter, Header
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler, Failure
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus


class Collecting(EventProcessor):
    """Keeps every batch; raises the next of ``errors`` instead, where it is not None."""

    def __init__(self, *errors: BaseException | None, wants: Any = None) -> None:
        self.batches: list[EventBatch] = []
        self.calls = 0
        self.filter = wants
        self._errors = iter(errors)

    def process(self, batch: EventBatch) -> None:
        self.calls += 1
        if error := next(self._errors, None):
            raise error
        self.batches.append(batch)

    @property
    def ids(self) -> list[str | None]:
        """The ids of all events, in the order of delivery."""
        return [event.event_id for batch in self.batches for event in batch]


class Sink(Collecting):
    """The same under another name."""


class AsyncCollecting(Collecting):
    """The same, as a coroutine."""

    async def process(self, batch: EventBatch) -> None:  # type: ignore[override]
        super().process(batch)


class Filter(EventFilter):
    """Answers by functions, and counts the questions."""

    def __init__(
        self,
        *,
        log: Callable[[LogObject], bool | None] = lambda _: None,
        header: Callable[[Header], bool | None] = lambda _: None,
        event: Callable[[CloudTrailEvent], bool] = lambda _: True,
    ) -> None:
        self._log, self._header, self._event = log, header, event
        self.asked: list[str] = []

    def on_log(self, log: LogObject) -> bool | None:
        self.asked.append("log")
        return self._log(log)

    def on_header(self, header: Header) -> bool | None:
        self.asked.append("header")
        return self._header(header)

    def on_event(self, event: CloudTrailEvent) -> bool:
        self.asked.append("event")
        return self._event(event)


class Keeping:
    """A quarantine in memory that raises the next of ``errors`` instead, where it is not None."""

    def __init__(self, *errors: BaseException | None) -> None:
        self.kept: list[RejectedRecord] = []
        self._errors = iter(errors)

    def keep(self, records: Sequence[RejectedRecord]) -> None:
        if error := next(self._errors, None):
            raise error
        self.kept += records


class Handler(ExceptionHandler):
    """Keeps every failure, and answers with ``answer``."""

    def __init__(self, answer: Callable[[Failure], Any] = lambda _: None) -> None:
        self.failures: list[Failure] = []
        self._answer = answer

    def handle(self, failure: Failure) -> Disposition | None:
        self.failures.append(failure)
        answer: Disposition | None = self._answer(failure)
        return answer


class Reporter(ProgressReporter):
    """Keeps all statuses; proves that every start has one end, with its own token."""

    def __init__(self) -> None:
        self.open: dict[object, ProgressState] = {}
        self.ends: list[ProgressStatus] = []

    def report_start(self, status: ProgressStatus) -> object:
        token = object()
        self.open[token] = status.state
        return token

    def report_end(self, status: ProgressStatus, token: object) -> None:
        assert self.open.pop(token) is status.state
        self.ends.append(status)

    def of(self, state: ProgressState) -> list[ProgressStatus]:
        """How the steps of one kind ended."""
        return [status for status in self.ends if status.state is state]


def record(number: int, **fields: Any) -> dict[str, Any]:
    """A small management event; its eventID is ``id-<number>``."""
    return {"eventVersion": "1.08", "eventID": f"id-{number}", "eventType": "AwsApiCall", **fields}


def log_body(records: Iterable[object]) -> bytes:
    """A plain log with the records; ``bytes`` stand in it as they are."""
    raws = (raw if isinstance(raw, bytes) else json.dumps(raw, separators=(",", ":")).encode() for raw in records)
    return b'{"Records":[' + b",".join(raws) + b"]}"


def ids(numbers: Iterable[int]) -> list[str]:
    return [f"id-{number}" for number in numbers]


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what caused it."""
    while error is not None:
        yield error
        error = error.__cause__
