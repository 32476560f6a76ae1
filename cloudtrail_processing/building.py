"""Raw records → events, and why some are none."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import cast

from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.events.metadata import Origin
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.logfile import Records

_AT_ONCE = 100
"""Records whose bytes are copied together: few enough to stay near the processor until they are read."""


def build(records: Records, *, log: LogObject, indexes: Iterable[int]) -> Iterator[CloudTrailEvent | RejectedRecord]:
    """The events at ``indexes`` of ``records``, in that order, some at a time.

    A record that is no JSON object comes as a ``RejectedRecord``, with its bytes and the reason; it never costs its
    neighbours (Java: ``AbstractEventSerializer`` gave up the rest of the file). Each tells where it stood in its log.
    Raises nothing else than ``IndexError``.
    """
    remaining = iter(indexes)
    while chosen := tuple(islice(remaining, _AT_ONCE)):
        yield from _built(records, log, chosen)


def _built(records: Records, log: LogObject, chosen: Sequence[int]) -> Sequence[CloudTrailEvent | RejectedRecord]:
    origin = Origin(log=log, start_of=records.start_of)
    raws, places = records.raws(chosen), records.indexes_of(chosen)
    events = CloudTrailEvent.from_records(raws, indexes=places, origin=origin)
    if all(events):
        return cast("Sequence[CloudTrailEvent]", events)
    return [
        event or _event(raw, index=index, origin=origin, log=log)
        for raw, index, event in zip(raws, places, events, strict=True)
    ]


def _event(raw: bytes, *, index: int, origin: Origin, log: LogObject) -> CloudTrailEvent | RejectedRecord:
    try:
        return CloudTrailEvent.from_record(raw, index=index, origin=origin)
    except ValueError as error:
        # The texts of its subclasses may quote the record, which belongs in no log line.
        reason = str(error) if type(error) is ValueError else type(error).__name__
    except RecursionError:
        reason = "not usable JSON: it is nested too deeply"
    return RejectedRecord(log=log, index=index, raw=raw, error=reason)
