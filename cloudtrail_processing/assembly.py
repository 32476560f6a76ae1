"""Settings and parts put together: what they name is opened, and a pipeline is made of it."""

import functools
import inspect
import operator
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import fields, replace
from typing import Any

import tenacity

from cloudtrail_processing.allowed import Allowed
from cloudtrail_processing.aws.quarantine import S3Quarantine
from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.aws.store import S3Store
from cloudtrail_processing.budget import Budget
from cloudtrail_processing.checkpoint import open_checkpoint, open_seen
from cloudtrail_processing.delivery import Delivery, Holds, Lane
from cloudtrail_processing.errors import CloudTrailProcessingError, SettingsError
from cloudtrail_processing.failures import MissingLogs
from cloudtrail_processing.filters import Where
from cloudtrail_processing.filters.events import EventFilter, event_filter
from cloudtrail_processing.filters.logs import source_filter
from cloudtrail_processing.logfile import Limits, Records, split
from cloudtrail_processing.notification import MessageLimits, Parser, in_front
from cloudtrail_processing.parts import Parts, aws_options
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import LoggingReporter
from cloudtrail_processing.proving import opened_proof
from cloudtrail_processing.quarantine import FolderQuarantine
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.usercode import UserCode
from cloudtrail_processing.verification import Digests


def opened(settings: Settings, parts: Parts, *, closing: ExitStack | AsyncExitStack) -> Parts:
    """The parts, and those that the settings name where none was passed: ``closing`` closes them.

    Queues are not among them, as their clients live on an event loop. Nothing is asked of AWS here.
    """
    aws = aws_options(settings, parts)
    claim_time = _claim_time(settings)

    def closed(part: Any) -> Any:
        closing.callback(part.close)
        return part

    store = parts.store or closed(S3Store(aws, owners=settings.bucket_owners))
    checkpoint, seen, quarantine = parts.checkpoint, parts.seen, parts.quarantine
    if checkpoint is None and settings.checkpoint:
        checkpoint = closed(open_checkpoint(settings.checkpoint, claim_time=claim_time, options=aws))
    if seen is None and settings.deduplicate:
        seen = closed(open_seen(settings.checkpoint, window=settings.deduplicate, options=aws))
    if quarantine is None and settings.quarantine:
        quarantine = closed(open_quarantine(settings.quarantine, aws))
    parts = replace(parts, aws=aws, store=store, checkpoint=checkpoint, seen=seen, quarantine=quarantine)
    return opened_proof(settings, parts, aws=aws, closing=closing)


def open_quarantine(place: str, aws: AwsOptions) -> FolderQuarantine | S3Quarantine:
    """The quarantine that the setting names: a folder, or a prefix in a bucket."""
    return S3Quarantine(place, aws) if place.startswith("s3://") else FolderQuarantine(place)


def make_pipeline(
    processors: Sequence[EventProcessor[Any]],
    *,
    settings: Settings,
    parts: Parts,
    user_code: UserCode,
    closing: ExitStack | AsyncExitStack,
    splitter: Callable[[bytes], Records] | None = None,
    blocked: Callable[[str], CloudTrailProcessingError | None] = lambda _: None,
    digests: Digests | None = None,
) -> Pipeline:
    """The pipeline that these settings and ``opened`` parts describe; ``digests`` proves its logs.

    Raises ``SettingsError`` when one of them could never work.
    """
    _check_hooks(parts)
    if parts.store is None:
        raise SettingsError("a pipeline needs a store: see opened()")
    limits = limits_of(settings)
    holds = Holds(renew_every=_claim_time(settings) / 3, patience=settings.checkpoint_time)
    closing.callback(holds.close)
    delivery = Delivery(
        _lanes(processors, settings=settings, parts=parts),
        user_code=user_code,
        batch_size=settings.batch_size,
        quarantine=parts.quarantine,
        holds=holds,
    )
    return Pipeline(
        store=parts.store,
        delivery=delivery,
        parser=_parser(settings, parts),
        splitter=splitter or functools.partial(split, limits=limits),
        source_filter=source_filter(parts.source_filter),
        exception_handler=parts.exception_handler,
        reporter=LoggingReporter() if parts.reporter is None else parts.reporter,
        allowed=_allowed(settings),
        missing_logs=MissingLogs(settings.missing_log, settings.missing_log_receives),
        limits=limits,
        budget=Budget(settings.memory_budget),
        blocked=blocked,
        digests=digests,
        fetch_attempts=settings.fetch_attempts,
        fetch_time=settings.fetch_time,
    )


def limits_of(settings: Settings) -> Limits:
    """How far an object may inflate."""
    return Limits(inflated=settings.max_inflated_bytes, ratio=settings.max_ratio, records=settings.max_records)


def _claim_time(settings: Settings) -> float:
    """Seconds: short enough for the message of a worker that died to find its logs free when it comes again."""
    return max(5, settings.visibility_timeout / 3)


def warnings(settings: Settings) -> list[str]:
    """What is open that an operator may want closed, one sentence each; for the start of a worker."""
    told = _allowed(settings).warnings()
    if settings.verify_sns and not settings.allowed_topics:
        told.append("verify_sns without allowed_topics: a topic of any AWS customer has a valid signature; name yours")
    return told


def _allowed(settings: Settings) -> Allowed:
    return Allowed(
        buckets=settings.allowed_buckets,
        accounts=settings.allowed_accounts,
        organizations=settings.allowed_organizations,
    )


def _parser(settings: Settings, parts: Parts) -> Parser:
    limits = MessageLimits(bytes=settings.max_message_bytes, keys=settings.max_keys)
    guard: list[Parser] = []
    if settings.verify_sns:
        # Signatures need a library whose import takes a tenth of a second.
        from cloudtrail_processing.aws.certificates import SigningCertificates
        from cloudtrail_processing.sns import SnsVerifier

        guard = [SnsVerifier(SigningCertificates(), topics=settings.allowed_topics)]
    return in_front(*guard, *([parts.parser] if parts.parser else []), limits=limits)


def _lanes(processors: Sequence[EventProcessor[Any]], *, settings: Settings, parts: Parts) -> list[Lane]:
    wanted = _where(settings)
    lanes = [
        Lane(
            processor,
            _lane_filter(processor, wanted),
            checkpoint=processor.checkpoint or parts.checkpoint,
            retry=processor.retry or _usual_retry(settings),
            seen=parts.seen,
            namespace=settings.checkpoint_namespace,
        )
        for processor in processors
    ]
    remembered = [lane.key for lane in lanes if lane.checkpoint or lane.seen]
    if twice := next((key for key in remembered if remembered.count(key) > 1), None):
        raise SettingsError(
            f"two processors are called {twice}: a checkpoint would take one for the other; give each its own name"
        )
    return lanes


def _usual_retry(settings: Settings) -> tenacity.Retrying | None:
    if settings.process_attempts == 1:
        return None
    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(settings.process_attempts),
        wait=tenacity.wait_random_exponential(multiplier=0.2, max=5),
    )


def _check_hooks(parts: Parts) -> None:
    """Refuse what would fail at every call, or never run: a class instead of an instance, an async hook."""
    for part in (getattr(parts, each.name) for each in fields(parts)):
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


def _lane_filter(processor: EventProcessor[Any], wanted: EventFilter | None) -> EventFilter | None:
    if processor.filter is None:
        return wanted
    own = event_filter(processor.filter)
    return own if wanted is None else own & wanted
