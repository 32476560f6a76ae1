"""What processes tell their supervisor, and the one report that it makes of theirs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from cloudtrail_processing.errors import (
    CloudTrailProcessingError,
    ConfigurationError,
    ProcessorError,
    SettingsError,
)
from cloudtrail_processing.health import Health, HealthState

_WORST_FIRST = (HealthState.FAILING, HealthState.PAUSED, HealthState.STOPPING, HealthState.OK)
_KINDS = (SettingsError, ConfigurationError, ProcessorError, CloudTrailProcessingError)


@dataclass(frozen=True, slots=True)
class Trouble:
    """An error on its way to another process: the nearest of our classes, its text, and what user code said."""

    kind: str
    text: str
    said: str = ""

    @classmethod
    def of(cls, error: CloudTrailProcessingError) -> Self:
        """The error as texts; its traceback stays where it was logged."""
        kind = next(kind for kind in _KINDS if isinstance(error, kind))
        return cls(kind.__name__, str(error), str(error.__cause__ or ""))

    def error(self) -> CloudTrailProcessingError:
        """The error again; its cause, where there was one, only has the cause's words."""
        error = {kind.__name__: kind for kind in _KINDS}[self.kind](self.text)
        error.__cause__ = RuntimeError(self.said) if self.said else None
        return error


@dataclass(frozen=True, slots=True)
class Report:
    """What one process tells: before it first asks the queue for messages, once a second, and at its end.

    ``counts`` are those of its life so far. ``received`` is True once it asks the queue for messages: until then it
    was only starting, and its worker may have no health yet. ``trouble`` is what ended it.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    received: bool = False
    health: Health | None = None
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Joined:
    """All processes as one: ``counts`` since the start, the dead included; the worst ``health`` of any of them."""

    counts: Mapping[str, int]
    health: Health
    alive: int
    processes: int


def join(counts: Iterable[Mapping[str, int]], healths: Sequence[Health], *, alive: int, processes: int) -> Joined:
    """One report of many; there must be one. The worst state counts, since it began; ``why`` names each reason once."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return Joined(total, _worst(healths), alive, processes)


def _worst(healths: Sequence[Health]) -> Health:
    state = min((one.state for one in healths), key=_WORST_FIRST.index)
    alike = sorted((one for one in healths if one.state is state), key=lambda one: one.since)
    return Health(state, "; ".join(dict.fromkeys(one.why for one in alike if one.why)), alike[0].since)
