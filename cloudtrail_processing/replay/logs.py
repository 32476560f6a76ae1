"""Logs once more: those that a list names, or those of a time."""

from collections.abc import Iterable, Iterator
from typing import Any

from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts, Processors
from cloudtrail_processing.ports import KeySource
from cloudtrail_processing.replay.forgetting import forgetting
from cloudtrail_processing.replay.preview import Preview
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.sweep import Summary, process
from cloudtrail_processing.times import TimeRange

_VERSION = "?versionId="


def replay_logs(
    processors: Processors | None,
    logs: KeySource | Iterable[LogObject],
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    **values: Any,
) -> Summary:
    """Deliver logs again, whatever was remembered of them: as ``sweep.process``, without checkpoint and memory.

    A processor's own ``checkpoint`` stays in force. Raises as ``sweep.process`` does.
    """
    chosen, usual = forgetting(Settings.of(settings, **values), parts)
    return process(processors, logs, settings=chosen, parts=usual)


def preview_logs(logs: KeySource | Iterable[LogObject], *, most: int = 20) -> Preview:
    """What ``replay_logs`` would read, counted by bucket; no log is read. Raises what ``logs`` raises."""
    found = logs if isinstance(logs, Iterable) else logs.logs()
    rows = ((log.bucket or "files", (log.uri, _slot(log))) for log in found)
    return Preview.of(rows, counted="bucket", columns=("log", "time (UTC)"), most=most)


def logs_named(lines: Iterable[str], *, source: str) -> list[LogObject]:
    """The logs that the lines name, in their order, each one once.

    A line is ``s3://bucket/key`` or ``s3://bucket/key?versionId=…``, the key as it is, not URL-encoded; empty lines
    and those that begin with ``#`` say nothing. ``source`` is what errors call the list. Raises ``SettingsError`` that
    names the line.
    """
    named: dict[LogObject, None] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and not text.startswith("#"):
            named[_named(text, f"line {number} of {source}")] = None
    return list(named)


class InTime:
    """Those of ``logs`` whose time lies in the range, by their keys alone: the end of each one's five-minute slot.

    ``untold`` counts those that were left out because their keys tell no time.
    """

    def __init__(self, logs: Iterable[LogObject], times: TimeRange) -> None:
        self._logs = logs
        self._times = times
        self.untold = 0

    def __iter__(self) -> Iterator[LogObject]:
        for log in self._logs:
            if log.slot_time is None:
                self.untold += 1
            elif log.slot_time in self._times:
                yield log


def _named(text: str, where: str) -> LogObject:
    place, mark, version = text.rpartition(_VERSION)
    scheme, _, rest = (place if mark else text).partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key or key.endswith("/"):
        raise SettingsError(f"{where} names no log: write s3://bucket/key, or s3://bucket/key{_VERSION}…")
    if mark and not version:
        raise SettingsError(f"{where} names no version after {_VERSION}")
    return log_object(bucket, key, version_id=version if mark else None)


def _slot(log: LogObject) -> str:
    return f"{log.slot_time:%Y-%m-%d %H:%M}" if log.slot_time else ""
