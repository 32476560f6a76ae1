"""What a processor receives: events of one log, as events, in a form of the processor's own, or as bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, overload

import msgspec
from typing_extensions import TypeVar

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.events.metadata import Origin
from cloudtrail_processing.flow import LogObject

E = TypeVar("E", default=CloudTrailEvent)
"""What an event is handed out as: a processor's ``model``."""


@dataclass(frozen=True, slots=True)
class EventBatch(Sequence[E], Generic[E]):
    """Events of one log, in the order of the file, as a processor receives them.

    They are of the processor's ``model``: ``CloudTrailEvent`` unless it has one of its own. ``first_index`` is the
    place of the first event among the log's records; filtered and rejected records leave gaps, ``indexes`` has the
    place of each. ``next_index`` is where reading goes on after this batch. In ``raws`` the method ``raw`` finds the
    bytes of events that do not have them: no copies, so that such a batch keeps its log in memory while it lives.
    """

    log: LogObject
    events: tuple[E, ...] = field(repr=False)
    first_index: int
    next_index: int
    indexes: Sequence[int] = field(default=(), repr=False, compare=False)
    raws: Sequence[bytes | msgspec.Raw] = field(default=(), repr=False, compare=False)

    @property
    def id(self) -> str:
        """Stable identity: the same log, cut the same way, gives the same id again. Use it as idempotency key."""
        return f"{self.log.id}#{self.first_index}-{self.next_index}"

    def raw(self, place: int) -> bytes:
        """The exact bytes of the record at ``place`` in this batch; ValueError when it was made without them."""
        found = self.events[place]
        if isinstance(found, bytes):
            return found
        if isinstance(found, CloudTrailEvent):
            return found.raw
        if not self.raws:
            raise ValueError("this batch was made without the bytes of its records")
        return bytes(self.raws[place])

    def whole(self, place: int) -> CloudTrailEvent:
        """The event at ``place`` in this batch with all its fields: for the few that a model of your own points at.

        Made anew at each call, at the price of a whole event. Its ``byte_range`` is not known.
        """
        found = self.events[place]
        if isinstance(found, CloudTrailEvent):
            return found
        index = self.indexes[place] if self.indexes else self.first_index + range(len(self))[place]
        return CloudTrailEvent.from_record(self.raw(place), index=index, origin=Origin(self.log, start_of=_unknown))

    @overload
    def __getitem__(self, index: int) -> E: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[E]: ...
    def __getitem__(self, index: int | slice) -> E | Sequence[E]:
        return self.events[index]

    def __len__(self) -> int:
        return len(self.events)

    def __iter__(self) -> Iterator[E]:
        return iter(self.events)


def _unknown(_index: int) -> None:
    return None
