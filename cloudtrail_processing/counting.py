"""How many records a log has, found out before they take memory: 256 MiB can hold a hundred million of ``{}``."""

from collections.abc import Iterator
from itertools import count

import msgspec

from cloudtrail_processing import spans
from cloudtrail_processing.errors import CorruptLog, LogTooLarge

_MOST_MEMBERS = 1000


def check_count(data: bytes, limit: int) -> None:
    """Raises ``LogTooLarge`` when a log has more records than ``limit``; takes little memory, however many there are.

    A log that is too short to hold so many, or has too few commas, is not looked at: its records are not more than
    that. What is no log is left to whoever reads it, or raises ``CorruptLog``.
    """
    if len(data) <= limit or data.count(b",") < limit:
        return
    try:
        _count_objects(data, limit)
    except (msgspec.MsgspecError, RecursionError):  # damaged, or not all of them are objects: slower, and sure
        _count_spans(data, limit)


def check_number(number: int, limit: int) -> None:
    """Raises ``LogTooLarge`` when ``number``, which is known, is more than ``limit``."""
    if number > limit:
        raise _too_many(limit)


def records_array(data: bytes) -> int:
    """The place of the records in a JSON text: of the one array ``Records`` of an object, or of a bare array.

    Raises ``CorruptLog`` when there is none, or more than one, or anything else than one JSON document.
    """
    start, _ = spans.document(data, spans.first(data), len(data))
    return start if data[start : start + 1] == b"[" else _member(data, start)


def _member(data: bytes, start: int) -> int:
    places = [place for name, (place, _) in _members(data, start) if name == "Records"]
    if not places:
        raise CorruptLog(f'no "Records" in it; its members are: {spans.names(data, start)}')
    if len(places) > 1:
        raise CorruptLog(f'"Records" stands in it {len(places)} times: a sign of tampering')
    if data[places[0] : places[0] + 1] != b"[":
        raise CorruptLog('its "Records" is not an array')
    return places[0]


def _members(data: bytes, start: int) -> Iterator[tuple[str, spans.Span]]:
    """The members of the object at ``start``, of which no log has many: a text of nothing else would take hours."""
    for number, member in enumerate(spans.members(data, start)):
        if number == _MOST_MEMBERS:
            raise CorruptLog(f"no log: it has more than {_MOST_MEMBERS} members beside its records")
        yield member


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
    """The same for any elements, up to the first damage; whoever reads the log will find that, too."""
    start = spans.first(data)
    is_object = data[start : start + 1] == b"{"
    places = [place for name, (place, _) in _members(data, start) if name == "Records"] if is_object else [start]
    if any(number > limit for place in places for number, _ in enumerate(spans.elements(data, place), 1)):
        raise _too_many(limit)


def _too_many(limit: int) -> LogTooLarge:
    return LogTooLarge(f"more than {limit} records, the limit on a log")
