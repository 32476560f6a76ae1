"""How many records a log has, found out before they take memory: 256 MiB can hold a hundred million of ``{}``."""

from array import array
from itertools import count

import msgspec

from cloudtrail_processing import spans
from cloudtrail_processing.errors import CorruptLog, LogTooLarge


def check_count(data: bytes, limit: int) -> None:
    """Raises ``LogTooLarge`` when a log has more records than ``limit``; takes little memory, however many there are.

    A log that is too short to hold so many, or has too few commas, is not looked at: its records are not more than
    that. What is no log is left to whoever reads it, or raises ``CorruptLog``.
    """
    most = (len(data) + 1) // 2  # a comma stands between two records, and each is a byte long
    if most <= limit or data.count(b",") < limit:
        return
    try:
        _count_objects(data, limit)
    except (msgspec.MsgspecError, RecursionError):  # damaged, or not all of them are objects: slower, and sure
        _count_spans(data, limit)


def records_array(data: bytes) -> int:
    """The place of the records in a JSON text: of the one array ``Records`` of an object, or of a bare array.

    Raises ``CorruptLog`` when there is none, or more than one, or anything else than one JSON document.
    """
    start, _ = spans.document(data, spans.first(data), len(data))
    return start if data[start : start + 1] == b"[" else _member(data, start)


def _member(data: bytes, start: int) -> int:
    places = array("Q", (place for name, (place, _) in spans.members(data, start) if name == "Records"))
    if not places:
        raise CorruptLog(f'no "Records" in it; its members are: {spans.names(data, start)}')
    if len(places) > 1:
        raise CorruptLog(f'"Records" stands in it {len(places)} times: a sign of tampering')
    if data[places[0] : places[0] + 1] != b"[":
        raise CorruptLog('its "Records" is not an array')
    return places[0]


def _count_objects(data: bytes, limit: int) -> None:
    """Raises ``LogTooLarge`` at the first record too many, and msgspec's errors at what is no object."""
    numbers = count(1)

    class Counted(msgspec.Struct, gc=False):
        def __post_init__(self) -> None:
            if next(numbers) > limit:
                raise _too_many(limit)

    class Log(msgspec.Struct):
        records: list[Counted] = msgspec.field(name="Records")

    msgspec.json.Decoder(Log | list[Counted]).decode(data)


def _count_spans(data: bytes, limit: int) -> None:
    if any(number > limit for number, _ in enumerate(spans.elements(data, records_array(data)), 1)):
        raise _too_many(limit)


def _too_many(limit: int) -> LogTooLarge:
    return LogTooLarge(f"more than {limit} records, the limit on a log")
