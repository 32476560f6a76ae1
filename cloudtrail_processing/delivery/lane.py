"""One processor on the stream, and what stands around it."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tenacity

from cloudtrail_processing.delivery.model import Read, reader_of
from cloudtrail_processing.errors import CloudTrailProcessingError
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.ports import Checkpoint, SeenEvents
from cloudtrail_processing.processor import EventProcessor


def never_stop() -> None:
    """Let the work go on: for files and tests, where no lease can be lost."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One processor on the stream, and what stands around it.

    ``filter`` None wants every event. With ``checkpoint`` a log is resumed where it was left. ``retry`` is the policy
    by which a batch is given again to a processor that raised. ``seen`` drops events that were delivered before.
    ``namespace`` tells this application from others that use the same checkpoint.
    """

    processor: EventProcessor[Any]
    filter: EventFilter | None = None
    checkpoint: Checkpoint | None = None
    retry: tenacity.Retrying | None = None
    seen: SeenEvents | None = None
    namespace: str = ""
    read: Read | None = field(init=False, default=None)
    """What makes the processor's own model of a record; None where it receives whole events."""
    needles: tuple[bytes, ...] | None = field(init=False, default=None)
    """One of these stands in every record that the filter wants, where it can say so."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "read", reader_of(self.processor.model))
        object.__setattr__(self, "needles", None if self.filter is None else self.filter.needles())

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
