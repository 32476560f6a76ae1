"""One processor's way through one log: what it wants, what waits for its next batch, how far it came."""

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tenacity

from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.delivery.holding import Hold, Holds, KeepGoing
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.flow import EventBatch, LogObject
from cloudtrail_processing.ports import Checkpoint, SeenEvents
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.retry import napping
from cloudtrail_processing.usercode import OURS, UserCode, guarded


def never_stop() -> None:
    """Let the work go on: for files and tests, where no lease can be lost."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One processor on the stream, and what stands around it.

    ``filter`` None wants every event. With ``checkpoint`` a log is resumed where it was left. ``retry`` is the policy
    by which a batch is given again to a processor that raised. ``seen`` drops events that were delivered before.
    ``namespace`` tells this application from others that use the same checkpoint.
    """

    processor: EventProcessor
    filter: EventFilter | None = None
    checkpoint: Checkpoint | None = None
    retry: tenacity.Retrying | None = None
    seen: SeenEvents | None = None
    namespace: str = ""

    @property
    def name(self) -> str:
        """How errors call this lane."""
        return self.processor.name

    @property
    def key(self) -> str:
        """How checkpoints call it: by namespace, module and name.

        The same however the processor was started: a script is called by its file's name, as if it had been imported.
        Two scripts of one name, with classes of one name, need namespaces.
        """
        module = type(self.processor).__module__
        if module in ("__main__", "__mp_main__"):
            module = Path(getattr(sys.modules[module], "__file__", None) or module).stem
        return (
            f"{self.namespace}/{module}:{self.processor.name}" if self.namespace else f"{module}:{self.processor.name}"
        )


@dataclass(frozen=True, slots=True)
class LaneFailure:
    """Why not all of a log was delivered; ``processor`` is None when the log's own records are the reason."""

    processor: str | None
    error: CloudTrailProcessingError


class LaneRun:
    """One lane's pass over one log."""

    def __init__(self, lane: Lane, *, batch_size: int, user_code: UserCode, keep_going: KeepGoing) -> None:
        self._lane = lane
        self._batch_size = batch_size
        self._user_code = user_code
        self._keep_going = keep_going
        self._hold: Hold | None = None
        self._waiting: list[tuple[int, CloudTrailEvent]] = []
        self.delivered = 0
        self.duplicates = 0
        self.failure: LaneFailure | None = None

    @property
    def has_filter(self) -> bool:
        """True when records may be decided on before they are built."""
        return self._lane.filter is not None

    @property
    def has_checkpoint(self) -> bool:
        """True when it matters to know the log's version before it is read."""
        return self._lane.checkpoint is not None

    @property
    def is_finished(self) -> bool:
        """True when a checkpoint says that the whole log was settled before."""
        return self._hold is not None and self._hold.claim.finished

    @property
    def position(self) -> int:
        """The first record that is not settled yet."""
        return 0 if self._hold is None else self._hold.position

    def may_want(self, log: LogObject) -> bool:
        """False when the filter can tell from the key that it wants nothing of the log."""
        answer: bool | None = None
        with self._failing(f"the filter of processor {self._lane.name}"):
            answer = None if self._lane.filter is None else self._lane.filter.on_log(log)
        return answer is not False

    def claim(self, log: LogObject, holds: Holds) -> None:
        """Claim the log where there is a checkpoint; a claim on another version of it is given up first."""
        self.release(holds)
        if self._lane.checkpoint is None or self.failure:
            return
        try:
            self._hold = holds.take(
                self._lane.checkpoint, log.id, processor=self._lane.key, keep_going=self._keep_going
            )
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)

    def finish(self) -> None:
        """Write down that every record of the log was settled."""
        if self._hold is not None and self.failure is None:
            try:
                self._hold.finish()
            except CloudTrailProcessingError as error:
                self.failure = LaneFailure(self._lane.name, error)

    def release(self, holds: Holds) -> None:
        """Let go of the claim, if there is one."""
        if self._hold is not None:
            holds.end(self._hold)
            self._hold = None

    def candidates(self, window: range, headers: Sequence[Header | None]) -> Mapping[int, bool | None]:
        """Which records may be wanted: True for certain, None when only the whole event can tell."""
        chosen = self._lane.filter
        if chosen is None:
            return dict.fromkeys(window, True)
        answers: dict[int, bool | None] = {}
        with self._failing(f"the filter of processor {self._lane.name}"):
            answers |= {i: chosen.on_header(it) if it else None for i, it in zip(window, headers, strict=True)}
        return {index: answer for index, answer in answers.items() if answer is not False}

    def select(self, events: Mapping[int, CloudTrailEvent], candidates: Mapping[int, bool | None]) -> set[int]:
        """Queue the wanted ones among the built events for delivery; return their indexes.

        What a checkpoint says was delivered before is wanted, but not queued again.
        """
        chosen = self._lane.filter
        wanted: list[tuple[int, CloudTrailEvent]] = []
        with self._failing(f"the filter of processor {self._lane.name}"):
            for index, event in events.items():
                if index in candidates and (candidates[index] or chosen is None or chosen.on_event(event)):
                    wanted.append((index, event))
        settled = self.position
        self._waiting += wanted if settled == 0 else [(index, event) for index, event in wanted if index >= settled]
        return {index for index, _ in wanted}

    def has_batch(self, *, last: bool) -> bool:
        """True when a batch is due: a full one, or whatever waits at the end of the log."""
        return self.failure is None and len(self._waiting) >= (1 if last else self._batch_size)

    def deliver(self, log: LogObject) -> None:
        """Hand the next batch to the processor, and only then write it down; a failure ends this lane's pass."""
        chosen, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
        first, after = chosen[0][0], chosen[-1][0] + 1
        try:
            if self._hold is not None:
                self._hold.check()
            fresh = self._fresh([event for _, event in chosen])
            if fresh:
                self._process(EventBatch(log, tuple(fresh.values()), first_index=first, next_index=after))
            self.delivered += len(fresh)
            self.duplicates += len(chosen) - len(fresh)
            self._write_down(fresh, after)
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)

    def _process(self, batch: EventBatch) -> None:
        what, process = f"processor {self._lane.name}", self._lane.processor.process
        if self._lane.retry is None:
            self._user_code.call(what, process, batch)
        else:
            policy = self._lane.retry.copy(sleep=napping(self._keep_going), reraise=True)
            self._user_code.call_again(policy, what, process, batch)

    def _write_down(self, fresh: Mapping[object, CloudTrailEvent], after: int) -> None:
        """Note what was delivered: the position also when the memory of events fails, or the batch came again."""
        try:
            self._remember(fresh)
        finally:
            if self._hold is not None:
                self._hold.advance(after)

    def _fresh(self, events: Sequence[CloudTrailEvent]) -> dict[object, CloudTrailEvent]:
        """The events that were not delivered before, by what they are remembered by; without memory all of them."""
        if self._lane.seen is None:
            return dict(enumerate(events))
        by_key: dict[object, CloudTrailEvent] = {}
        for place, event in enumerate(events):
            by_key.setdefault(self._key_of(event) or place, event)
        keys = [key for key in by_key if isinstance(key, str)]
        with bookkeeping("the memory of events"):
            unseen = self._user_code.call("the memory of events", self._lane.seen.unseen, keys, passing=OURS)
        return {key: event for key, event in by_key.items() if not isinstance(key, str) or key in unseen}

    def _remember(self, fresh: Mapping[object, CloudTrailEvent]) -> None:
        if self._lane.seen is not None and (keys := [key for key in fresh if isinstance(key, str)]):
            with bookkeeping("the memory of events"):
                self._user_code.call("the memory of events", self._lane.seen.remember, keys, passing=OURS)

    def _key_of(self, event: CloudTrailEvent) -> str | None:
        """Processor, eventID and content: whoever forges a record with a known eventID cannot hide the real one."""
        if not event.event_id:
            return None
        digest = hashlib.blake2b(event.raw, digest_size=16).hexdigest()
        return f"{self._lane.key}/{event.event_id}/{digest}"

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """End this lane's pass when what stands around its processor fails."""
        try:
            with guarded(what):
                yield
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)
