"""One processor's way through one log: what it wants, what waits for its next batch, how far it came."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.delivery.bookkeeping import bookkeeping
from cloudtrail_processing.delivery.holding import Hold, Holds, KeepGoing
from cloudtrail_processing.delivery.lane import Lane, LaneFailure
from cloudtrail_processing.delivery.model import Read
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records, View
from cloudtrail_processing.retry import napping
from cloudtrail_processing.usercode import OURS, UserCode, guarded

Answers = Mapping[int, bool | None]
"""What a filter says of records by their headers: True, False, or None when only the whole event can tell."""

_Refused = Mapping[int, RejectedRecord]
_NONE_REFUSED: _Refused = {}
_NO_RECORDS = Records.of(())


@dataclass(frozen=True, slots=True)
class _Items:
    """What a processor receives of records, and the index of each: side by side, as pairs would cost every event."""

    indexes: Sequence[int]
    items: Sequence[Any]

    def __len__(self) -> int:
        return len(self.indexes)

    def __add__(self, more: Self) -> Self:
        return type(self)((*self.indexes, *more.indexes), (*self.items, *more.items)) if self.indexes else more

    def __getitem__(self, part: slice) -> Self:
        return type(self)(self.indexes[part], self.items[part])

    def those(self, places: Sequence[int]) -> Self:
        """The ones at these places among them."""
        return type(self)([self.indexes[it] for it in places], [self.items[it] for it in places])


_NOTHING = _Items((), ())


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
        self._waiting = _NOTHING
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
        read = self._lane.read
        found, refused = self._read(wanted, read, log) if read else (_of(wanted, events), _NONE_REFUSED)
        if settled := self.position:
            found = found[bisect_left(found.indexes, settled) :]
        self._waiting += found
        return refused

    def _read(self, wanted: Sequence[int], read: Read, log: LogObject) -> tuple[_Items, _Refused]:
        """The records as the processor's own model, and those that it refuses."""
        found, refused = _NOTHING, _NONE_REFUSED
        views = self._records.views(wanted)
        with self._failing(f"the model of processor {self._lane.name}"):
            try:
                found = _Items(wanted, read(views))
            except ValueError:
                found, refused = self._read_each(zip(wanted, views, strict=True), read, log)
        return found, refused

    def _read_each(self, records: Iterable[tuple[int, View]], read: Read, log: LogObject) -> tuple[_Items, _Refused]:
        found: dict[int, Any] = {}
        refused: dict[int, RejectedRecord] = {}
        for index, view in records:
            try:
                found[index] = read((view,))[0]
            except ValueError as error:
                place, reason = self._records.index_of(index), f"processor {self._lane.name}: {error}"
                refused[index] = RejectedRecord(log=log, index=place, raw=bytes(view), error=reason)
        return _of(tuple(found), found), refused

    def has_batch(self, *, last: bool) -> bool:
        """True when a batch is due: a full one, or whatever waits at the end of the log."""
        return self.failure is None and len(self._waiting) >= (1 if last else self._batch_size)

    def deliver(self, log: LogObject) -> None:
        """Hand the next batch to the processor, and only then write it down; a failure ends this lane's pass."""
        chosen, self._waiting = self._waiting[: self._batch_size], self._waiting[self._batch_size :]
        after = chosen.indexes[-1] + 1
        try:
            if self._hold is not None:
                self._hold.check()
            fresh, keys = self._fresh(chosen)
            if fresh:
                self._process(self._batch(log, fresh, first=chosen.indexes[0], after=after))
            self.delivered += len(fresh)
            self.duplicates += len(chosen) - len(fresh)
            self._write_down(keys, after)
        except CloudTrailProcessingError as error:
            self.failure = LaneFailure(self._lane.name, error)

    def _batch(self, log: LogObject, fresh: _Items, *, first: int, after: int) -> EventBatch[Any]:
        has_bytes = isinstance(fresh.items[0], CloudTrailEvent | bytes)
        raws = () if has_bytes else self._records.views(fresh.indexes)
        places = self._records.indexes_of(fresh.indexes)
        return EventBatch(log, tuple(fresh.items), first_index=first, next_index=after, indexes=places, raws=raws)

    def _process(self, batch: EventBatch[Any]) -> None:
        what, process = f"processor {self._lane.name}", self._lane.processor.process
        if self._lane.retry is None:
            self._user_code.call(what, process, batch)
        else:
            policy = self._lane.retry.copy(sleep=napping(self._keep_going), reraise=True)
            self._user_code.call_again(policy, what, process, batch)

    def _write_down(self, keys: Sequence[str], after: int) -> None:
        """Note what was delivered: the position also when the memory of events fails, or the batch came again."""
        try:
            self._remember(keys)
        finally:
            if self._hold is not None:
                self._hold.advance(after)

    def _fresh(self, chosen: _Items) -> tuple[_Items, Sequence[str]]:
        """The events that were not delivered before, and what they are remembered by; without memory all of them."""
        if self._lane.seen is None:
            return chosen, ()
        places: dict[object, int] = {}
        for place, (index, item) in enumerate(zip(chosen.indexes, chosen.items, strict=True)):
            places.setdefault(self._key_of(index, item) or place, place)
        keys = [key for key in places if isinstance(key, str)]
        with bookkeeping("the memory of events"):
            unseen = self._user_code.call("the memory of events", self._lane.seen.unseen, keys, passing=OURS)
        fresh = [place for key, place in places.items() if not isinstance(key, str) or key in unseen]
        return chosen.those(fresh), [key for key in keys if key in unseen]

    def _remember(self, keys: Sequence[str]) -> None:
        if self._lane.seen is not None and keys:
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


def _of(wanted: Sequence[int], found: Mapping[int, Any]) -> _Items:
    """These, of what was found, in order; where they are all of it nothing is looked up."""
    return _Items(wanted, tuple(found.values() if len(wanted) == len(found) else map(found.__getitem__, wanted)))
