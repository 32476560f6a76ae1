"""What users write: processors, and a handler of failures."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, get_args, get_origin

import tenacity
from pydantic import BaseModel

from cloudtrail_processing.batch import E, EventBatch
from cloudtrail_processing.errors import CloudTrailProcessingError, Disposition
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.filters.events import EventFilter
from cloudtrail_processing.findings import IntegrityFinding
from cloudtrail_processing.flow import LogObject, QueueMessage
from cloudtrail_processing.ports import Checkpoint


class EventProcessor(Generic[E]):
    """Receives the events of every log, batch by batch. Subclass it and write ``process``.

    One instance serves all data-plane threads of a process: ``process`` may run for several logs at once,
    so guard what you share. The methods may be plain or ``async``; async ones all run on one event loop of their own.

    ``model`` is what it receives of each event, and all it pays for: a whole ``CloudTrailEvent``, a pydantic model of
    its own with the few fields that it needs (in CloudTrail's names, or with these as aliases), a ``msgspec.Struct`` of
    the same, which is read twice as fast, or ``bytes``: the record as it stands in the log, of which only the JSON was
    checked. ``EventProcessor[Login]`` says the same, also to
    type checkers. A record that a model of your own refuses is a bad record: it goes to the quarantine.

    ``filter`` stands in front of this processor alone: an ``EventFilter``, such as ``Where(…)``, a callable from an
    event to a bool, or a method of the class. ``Options`` may name a pydantic model; options from the command line or
    a settings file are validated by it and reach ``__init__`` as keyword arguments.

    ``retry`` is a tenacity policy by which a batch is given again to a ``process`` that raised, before the log fails;
    it decides on what was raised, ``RetryLater`` and ``Refuse`` excepted. ``checkpoint`` replaces the worker's own, for
    a processor that writes down its position in the same transaction as its events.

    Answers to the Java library's ``EventsProcessor``.
    """

    model: type = CloudTrailEvent
    filter: EventFilter | Callable[..., object] | None = None  # "...": type checkers, too, take functions for methods
    Options: ClassVar[type[BaseModel] | None] = None
    retry: tenacity.Retrying | None = None
    checkpoint: Checkpoint | None = None

    def __init_subclass__(cls, **options: Any) -> None:
        """Take the model from ``EventProcessor[Model]``, and a function put in as ``filter`` not for a method."""
        super().__init_subclass__(**options)
        if "model" not in cls.__dict__ and isinstance(named := _named(cls), type) and named is not Any:
            cls.model = named
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

    def process(self, batch: EventBatch[E]) -> Awaitable[None] | None:
        """Take one batch: 1 to ``batch_size`` events of one log, in the order of the file.

        Returning means that the events are safely taken: the message may be deleted, so do not keep them in memory for
        later. Raising anything keeps the message, and all its logs are delivered again later, to every processor;
        meanwhile other processors and other logs go on. ``RetryLater(after=…)`` and ``Refuse(why)`` say outright
        what should happen. May be called again with the same batch, under the same ``batch.id``: after a crash, a lost
        lease, or a failure anywhere else in the message.
        """
        raise NotImplementedError(f"{self.name} must define process(batch)")

    def integrity(self, finding: IntegrityFinding) -> Awaitable[None] | None:
        """Take one finding about the integrity of a log or a digest; called only with the setting ``verify``.

        Every log is told once as verified, mismatch, missing, unlisted or unproven, and once more as late when it then
        comes to be as it should; an invalid digest once. Called as ``process`` is, in several threads at once, for all
        logs that the worker reads, whatever this processor's ``filter`` wants of them: before the log's first batch
        when its digest came first, else when the digest comes or time is over. Raising anything has the finding told
        again later, to every processor, and keeps the message that led to it. May repeat: after a crash, after a
        failure anywhere else, and from two processes at once.
        """
        del finding
        return None

    def stop(self) -> Awaitable[None] | None:
        """Called once after the last batch, also when the worker ends by an error. Not called after a crash."""
        return None


def _named(processor: type[EventProcessor[Any]]) -> object:
    """What the class says in brackets: the ``Login`` of ``EventProcessor[Login]``."""
    bases = getattr(processor, "__orig_bases__", ())
    named = (get_args(base) for base in bases if isinstance(get_origin(base), type))
    return next((found[0] for found in named if len(found) == 1), None)


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
