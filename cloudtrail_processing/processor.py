"""What users write: processors, and a handler of failures."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import tenacity
from pydantic import BaseModel

from cloudtrail_processing.errors import CloudTrailProcessingError, Disposition
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.flow import EventBatch, LogObject, QueueMessage
from cloudtrail_processing.ports import Checkpoint


class EventProcessor:
    """Receives the events of every log, batch by batch. Subclass it and write ``process``.

    One instance serves all data-plane threads of a process: ``process`` may run for several logs at once,
    so guard what you share. The methods may be plain or ``async``; async ones all run on one event loop of their own.

    ``filter`` stands in front of this processor alone: an ``EventFilter``, such as ``Where(…)``, a callable from an
    event to a bool, or a method of the class. ``Options`` may name a pydantic model; options from the command line or
    a settings file are validated by it and reach ``__init__`` as keyword arguments.

    ``retry`` is a tenacity policy by which a batch is given again to a ``process`` that raised, before the log fails;
    it decides on what was raised, ``RetryLater`` and ``Refuse`` excepted. ``checkpoint`` replaces the worker's own, for
    a processor that writes down its position in the same transaction as its events.

    Answers to the Java library's ``EventsProcessor``.
    """

    filter: EventFilter | Callable[..., object] | None = None  # "...": type checkers, too, take functions for methods
    Options: ClassVar[type[BaseModel] | None] = None
    retry: tenacity.Retrying | None = None
    checkpoint: Checkpoint | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Keep a function of one event, put into the class as its filter, from being taken for a method."""
        super().__init_subclass__(**options)
        own = cls.__dict__.get("filter")
        if inspect.isfunction(own) and len(inspect.signature(own).parameters) == 1:
            cls.filter = staticmethod(own)

    @property
    def name(self) -> str:
        """How logs and errors call this processor, and checkpoints, with its module before it.

        Two processors on one stream that have a checkpoint need two names: a class that is used twice has to give them.
        """
        return type(self).__qualname__

    def start(self) -> Awaitable[None] | None:
        """Called once in each process before the first batch. What it raises ends the worker before it receives."""
        return None

    def process(self, batch: EventBatch) -> Awaitable[None] | None:
        """Take one batch: 1 to ``batch_size`` events of one log, in the order of the file.

        Returning means that the events are safely taken: the message may be deleted, so do not keep them in memory for
        later. Raising anything keeps the message, and all its logs are delivered again later, to every processor;
        meanwhile other processors and other logs go on. ``RetryLater(after=…)`` and ``Refuse(why)`` say outright
        what should happen. May be called again with the same batch, under the same ``batch.id``: after a crash, a lost
        lease, or a failure anywhere else in the message.
        """
        raise NotImplementedError(f"{self.name} must define process(batch)")

    def stop(self) -> Awaitable[None] | None:
        """Called once after the last batch, also when the worker ends by an error. Not called after a crash."""
        return None


class Stage(StrEnum):
    """Where a failure happened."""

    POLL = "poll"
    PARSE = "parse"
    FILTER = "filter"
    FETCH = "fetch"
    READ = "read"
    PROCESS = "process"
    SETTLE = "settle"


@dataclass(frozen=True, slots=True)
class Failure:
    """One failure with its context, as an ``ExceptionHandler`` is told of it.

    ``error.__cause__`` is what user code or a client library raised. ``processor`` is set in stage ``process``.
    """

    stage: Stage
    error: CloudTrailProcessingError
    message: QueueMessage | None = None
    log: LogObject | None = None
    processor: str | None = None


class ExceptionHandler:
    """Is told every failure, and may choose what becomes of the message. This one changes nothing.

    Answers to the Java library's ``ExceptionHandler``, which could only watch.
    """

    def handle(self, failure: Failure) -> Disposition | None:
        """Look at one failure; return a disposition to override the error's own, or None.

        ``Disposition.SKIP`` accepts the loss of this log: it counts as settled and the message may be deleted.
        Think twice before you say so of a ``ConfigurationError``: its log was perhaps not even asked for. ``RELEASE``
        is treated as ``RETRY``. The answer matters in the stages from ``parse`` to ``process``, and not for
        ``Stopped`` and ``LeaseLost``, which only interrupt. Called from several threads, and again for the same log on
        every delivery. If it raises, the error's own disposition applies.
        """
        del failure
        return None
