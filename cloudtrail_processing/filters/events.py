"""Filters over events, asked at three moments: with the key alone, with a record's header, with the whole event."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.header import Header
from cloudtrail_processing.filters.matching import both, either, opposite, plain_callable
from cloudtrail_processing.filters.needles import Needles, any_of, best_of
from cloudtrail_processing.flow import LogObject

EventCallable = Callable[[CloudTrailEvent], object]
"""A user's own event filter: what it returns counts as true or false."""


class EventFilter(ABC):
    """Which events a processor wants. Combine with ``&``, ``|`` and ``~``, also with plain callables on the right.

    The cheap questions come first, and None answers them with "cannot tell yet"; an answer that is not None is final,
    so it must be what ``on_event`` would say. Filters are asked from many threads and must not change.
    What is not wanted counts as filtered and is gone for good. (Java: ``EventFilter``.)
    """

    def on_log(self, log: LogObject) -> bool | None:
        """False when the key proves that no event of the log is wanted, True when all are: asked before download."""
        del log
        return None

    def on_header(self, header: Header) -> bool | None:
        """Asked per record before its event is built, which costs ten times as much as the header."""
        del header
        return None

    def needles(self) -> Needles | None:
        r"""Bytes of which every wanted record holds one at least; None, as here, when nothing can be said. Asked once.

        Records without any are passed over unread, at a fifth of what their headers would cost. A needle is a run of
        printable ASCII without ``"``, ``/`` and ``\``; where a text has one of these, the run may begin with it, and
        it may begin and end with the quotes around the text: ``b'"DeleteUser"'``, ``b'"Delete'``, ``b'/Admin"'``.
        Records with such characters written as ``\u00XX`` are read in any case. Each needle costs a scan of the
        log, some 0.04 µs per record. One that is missing here loses the events that it would have found.
        """
        return None

    @abstractmethod
    def on_event(self, event: CloudTrailEvent) -> bool:
        """The last word on one event."""

    def __and__(self, other: "EventFilter | EventCallable") -> "EventFilter":
        return _And(self, event_filter(other))

    def __or__(self, other: "EventFilter | EventCallable") -> "EventFilter":
        return _Or(self, event_filter(other))

    def __invert__(self) -> "EventFilter":
        return _Not(self)


def event_filter(wanted: EventFilter | EventCallable) -> EventFilter:
    """``wanted`` as an ``EventFilter``: itself, or around a callable ``(event) -> bool``.

    What a callable returns counts as true or false; what it raises goes through. Raises ``SettingsError`` for anything
    else, for a class instead of an instance, and for an async callable, whose answer would always be true.
    """
    return wanted if isinstance(wanted, EventFilter) else _Asked(plain_callable("event filter", wanted))


class _Asked(EventFilter):
    def __init__(self, function: EventCallable) -> None:
        self._function = function

    def on_event(self, event: CloudTrailEvent) -> bool:
        return bool(self._function(event))

    def __repr__(self) -> str:
        return getattr(self._function, "__name__", None) or repr(self._function)


class _And(EventFilter):
    def __init__(self, first: EventFilter, second: EventFilter) -> None:
        self._first = first
        self._second = second

    def on_log(self, log: LogObject) -> bool | None:
        return both(self._first.on_log(log), self._second.on_log(log))

    def on_header(self, header: Header) -> bool | None:
        return both(self._first.on_header(header), self._second.on_header(header))

    def needles(self) -> Needles | None:
        return best_of((self._first.needles(), self._second.needles()))

    def on_event(self, event: CloudTrailEvent) -> bool:
        return self._first.on_event(event) and self._second.on_event(event)

    def __repr__(self) -> str:
        return f"({self._first!r} & {self._second!r})"


class _Or(EventFilter):
    def __init__(self, first: EventFilter, second: EventFilter) -> None:
        self._first = first
        self._second = second

    def on_log(self, log: LogObject) -> bool | None:
        return either(self._first.on_log(log), self._second.on_log(log))

    def on_header(self, header: Header) -> bool | None:
        return either(self._first.on_header(header), self._second.on_header(header))

    def needles(self) -> Needles | None:
        return any_of(self._first.needles(), self._second.needles())

    def on_event(self, event: CloudTrailEvent) -> bool:
        return self._first.on_event(event) or self._second.on_event(event)

    def __repr__(self) -> str:
        return f"({self._first!r} | {self._second!r})"


class _Not(EventFilter):
    def __init__(self, part: EventFilter) -> None:
        self._part = part

    def on_log(self, log: LogObject) -> bool | None:
        return opposite(self._part.on_log(log))

    def on_header(self, header: Header) -> bool | None:
        return opposite(self._part.on_header(header))

    def on_event(self, event: CloudTrailEvent) -> bool:
        return not self._part.on_event(event)

    def __repr__(self) -> str:
        return f"~{self._part!r}"
