"""Bad records once more: from the quarantine through the same pipeline, in the place of the logs they came from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from cloudtrail_processing.assembly import make_pipeline, open_quarantine, opened
from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.errors import CloudTrailProcessingError, CorruptLog, SettingsError
from cloudtrail_processing.flow import Failed, FetchedLog, LogObject, Processed, RejectedRecord
from cloudtrail_processing.logfile import Records
from cloudtrail_processing.parts import Parts, Processors, aws_options, processors_of
from cloudtrail_processing.pipeline import Pipeline
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.quarantine import FolderQuarantine, Quarantined, StoredQuarantine, by_log, from_line, to_line
from cloudtrail_processing.replay.forgetting import forgetting
from cloudtrail_processing.replay.preview import Preview
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.starting import started
from cloudtrail_processing.sweep import Summary
from cloudtrail_processing.usercode import UserCode

_Place = tuple[LogObject, int, bytes]


def replay_quarantine(
    processors: Processors | None,
    place: StoredQuarantine | str,
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    **values: Any,
) -> Summary:
    """Deliver the records of a quarantine that are events by now, and remove exactly these from it.

    ``place`` is a quarantine, or the folder or ``s3://`` prefix of one. Log by log, the records keep their own places:
    ``event.metadata.index`` and ``batch.id`` are true. What is still bad stays as it lies, and is counted as
    ``quarantined``; what no filter wants stays, too; of a log that fails everything does, and comes again with the next
    replay. Lines that are no records stay, and make one entry without a log in ``failed`` for each file. Nothing is
    read but the quarantine, and nothing is put into one. There is no checkpoint and no memory of events; a processor
    that writes its own checkpoint in its own transaction refuses these records, as they lie before its position.

    Raises ``SettingsError``, also for a folder that does not exist, ``ProcessorError`` when a ``start`` fails, and what
    the quarantine raises: then everything that was removed before was delivered, and at most one log's records were
    delivered and lie there still.
    """
    usual, given = forgetting(Settings.of(settings, **values), parts)
    usual = usual.model_copy(update={"quarantine": None})
    quarantine = _opened(place, settings=usual, parts=given)
    shelf, user_code = _Shelf(), UserCode()
    chosen = [_Noting(processor, shelf) for processor in processors_of(processors, usual)]
    with ExitStack() as closing:
        ours = opened(usual, replace(given, store=shelf, quarantine=_LeftThere()), closing=closing)
        pipeline = make_pipeline(
            chosen, settings=usual, parts=ours, user_code=user_code, closing=closing, splitter=_records
        )
        closing.callback(user_code.close)
        with started(chosen, user_code) as errors:
            summary = _replayed(pipeline, quarantine, shelf)
        return replace(summary, failed=(*summary.failed, *_failures(errors)))


def preview_quarantine(
    place: StoredQuarantine | str,
    *,
    settings: Settings | None = None,
    parts: Parts | None = None,
    most: int = 20,
    **values: Any,
) -> Preview:
    """What lies in the quarantine, counted by log, with its ``most`` first records; raises what that raises.

    ``failed`` has one entry for each file with lines that are no records. ``SettingsError`` for a folder that does not
    exist.
    """
    unreadable: list[CorruptLog] = []
    quarantine = _opened(place, settings=Settings.of(settings, **values), parts=parts or Parts())
    records = ((entry.record, entry.time) for entry in quarantine.entries(unreadable=unreadable.append))
    rows = ((it.log.uri, (it.log.uri, str(it.index), it.error, f"{time:%Y-%m-%d %H:%M}")) for it, time in records)
    preview = Preview.of(rows, counted="log", columns=("log", "index", "error", "kept (UTC)"), most=most)
    return replace(preview, failed=_failures(unreadable))


def _opened(place: StoredQuarantine | str, *, settings: Settings, parts: Parts) -> StoredQuarantine:
    if isinstance(place, StoredQuarantine):
        return place
    quarantine = open_quarantine(place, aws_options(settings, parts))
    if isinstance(quarantine, FolderQuarantine) and not quarantine.exists:
        raise SettingsError(f"there is no folder {place}: name the one in which bad records were kept")
    return quarantine


def _replayed(pipeline: Pipeline, quarantine: StoredQuarantine, shelf: "_Shelf") -> Summary:
    summary = Summary()
    unreadable: list[CorruptLog] = []
    for log, entries in by_log(quarantine.entries(unreadable=unreadable.append)):
        shelf.put(log, entries)
        outcome = pipeline.process_log(log)
        if isinstance(outcome, Processed):
            quarantine.remove(shelf.delivered(entries))
        summary = summary.and_then(outcome)
    return replace(summary, failed=(*summary.failed, *_failures(unreadable)))


def _failures(errors: Iterable[CloudTrailProcessingError]) -> tuple[Failed, ...]:
    """Failures that are of no log."""
    return tuple(Failed(None, error) for error in errors)


class _Shelf:
    """The store of a replay: one log at a time, made of nothing but its quarantined records."""

    def __init__(self) -> None:
        self._bodies: Mapping[LogObject, bytes] = {}
        self._handed: set[_Place] = set()

    def put(self, log: LogObject, entries: Iterable[Quarantined]) -> None:
        """Have this log and no other, each record once, in the order of the log."""
        records = {_place(entry.record): entry.record for entry in entries}
        in_order = sorted(records.values(), key=lambda record: record.index)
        now = datetime.now(UTC)
        self._bodies = {log: b"\n".join(to_line(record, time=now) for record in in_order)}
        self._handed = set()

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The lines of the quarantine, which ``_records`` reads; the pipeline minds the limit."""
        del limit
        return FetchedLog(self._bodies[log], log.etag, log.version_id)

    def hand_out(self, places: Iterable[_Place]) -> None:
        """Told of each event that a processor is given."""
        self._handed.update(places)

    def delivered(self, entries: Iterable[Quarantined]) -> list[Quarantined]:
        """Those of a processed log that a processor was given, and so took."""
        return [entry for entry in entries if _place(entry.record) in self._handed]


class _LeftThere:
    """Where records go that are still bad: nowhere, as they lie in the quarantine already."""

    def keep(self, records: Sequence[RejectedRecord]) -> None:
        """They are kept: this replay has read them from there."""


class _Noting(EventProcessor[Any]):
    """A processor as it is, on batches that tell the places of their records in the log, not on the shelf."""

    def __init__(self, processor: EventProcessor[Any], shelf: _Shelf) -> None:
        self._processor = processor
        self._shelf = shelf
        self.model = processor.model
        self.filter = processor.filter
        self.retry = processor.retry

    @property
    def name(self) -> str:
        return self._processor.name

    def start(self) -> Any:
        return self._processor.start()

    def process(self, batch: EventBatch[Any]) -> Any:
        places = batch.indexes
        self._shelf.hand_out((batch.log, index, batch.raw(place)) for place, index in enumerate(places))
        return self._processor.process(replace(batch, first_index=places[0], next_index=places[-1] + 1))

    def stop(self) -> Any:
        return self._processor.stop()


def _records(body: bytes) -> Records:
    found = list(_read(body))
    return Records.of([record.raw for record in found], indexes=[record.index for record in found])


def _read(body: bytes) -> Iterator[RejectedRecord]:
    return (from_line(line, place="the shelf").record for line in body.split(b"\n"))


def _place(record: RejectedRecord) -> _Place:
    return record.log, record.index, record.raw
