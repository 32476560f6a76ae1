"""Faults as data: what goes wrong at which call, written down beforehand.

    FakeQueue(faults=Faults(delete=[TransientError("throttled"), None, FailEntries((0,))]))
    FakeLogStore(faults=Faults([None, Truncated(100), Flipped(7)]))

``None`` means that all goes well; a plan that has come to its end lets everything go well from there on.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cloudtrail_processing.errors import TransientError


@dataclass(frozen=True, slots=True)
class LostResponse:
    """The call takes effect, but the caller sees ``error``. For queues."""

    error: Exception = field(default_factory=lambda: TransientError("the response was lost"))


@dataclass(frozen=True, slots=True)
class FailEntries:
    """The entries at ``indexes`` of a batch call fail, or all without any; the rest takes effect. For queues."""

    indexes: tuple[int, ...] = ()
    gone: bool = False
    reason: str = "InternalError: a fault of the plan"

    def hits(self, index: int) -> bool:
        """True when the entry at ``index`` is to fail."""
        return not self.indexes or index in self.indexes


@dataclass(frozen=True, slots=True)
class Duplicate:
    """What this receive returns stays visible: the next receive returns it again, under a new receipt. For queues."""


@dataclass(frozen=True, slots=True)
class Truncated:
    """The store returns only the first ``size`` bytes, as if the object had been stored so."""

    size: int


@dataclass(frozen=True, slots=True)
class Flipped:
    """The store returns the body with all bits of the byte at ``offset`` (from its end when negative) turned over."""

    offset: int


@dataclass(frozen=True, slots=True)
class Before:
    """``do`` is called before the call takes effect: advance a clock, wait for a barrier, set a flag."""

    do: Callable[[], object]


Fault = Exception | LostResponse | FailEntries | Duplicate | Truncated | Flipped | Before | None
"""An exception is raised as it is, and the call takes no effect."""


class Faults:
    """A plan of faults, consumed call by call; may be asked from many threads.

    The positional plan is consumed by every call that has none of its own. Named plans are for one operation of a
    queue (``receive``, ``delete``, ``change_visibility``, ``post``, ``info``) or for one key of a store:
    ``Faults(**{key: [...]})``. Any iterable will do, also one without an end:
    ``Faults(receive=itertools.repeat(TransientError("down")))``.
    """

    def __init__(self, plan: Iterable[Fault] = (), /, **by_name: Iterable[Fault]) -> None:
        self._lock = threading.Lock()
        self._any = iter(plan)
        self._by_name = {name: iter(faults) for name, faults in by_name.items()}

    def next(self, name: str) -> Fault:
        """The fault of this call, None for no fault. Exceptions are raised here, and ``Before`` is done."""
        with self._lock:
            fault = next(self._by_name.get(name, self._any), None)
        if isinstance(fault, Exception):
            raise fault
        if isinstance(fault, Before):
            fault.do()
        return fault
