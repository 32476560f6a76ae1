"""The parts of a pipeline, real ones by settings or a user's own in their place."""

import functools
import inspect
import operator
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.delivery import Delivery, Lane
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters import Where
from cloudtrail_processing.filters.events import EventFilter, event_filter
from cloudtrail_processing.filters.logs import SourceCallable, SourceFilter, source_filter
from cloudtrail_processing.logfile import Limits, Records, split
from cloudtrail_processing.notification import Parser, in_front
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.plugins import check_processor, load_processor
from cloudtrail_processing.ports import Clock, LogStore, Quarantine, Queue
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.usercode import UserCode

Processors = EventProcessor | Iterable[EventProcessor]


@dataclass(frozen=True, slots=True)
class Parts:
    """What may be put in place of the parts that are built from settings. Answers to the Java library's ``Builder``.

    ``parser`` goes in front of ours and returns None for what it does not know. ``pool`` runs the work and should have
    as many threads as the setting ``threads``. ``aws`` gives credentials outright, as for an emulator.
    """

    queue: Queue | None = None
    store: LogStore | None = None
    parser: Parser | None = None
    pool: Executor | None = None
    clock: Clock | None = None
    source_filter: SourceFilter | SourceCallable | None = None
    exception_handler: ExceptionHandler | None = None
    reporter: ProgressReporter | None = None
    quarantine: Quarantine | None = None
    aws: AwsOptions | None = None


def aws_options(settings: Settings, parts: Parts) -> AwsOptions:
    """How to reach AWS: as the parts say outright, else by the settings."""
    if parts.aws is not None:
        return parts.aws
    return AwsOptions(
        region=settings.region,
        profile=settings.profile,
        endpoint_url=settings.endpoint_url,
        s3_endpoint_url=settings.s3_endpoint_url,
        request_payer=settings.request_payer,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
    )


def processors_of(given: Processors | None, settings: Settings) -> tuple[EventProcessor, ...]:
    """The processors given, else those that the settings name; checked, and at least one.

    Without any, every message would count as delivered, so that is a ``SettingsError``.
    """
    if given is None:
        chosen = tuple(load_processor(name, _options_of(name, settings)) for name in settings.processor)
    else:
        chosen = _each(given)
    if not chosen:
        raise SettingsError("no processor: pass one, or name one by the setting processor (package.module:Class)")
    for processor in chosen:
        check_processor(processor)
    return chosen


def _each(given: Any) -> tuple[EventProcessor, ...]:
    is_one = isinstance(given, EventProcessor | type) or not isinstance(given, Iterable)
    return (given,) if is_one else tuple(given)


def _options_of(name: str, settings: Settings) -> dict[str, Any]:
    """The options that all processors share, and over them those in a table that is named like this one."""
    own = {
        key: value for key, value in settings.options.items() if key in settings.processor and isinstance(value, dict)
    }
    return {key: value for key, value in settings.options.items() if key not in own} | own.get(name, {})


def make_pipeline(
    processors: Sequence[EventProcessor],
    *,
    settings: Settings,
    parts: Parts,
    user_code: UserCode,
    store: LogStore,
    splitter: Callable[[bytes], Records] = split,
) -> Pipeline:
    """The pipeline that these settings and parts describe; ``SettingsError`` when one of them could never work."""
    _check_hooks(parts)
    wanted = _where(settings)
    delivery = Delivery(
        [Lane(processor, _lane_filter(processor, wanted)) for processor in processors],
        user_code=user_code,
        batch_size=settings.batch_size,
        quarantine=parts.quarantine,
    )
    return Pipeline(
        store=store,
        delivery=delivery,
        parser=in_front(*([parts.parser] if parts.parser else [])),
        splitter=splitter,
        source_filter=source_filter(parts.source_filter),
        exception_handler=parts.exception_handler,
        reporter=LoggingReporter() if parts.reporter is None else parts.reporter,
        limits=Limits(inflated=settings.max_inflated_bytes, ratio=settings.max_ratio),
    )


def _check_hooks(parts: Parts) -> None:
    """Refuse what would fail at every call, or never run: a class instead of an instance, an async hook."""
    for part in (parts.exception_handler, parts.reporter, parts.quarantine, parts.store, parts.queue, parts.clock):
        if isinstance(part, type):
            raise SettingsError(f"{part.__qualname__} is a class: pass an instance, {part.__qualname__}()")
    hooks: list[object] = [parts.parser]
    hooks += [parts.exception_handler.handle] if parts.exception_handler else []
    hooks += [parts.reporter.report_start, parts.reporter.report_end] if parts.reporter else []
    for hook in hooks:
        if inspect.iscoroutinefunction(hook):
            raise SettingsError(f"{hook.__qualname__} is async: it would never run; only processors may be async")


def _where(settings: Settings) -> EventFilter | None:
    """What the setting ``where`` asks for: its texts are alternatives."""
    chosen: list[EventFilter] = [Where.parse(text) for text in settings.where]
    return functools.reduce(operator.or_, chosen) if chosen else None


def _lane_filter(processor: EventProcessor, wanted: EventFilter | None) -> EventFilter | None:
    if processor.filter is None:
        return wanted
    own = event_filter(processor.filter)
    return own if wanted is None else own & wanted
