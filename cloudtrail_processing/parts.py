"""The parts of a pipeline, real ones by settings or a user's own in their place."""

from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.filters.logs import SourceCallable, SourceFilter
from cloudtrail_processing.notification import Parser
from cloudtrail_processing.plugins import check_processor, load_processor
from cloudtrail_processing.ports import (
    Checkpoint,
    Clock,
    DeadLetters,
    Ledger,
    LogStore,
    PublicKeySource,
    Quarantine,
    Queue,
    SeenEvents,
)
from cloudtrail_processing.processor import EventProcessor, ExceptionHandler
from cloudtrail_processing.progress import ProgressReporter
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.verification import FolderListing

Processors = EventProcessor[Any] | Iterable[EventProcessor[Any]]


@dataclass(frozen=True, slots=True)
class Parts:
    """What may be put in place of the parts that are built from settings. Answers to the Java library's ``Builder``.

    ``parser`` goes in front of ours and returns None for what it does not know. ``pool`` runs the work and should have
    as many threads as the setting ``threads``. ``checkpoint`` remembers what each processor had, ``seen`` which events
    were delivered, ``dead_letters`` takes rejected messages. With the setting ``verify``, ``ledger`` remembers what was
    read and listed, ``public_keys`` tells CloudTrail's keys, ``listing`` lists folders of digests. ``aws`` gives
    credentials outright, as for an emulator. Whoever passes a part closes it.
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
    checkpoint: Checkpoint | None = None
    seen: SeenEvents | None = None
    dead_letters: DeadLetters | None = None
    ledger: Ledger | None = None
    public_keys: PublicKeySource | None = None
    listing: FolderListing | None = None
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


def processors_of(given: Processors | None, settings: Settings) -> tuple[EventProcessor[Any], ...]:
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


def _each(given: Any) -> tuple[EventProcessor[Any], ...]:
    is_one = isinstance(given, EventProcessor | type) or not isinstance(given, Iterable)
    return (given,) if is_one else tuple(given)


def _options_of(name: str, settings: Settings) -> dict[str, Any]:
    """The options that all processors share, and over them those in a table that is named like this one."""
    own = {
        key: value for key, value in settings.options.items() if key in settings.processor and isinstance(value, dict)
    }
    return {key: value for key, value in settings.options.items() if key not in own} | own.get(name, {})
