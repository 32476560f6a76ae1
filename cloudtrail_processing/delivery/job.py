"""One log through all lanes: claimed, decoded window by window, delivered, written down."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, cast

from cloudtrail_processing.building import build
from cloudtrail_processing.delivery.holding import Holds, KeepGoing
from cloudtrail_processing.delivery.lane import Lane, LaneFailure, never_stop
from cloudtrail_processing.delivery.rejects import Rejects
from cloudtrail_processing.delivery.run import LaneRun
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.header import decode_header
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records
from cloudtrail_processing.ports import Quarantine
from cloudtrail_processing.turns import Turns
from cloudtrail_processing.usercode import UserCode

_SMALL = 2**18
"""Inflated bytes that are read before Python would let another thread go on."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass over a log came to. Without failures every record is delivered, filtered or rejected.

    ``delivered`` events were taken by at least one processor in this pass; after a failure, by the processor that took
    most. ``duplicates`` were dropped, as they had been delivered as parts of other logs.
    """

    records: int
    delivered: int
    filtered: int
    rejected: int
    failures: tuple[LaneFailure, ...]
    duplicates: int = 0


class Delivery:
    """Delivers logs to lanes. Holds no state of a log, so that many threads may use one."""

    def __init__(
        self,
        lanes: Sequence[Lane],
        *,
        user_code: UserCode,
        batch_size: int = 100,
        quarantine: Quarantine | None = None,
        holds: Holds | None = None,
    ) -> None:
        """``batch_size`` events at most are handed out in one call."""
        self.lanes = tuple(lanes)
        self.user_code = user_code
        self.batch_size = batch_size
        self.quarantine = quarantine
        self.holds = holds or Holds()
        self.turns = Turns()

    def begin(self, log: LogObject, *, keep_going: KeepGoing = never_stop) -> "Job":
        """Open the work on one log; ``end`` it, whatever happens."""
        return Job(self, log, keep_going)


class Job:
    """The work on one log, by one thread."""

    def __init__(self, delivery: Delivery, log: LogObject, keep_going: KeepGoing) -> None:
        self._delivery = delivery
        self._keep_going = keep_going
        self._runs = [
            LaneRun(lane, batch_size=delivery.batch_size, user_code=delivery.user_code, keep_going=keep_going)
            for lane in delivery.lanes
        ]
        # A filter that fails cannot tell: its failure is told in the end, with the name of its processor.
        self._runs = [run for run in self._runs if run.may_want(log)]
        self.log = log
        self._turn = delivery.turns.join()
        self.turn: AbstractContextManager[None] = self._turn
        """To be held by whoever parses anything of this log, and never around a filter or a processor."""

    @property
    def is_wanted(self) -> bool:
        """False when every lane's filter can tell from the key alone that it wants nothing of the log."""
        return bool(self._runs)

    @property
    def has_checkpoint(self) -> bool:
        """True when it matters to know the log's version before it is read."""
        return any(run.has_checkpoint for run in self._runs)

    @property
    def is_settled(self) -> bool:
        """True when checkpoints say of every lane that it has had the whole log."""
        return all(run.is_finished for run in self._runs)

    @property
    def failures(self) -> tuple[LaneFailure, ...]:
        """Of the lanes; when there is one of each that is not finished, the log need not be read."""
        return tuple(run.failure for run in self._runs if run.failure)

    @property
    def is_needed(self) -> bool:
        """True when a lane is left that can take events."""
        return bool(self._active())

    def claim(self, log: LogObject) -> None:
        """Claim the log as it is now known, for every lane with a checkpoint; may be repeated for another version."""
        self.log = log
        for run in self._runs:
            run.claim(log, self._delivery.holds)

    def become(self, log: LogObject) -> None:
        """Go on with what was really read: another version than the one claimed has a history of its own."""
        if log.id != self.log.id:
            self.claim(log)
        self.log = log

    def expect(self, size: int) -> None:
        """The log inflates to so many bytes: a small one need not wait for its turn."""
        if size <= _SMALL:
            self.turn = nullcontext()

    def end(self) -> None:
        """Let go of every claim, and of the turn. May be repeated."""
        self._turn.end()
        for run in self._runs:
            run.release(self._delivery.holds)

    def run(self, records: Records) -> Delivered:
        """Hand every wanted event to every lane, in the order of the file; complain of bad records only after that.

        A lane that fails gets no more of this log, the others go on. What ``keep_going`` raises ends the pass. All of
        that, and a quarantine that fails, is in ``failures``; nothing is raised. Records that were delivered before are
        looked at again, too: a bad one among them must not be forgotten when the log is resumed.
        """
        if not self._runs:
            return Delivered(len(records), 0, len(records), 0, ())
        rejects = Rejects(self._delivery.quarantine, self._delivery.user_code)
        filtered = resumed = 0
        interruption: list[LaneFailure] = []
        try:
            for window in self._windows(records):
                active = self._active()
                if not active:
                    break
                self._keep_going()
                settled = min((run.position for run in active), default=0)
                rejected, kept = self._decode(records, window, runs=active)
                rejects.take(rejected)
                filtered += window.stop - window.start - len(rejected) - len(kept)
                resumed += sum(index < settled for index in kept) if window.start < settled else 0
                self._flush(active, last=window.stop == len(records))
        except CloudTrailProcessingError as error:
            interruption = [LaneFailure(None, error)]
        others = (*interruption, *rejects.failures(to_the_end=not interruption))
        if not others:
            for run in self._active():
                run.finish()
        failures = (*self.failures, *others)
        duplicates = min((run.duplicates for run in self._runs), default=0)
        wanted = len(records) - filtered - rejects.count - resumed - duplicates
        delivered = max((run.delivered for run in self._runs), default=0) if failures else wanted
        return Delivered(len(records), delivered, filtered, rejects.count, failures, duplicates)

    def _active(self) -> list[LaneRun]:
        return [run for run in self._runs if run.failure is None and not run.is_finished]

    def _windows(self, records: Records) -> Iterator["_Window"]:
        """The records that any lane may want, so many at a time as a batch has."""
        chosen = [run.begin(records) for run in self._active()]
        count, size = len(records), self._delivery.batch_size
        wanted = _together(chosen)
        start = 0
        for first in range(0, len(wanted), size):
            indexes = wanted[first : first + size]
            stop = count if first + size >= len(wanted) else indexes[-1] + 1
            yield _Window(start, stop, indexes)
            start = stop
        if start < count:
            yield _Window(start, count, ())

    def _decode(
        self, records: Records, window: "_Window", *, runs: Sequence[LaneRun]
    ) -> tuple[list[RejectedRecord], Collection[int]]:
        """Build what any lane needs, let each lane select; returns the bad records and which ones a lane wants.

        Filters may be user code, so they run outside the decode slot.
        """
        indexes = window.indexes
        needs_headers = any(run.has_filter for run in runs)
        with self.turn if needs_headers else nullcontext():
            headers = list(map(decode_header, records.raws(indexes))) if needs_headers else []
        answers = [run.answers(indexes, headers) for run in runs]
        needed = _together([run.needed(indexes, it) for run, it in zip(runs, answers, strict=True)])
        with self.turn:
            built = list(build(records, log=self.log, indexes=needed))
        bad, events = _told_apart(needed, built)
        wanted = [run.select(indexes, it, events) for run, it in zip(runs, answers, strict=True)]
        with self.turn:
            for run, chosen in zip(runs, wanted, strict=True):
                bad |= run.take(chosen, events, log=self.log)
        kept = _together(wanted)
        return [bad[index] for index in sorted(bad)], set(kept).difference(bad) if bad else kept

    def _flush(self, runs: Sequence[LaneRun], *, last: bool) -> None:
        for run in runs:
            while run.has_batch(last=last):
                self._keep_going()
                run.deliver(self.log)


class _Window(NamedTuple):
    """A stretch of the records, from ``start`` to before ``stop``; those of ``indexes`` have to be looked at."""

    start: int
    stop: int
    indexes: Sequence[int]


def _told_apart(
    indexes: Sequence[int], built: Sequence[CloudTrailEvent | RejectedRecord]
) -> tuple[dict[int, RejectedRecord], dict[int, CloudTrailEvent]]:
    """The bad records, of which there are hardly ever any, and the events."""
    if RejectedRecord not in set(map(type, built)):
        return {}, dict(zip(indexes, cast("Sequence[CloudTrailEvent]", built), strict=True))
    pairs = list(zip(indexes, built, strict=True))
    bad = {index: it for index, it in pairs if isinstance(it, RejectedRecord)}
    return bad, {index: it for index, it in pairs if isinstance(it, CloudTrailEvent)}


def _together(chosen: Sequence[Sequence[int]]) -> Sequence[int]:
    """All indexes that are in one of these, in order."""
    return chosen[0] if len(chosen) == 1 else sorted(set().union(*chosen))
