"""One processor's way through one log: what it wants, what waits for its next batch, how far it came."""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.delivery.holding import Hold, Holds, KeepGoing
from cloudtrail_processing.delivery.lane import Lane, LaneFailure
from cloudtrail_processing.delivery.model import Read
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records
from cloudtrail_processing.retry import napping
from cloudtrail_processing.usercode import OURS, UserCode, guarded

Answers = Mapping[int, bool | None]
"""What a filter says of records by their headers: True, False, or None when only the whole event can tell."""

_Waiting = tuple[int, Any]
"""The index of a record, and what the processor receives of it."""
_Items = Mapping[int, Any]
_Refused = Mapping[int, RejectedRecord]
_NO_RECORDS = Records.of(())


class LaneRun:
    """One lane's pass over one log."""

    def __init__(self, lane: Lane, *, batch_size: int, user_code: UserCode, keep_going: KeepGoing) -> None:
        self._lane = lane
        self._batch_size = batch_size
        self._user_code = user_code
        self._keep_going = keep_going
        self._hold: Hold | None = None
        self._records = _NO_RECORDS
        self._builds = True
        self._waiting: list[_Waiting] = []
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

    def begin(self, records: Records) -> Sequence[int]:
        """Take records from these, from now on; those that may be wanted, found without reading them."""
        self._records = records
        self._builds = self._lane.read is None or not records.are_checked
        found = None if self._lane.needles is None else records.holding(self._lane.needles)
        return range(len(records)) if found is None else found

    def answers(self, indexes: Sequence[int], headers: Sequence[Header | None]) -> Answers | None:
        """What the filter says of these records by their headers; None where it wants all of them."""
        chosen = self._lane.filter
        if chosen is None:
            return None
        answers: dict[int, bool | None] = dict.fromkeys(indexes, False)
        with self._failing(f"the filter of processor {self._lane.name}"):
            answers |= {i: chosen.on_header(it) if it else None for i, it in zip(indexes, headers, strict=True)}
        return answers

    def needed(self, indexes: Sequence[int], answers: Answers | None) -> Sequence[int]:
        """The records whose whole event is needed: to be handed out, for the filter, or to see whether they are any."""
        if answers is None:
            return indexes if self._builds else ()
        return [index for index, answer in answers.items() if answer is None or (answer and self._builds)]

    def select(
        self, indexes: Sequence[int], answers: Answers | None, events: Mapping[int, CloudTrailEvent]
    ) -> Sequence[int]:
        """The records that are wanted; ``events`` are the good ones among those that were needed."""
        if answers is None:
            return list(events) if self._builds else indexes
        wanted: list[int] = []
        with self._failing(f"the filter of processor {self._lane.name}"):
            wanted += [index for index, answer in answers.items() if self._wants(answer, events.get(index))]
        return wanted

    def _wants(self, answer: bool | None, event: CloudTrailEvent | None) -> bool:
        if answer is None:
            return event is not None and (self._lane.filter is None or self._lane.filter.on_event(event))
        return answer and (event is not None or not self._builds)

    def take(
        self, wanted: Sequence[int], events: Mapping[int, CloudTrailEvent], *, log: LogObject
    ) -> Mapping[int, RejectedRecord]:
        """Let these wait for the next batch; returns the ones that the processor's model refuses.

        What a checkpoint says was delivered before is looked at, too, but does not wait again.
        """
        found, refused = self._items(wanted, events, log)
        settled = self.position
        self._waiting += found.items() if settled == 0 else [it for it in found.items() if it[0] >= settled]
        return refused

    def _items(
        self, wanted: Sequence[int], events: Mapping[int, CloudTrailEvent], log: LogObject
    ) -> tuple[_Items, _Refused]:
        read = self._lane.read
        if read is not None:
            return self._read(wanted, read, log)
        return (events if len(wanted) == len(events) else {it: events[it] for it in wanted}), {}

    def _read(self, wanted: Sequence[int], read: Read, log: LogObject) -> tuple[_Items, _Refused]:
        """The records as the processor's own model, and those that it refuses."""
        found: _Items = {}
        refused: _Refused = {}
        raws = self._records.raws(wanted)
        with self._failing(f"the model of processor {self._lane.name}"):
            try:
                found = dict(zip(wanted, read(raws), strict=True))
            except ValueError:
                found, refused = self._read_each(zip(wanted, raws, strict=True), read, log)
        return found, refused

    def _read_each(self, records: Iterable[tuple[int, bytes]], read: Read, log: LogObject) -> tuple[_Items, _Refused]:
        found: dict[int, Any] = {}
        refused: dict[int, RejectedRecord] = {}
        for index, raw in records:
            try:
                found[index] = read((raw,))[0]
            except ValueError as error:
                place, reason = self._records.index_of(index), f"processor {self._lane.name}: {error}"
                refused[index] = RejectedRecord(log=log, index=place, raw=raw, error=reason)
        return found, refused

    def has_batch(self, *, last: bool) -> bool:
        """True when a batch is due: a full one, or whatever waits at the end of the log."""
        return self.failure is None and len(self._waiting) >= (1 if last else self._batch_size)

    def deliver(self, log: LogObject) -> None:
        """Hand the next batch to the processor, and only then write it down; a failure ends this lane's pass."""
        chosen, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
        after = chosen[-1][0] + 1
        try:
            if self._hold is not None:
                self._hold.check()
            fresh = self._fresh(chosen)
            if fresh:
                self._process(self._batch(log, fresh.values(), first=chosen[0][0], after=after))
            self.delivered += len(fresh)
            self.duplicates += len(chosen) - len(fresh)
            self._write_down(fresh, after)
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)

    def _batch(self, log: LogObject, fresh: Collection[_Waiting], *, first: int, after: int) -> EventBatch[Any]:
        indexes, items = zip(*fresh, strict=True)
        has_bytes = isinstance(items[0], CloudTrailEvent | bytes)
        raws = () if has_bytes else tuple(self._records.raws(indexes))
        places = self._records.indexes_of(indexes)
        return EventBatch(log, items, first_index=first, next_index=after, indexes=places, raws=raws)

    def _process(self, batch: EventBatch[Any]) -> None:
        what, process = f"processor {self._lane.name}", self._lane.processor.process
        if self._lane.retry is None:
            self._user_code.call(what, process, batch)
        else:
            policy = self._lane.retry.copy(sleep=napping(self._keep_going), reraise=True)
            self._user_code.call_again(policy, what, process, batch)

    def _write_down(self, fresh: Mapping[object, _Waiting], after: int) -> None:
        """Note what was delivered: the position also when the memory of events fails, or the batch came again."""
        try:
            self._remember(fresh)
        finally:
            if self._hold is not None:
                self._hold.advance(after)

    def _fresh(self, chosen: Sequence[_Waiting]) -> dict[object, _Waiting]:
        """The events that were not delivered before, by what they are remembered by; without memory all of them."""
        if self._lane.seen is None:
            return dict(enumerate(chosen))
        by_key: dict[object, _Waiting] = {}
        for place, waiting in enumerate(chosen):
            by_key.setdefault(self._key_of(*waiting) or place, waiting)
        keys = [key for key in by_key if isinstance(key, str)]
        with bookkeeping("the memory of events"):
            unseen = self._user_code.call("the memory of events", self._lane.seen.unseen, keys, passing=OURS)
        return {key: waiting for key, waiting in by_key.items() if not isinstance(key, str) or key in unseen}

    def _remember(self, fresh: Mapping[object, _Waiting]) -> None:
        if self._lane.seen is not None and (keys := [key for key in fresh if isinstance(key, str)]):
            with bookkeeping("the memory of events"):
                self._user_code.call("the memory of events", self._lane.seen.remember, keys, passing=OURS)

    def _key_of(self, index: int, item: Any) -> str | None:
        """Processor, eventID and content: whoever forges a record with a known eventID cannot hide the real one."""
        raw = self._records.raw(index)
        event = item if isinstance(item, CloudTrailEvent) else CloudTrailEvent.from_json(raw)
        if not event.event_id:
            return None
        digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
        return f"{self._lane.key}/{event.event_id}/{digest}"

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """End this lane's pass when what stands around its processor fails."""
        try:
            with guarded(what):
                yield
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)
