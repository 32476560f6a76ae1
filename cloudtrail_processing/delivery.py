"""The records of one log → batches → processors: filtered cheaply, built once, delivered lane by lane."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from cloudtrail_processing.errors import CloudTrailProcessingError, RejectedRecords
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.filters.header import Header, decode_header
from cloudtrail_processing.flow import EventBatch, LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records, build
from cloudtrail_processing.ports import Quarantine
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.usercode import UserCode, guarded

KeepGoing = Callable[[], None]
"""Raises ``Stopped`` or ``LeaseLost`` when work on a message must end; called before each download and each batch."""


def never_stop() -> None:
    """Let the work go on: for files and tests, where no lease can be lost."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One processor on the stream and the filter in front of it; ``filter`` None wants every event."""

    processor: EventProcessor
    filter: EventFilter | None = None

    @property
    def name(self) -> str:
        """How errors call this lane."""
        return self.processor.name


@dataclass(frozen=True, slots=True)
class LaneFailure:
    """Why not all of a log was delivered; ``processor`` is None when the log's own records are the reason."""

    processor: str | None
    error: CloudTrailProcessingError


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass over a log came to. Without failures every record is delivered, filtered or rejected.

    ``delivered`` events were taken by at least one processor; after a failure, by the processor that took most.
    """

    records: int
    delivered: int
    filtered: int
    rejected: int
    failures: tuple[LaneFailure, ...]


class Delivery:
    """Delivers logs to lanes. Holds no state of a log, so that many threads may use one."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        user_code: UserCode,
        batch_size: int = 100,
        quarantine: Quarantine | None = None,
        decode_slot: AbstractContextManager[object] | None = None,
    ) -> None:
        """``decode_slot`` lets one thread decode at a time; more would only fight for the interpreter."""
        self.lanes = tuple(lanes)
        self._user_code = user_code
        self._batch_size = batch_size
        self._quarantine = quarantine
        self._decode_slot = threading.Lock() if decode_slot is None else decode_slot

    def wants(self, log: LogObject) -> bool:
        """False when every lane's filter can tell from the key alone that it wants nothing of the log.

        A filter that fails cannot tell: its failure is told by ``run``, with the name of its processor.
        """
        return any(run.may_want() for run in self._runs(log))

    def run(self, records: Records, *, log: LogObject, keep_going: KeepGoing = never_stop) -> Delivered:
        """Hand every wanted event to every lane, in the order of the file; complain of bad records only after that.

        A lane that fails gets no more of this log, the others go on. What ``keep_going`` raises ends the pass. All of
        that, and a quarantine that fails, is in ``failures``; nothing is raised.
        """
        runs = [run for run in self._runs(log) if run.may_want()]
        rejects = _Rejects(self._quarantine, self._user_code)
        filtered = 0
        interruption: list[LaneFailure] = []
        try:
            for window in _windows(len(records), self._batch_size):
                active = [run for run in runs if run.failure is None]
                if runs and not active:
                    break
                keep_going()
                rejected, unwanted = self._decode(records, window, log=log, runs=active)
                rejects.take(rejected)
                filtered += unwanted
                self._flush(active, keep_going=keep_going, last=window.stop == len(records))
        except CloudTrailProcessingError as error:
            interruption = [LaneFailure(None, error)]
        lanes = [run.failure for run in runs if run.failure]
        failures = (*lanes, *interruption, *rejects.failures(to_the_end=not interruption))
        wanted = len(records) - filtered - rejects.count
        delivered = max((run.delivered for run in runs), default=0) if failures else wanted
        return Delivered(len(records), delivered, filtered, rejects.count, failures)

    def _runs(self, log: LogObject) -> "list[_LaneRun]":
        return [_LaneRun(lane, log=log, batch_size=self._batch_size) for lane in self.lanes]

    def _decode(
        self, records: Records, window: range, *, log: LogObject, runs: Sequence["_LaneRun"]
    ) -> tuple[list[RejectedRecord], int]:
        """Build what any lane may want, let each lane select; returns the bad records and how many nobody wanted.

        Filters may be user code, so they run outside the decode slot.
        """
        with self._decode_slot:
            needs_headers = any(run.has_filter for run in runs)
            headers = [decode_header(records.raw(index)) for index in window] if needs_headers else []
        candidates = [run.candidates(window, headers) for run in runs]
        indexes = sorted(set().union(*candidates))
        with self._decode_slot:
            built = dict(zip(indexes, build(records, log=log, indexes=indexes), strict=True))
        events = {index: event for index, event in built.items() if isinstance(event, CloudTrailEvent)}
        rejected = [record for record in built.values() if isinstance(record, RejectedRecord)]
        kept = set().union(*(run.select(events, wanted) for run, wanted in zip(runs, candidates, strict=True)))
        return rejected, len(window) - len(rejected) - len(kept)

    def _flush(self, runs: Sequence["_LaneRun"], *, keep_going: KeepGoing, last: bool) -> None:
        for run in runs:
            while run.has_batch(last=last):
                keep_going()
                run.deliver(self._user_code)


class _LaneRun:
    """One lane's pass over one log: what it wants, what waits for the next batch, whether it failed."""

    def __init__(self, lane: Lane, *, log: LogObject, batch_size: int) -> None:
        self._lane = lane
        self._log = log
        self._batch_size = batch_size
        self._waiting: list[tuple[int, CloudTrailEvent]] = []
        self.delivered = 0
        self.failure: LaneFailure | None = None

    @property
    def has_filter(self) -> bool:
        return self._lane.filter is not None

    def may_want(self) -> bool:
        """False when the filter can tell from the key that it wants nothing of the log."""
        answer: bool | None = None
        with self._guarded_filter():
            answer = None if self._lane.filter is None else self._lane.filter.on_log(self._log)
        return answer is not False

    def candidates(self, window: range, headers: Sequence[Header | None]) -> Mapping[int, bool | None]:
        """Which records may be wanted: True for certain, None when only the whole event can tell."""
        chosen = self._lane.filter
        if chosen is None:
            return dict.fromkeys(window, True)
        answers: dict[int, bool | None] = {}
        with self._guarded_filter():
            answers |= {i: chosen.on_header(it) if it else None for i, it in zip(window, headers, strict=True)}
        return {index: answer for index, answer in answers.items() if answer is not False}

    def select(self, events: Mapping[int, CloudTrailEvent], candidates: Mapping[int, bool | None]) -> set[int]:
        """Queue the wanted ones among the built events for delivery; return their indexes."""
        chosen = self._lane.filter
        wanted: list[tuple[int, CloudTrailEvent]] = []
        with self._guarded_filter():
            for index, event in events.items():
                if index in candidates and (candidates[index] or chosen is None or chosen.on_event(event)):
                    wanted.append((index, event))
        self._waiting += wanted
        return {index for index, _ in wanted}

    def has_batch(self, *, last: bool) -> bool:
        """True when a batch is due: a full one, or whatever waits at the end of the log."""
        return self.failure is None and len(self._waiting) >= (1 if last else self._batch_size)

    def deliver(self, user_code: UserCode) -> None:
        """Hand the next batch to the processor; a failure ends this lane's pass."""
        chosen, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
        events = tuple(event for _, event in chosen)
        batch = EventBatch(self._log, events, first_index=chosen[0][0], next_index=chosen[-1][0] + 1)
        try:
            user_code.call(f"processor {self._lane.name}", self._lane.processor.process, batch)
            self.delivered += len(batch)
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)

    @contextmanager
    def _guarded_filter(self) -> Iterator[None]:
        """End this lane's pass when its filter fails."""
        try:
            with guarded(f"the filter of processor {self._lane.name}"):
                yield
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)


class _Rejects:
    """The bad records of one log: kept in the quarantine window by window, or counted to fail the log at its end."""

    def __init__(self, quarantine: Quarantine | None, user_code: UserCode) -> None:
        self._quarantine = quarantine
        self._user_code = user_code
        self._first: RejectedRecord | None = None
        self._error: CloudTrailProcessingError | None = None
        self.count = 0

    def take(self, rejected: Sequence[RejectedRecord]) -> None:
        """Keep them now; a quarantine that has failed is not asked again for this log."""
        if not rejected:
            return
        self.count += len(rejected)
        self._first = self._first or rejected[0]
        if self._quarantine is None or self._error:
            return
        try:
            self._user_code.call("the quarantine", self._quarantine.keep, rejected)
        except CloudTrailProcessingError as error:
            self._error = error

    def failures(self, *, to_the_end: bool) -> tuple[LaneFailure, ...]:
        """Without a quarantine, bad records fail the log, so that its message stays and nothing is silently dropped."""
        if self._error is not None:
            return (LaneFailure(None, self._error),)
        if self._first is None or self._quarantine is not None or not to_the_end:
            return ()
        text = (
            f"{self.count} bad record(s) in {self._first.log.uri}, the first at index {self._first.index}: "
            f"{self._first.error}; the good ones were not held up; a quarantine (Parts.quarantine) would keep bad ones"
        )
        return (LaneFailure(None, RejectedRecords(text)),)


def _windows(count: int, size: int) -> Iterator[range]:
    return (range(start, min(start + size, count)) for start in range(0, count, size))
