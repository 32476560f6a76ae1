"""Events from whatever form a person has them in: for notebooks, tests and the command line.

The worker reads logs only (``logfile``); here the shape of the data decides.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from typing import BinaryIO, TextIO

from cloudtrail_processing import spans
from cloudtrail_processing.building import build
from cloudtrail_processing.errors import CorruptLog
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.logfile import DEFAULT_LIMITS, Limits, Records, inflate, of_log, split
from cloudtrail_processing.spans import Span

_PIECE = 2**20

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | TextIO


def read_events(source: Source, *, limits: Limits = DEFAULT_LIMITS) -> Iterator[CloudTrailEvent]:
    """The events in ``source``, in its order, in any of the forms that ``split_any`` knows, gzipped or not.

    ``source`` is a path (a ``str`` is always a path), an open file, or the bytes themselves. It is read before this
    returns; events are built one by one, and know the file (``event.metadata``).

    Raises ``OSError`` when a file cannot be read, and ``CorruptLog`` when it cannot be understood. When some records
    are no events, the good ones come first and ``CorruptLog`` after the last of them, naming the first bad one.
    """
    body, name = _read(source, limit=limits.inflated)
    log = log_object("", name)
    try:
        records = split_any(inflate(body, limits=limits))
    except CorruptLog as error:
        raise of_log(error, log.uri) from error
    return _events(records, log=log)


def _events(records: Records, *, log: LogObject) -> Iterator[CloudTrailEvent]:
    rejected: list[RejectedRecord] = []
    for event in build(records, log=log, indexes=range(len(records))):
        if isinstance(event, RejectedRecord):
            rejected.append(event)
        else:
            yield event
    if rejected:
        first = rejected[0]
        raise CorruptLog(
            f"{log.uri}: {len(rejected)} of {len(records)} records are no events, the first at index {first.index}: "
            f"{first.error}; all others were read"
        )


def _read(source: Source, *, limit: int) -> tuple[bytes, str]:
    """The bytes of a source, few more than ``limit`` at most, and its name."""
    match source:
        case str() | os.PathLike():
            with Path(source).open("rb") as file:
                return _content(file, limit=limit), os.fspath(source)
        case bytes() | bytearray() | memoryview():
            return bytes(source), "<bytes>"
    name = getattr(source, "name", None)
    return _content(source, limit=limit), name if isinstance(name, str) else "<stream>"


def _content(file: BinaryIO | TextIO, *, limit: int) -> bytes:
    """All of a file, in pieces: one read may return less than there is, and lines cut off would not be missed."""
    data = bytearray()
    while len(data) <= limit and (piece := file.read(_PIECE)):
        data += piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
    return bytes(data)


_LOG = re.compile(rb'[ \t\r\n]*+\{[ \t\r\n]*+"Records"')


def split_any(data: bytes) -> Records:
    """The records in any text that holds CloudTrail records: ``split``, and every other form they are found in.

    - a log (``{"Records": […]}``), or one single record
    - the output of LookupEvents (``{"Events": […]}``, each with the record as text in ``CloudTrailEvent``), or one of
      its events
    - an EventBridge event "… via CloudTrail" (the record is the exact bytes of its ``detail``)
    - a CloudWatch Logs subscription payload (a control message holds no records)
    - an array of any of these, or JSON lines: one of these per line, blank lines allowed

    In arrays and lines, a damaged or unknown value stays in its place as a record, for ``build`` to judge; EventBridge
    events of other services are left out. ``start_of`` is None for a record that stands as text inside other JSON.

    Raises ``CorruptLog`` for what is no JSON, and when nothing in it is known to come from CloudTrail.
    """
    if _LOG.match(data):
        with suppress(CorruptLog):  # the quick way; what is wrong with it, or that it is many lines, shows below
            return split(data)
    try:
        span = spans.document(data, spans.first(data), len(data))
    except CorruptLog as whole:
        return _by_line(data, whole)
    return _of_document(data, span)


def _of_document(data: bytes, span: Span) -> Records:
    form = _form(data, span[0])
    if form is _Form.LOG:
        return split(data)
    if form is not _Form.ARRAY:
        return _records(_unwrap(data, span))
    records = split(data)
    starts = map(records.start_of, range(len(records)))
    found = [(start, start + len(raw)) for start, raw in zip(starts, records, strict=True) if start is not None]
    return _records(_gather(data, found, _unwrap))


def _by_line(data: bytes, whole: CorruptLog) -> Records:
    """The records of JSON lines; ``whole`` says why the text is not one JSON document."""
    lines = list(spans.lines(data))
    if len(lines) <= 1:
        raise whole
    try:
        return _records(_gather(data, lines, _unwrap))
    except CorruptLog as error:
        raise CorruptLog(f"neither one JSON document ({whole}) nor JSON lines ({error})") from error


_Piece = tuple[bytes, int | None]
"""A record, and where it begins in the data."""


class _OtherEvent(CorruptLog):
    """An intact event that EventBridge carries for another service."""


class _Form(Enum):
    RECORD = auto()
    LOG = auto()
    LOOKUP = auto()
    LOOKUP_EVENT = auto()
    EVENTBRIDGE = auto()
    SUBSCRIPTION = auto()
    ARRAY = auto()
    UNKNOWN = auto()


# The first of these member names that an object has says what it is.
_MARKS = {
    "Records": _Form.LOG,
    "Events": _Form.LOOKUP,
    "CloudTrailEvent": _Form.LOOKUP_EVENT,
    "detail-type": _Form.EVENTBRIDGE,
    "logEvents": _Form.SUBSCRIPTION,
} | dict.fromkeys(
    ("eventVersion", "eventID", "eventId", "eventName", "eventSource", "eventCategory", "userIdentity"), _Form.RECORD
)


def _form(data: bytes, start: int) -> _Form:
    """What the value at ``start`` is, as far as it shows before any damage."""
    if data[start : start + 1] == b"[":
        return _Form.ARRAY
    if data[start : start + 1] != b"{":
        return _Form.UNKNOWN
    try:
        return next((_MARKS[name] for name, _ in spans.members(data, start) if name in _MARKS), _Form.UNKNOWN)
    except CorruptLog:
        return _Form.UNKNOWN


def _unwrap(data: bytes, span: Span) -> list[_Piece]:
    """The records in one intact object; ``CorruptLog`` when it is not known to come from CloudTrail."""
    start, _ = span
    match _form(data, start):
        case _Form.LOG:
            return _log(data, span)
        case _Form.LOOKUP:
            events, _ = _members(data, start)["Events"]
            return _gather(data, list(spans.elements(data, events)), _unwrap_event)
        case _Form.SUBSCRIPTION:
            return _subscription(data, _members(data, start))
        case _:
            return _unwrap_event(data, span)


def _unwrap_event(data: bytes, span: Span) -> list[_Piece]:
    """The one record in an intact object that is a record or holds one; ``CorruptLog`` as above."""
    start, end = span
    match _form(data, start):
        case _Form.RECORD:
            return [(data[start:end], start)]
        case _Form.LOOKUP_EVENT:
            return [_text(data, _members(data, start)["CloudTrailEvent"])]
        case _Form.EVENTBRIDGE:
            return [_detail(data, _members(data, start))]
        case _Form.ARRAY:
            raise CorruptLog("an array inside of another")
    raise CorruptLog(f"not known to come from CloudTrail; its members are: {spans.names(data, start)}")


def _log(data: bytes, span: Span) -> list[_Piece]:
    records = split(data[slice(*span)])
    starts = map(records.start_of, range(len(records)))
    return [(raw, None if start is None else span[0] + start) for raw, start in zip(records, starts, strict=True)]


def _detail(data: bytes, members: dict[str, Span]) -> _Piece:
    """The record in an EventBridge event."""
    kind, _ = _text(data, members["detail-type"])
    if not kind.endswith(b"via CloudTrail"):
        raise _OtherEvent(f"an EventBridge event {kind[:60].decode(errors='replace')!a}, not from CloudTrail")
    start, end = _member(members, "detail")
    return data[start:end], start


def _subscription(data: bytes, members: dict[str, Span]) -> list[_Piece]:
    """The records in the payload of a CloudWatch Logs subscription."""
    kind, _ = _text(data, _member(members, "messageType"))
    if kind == b"CONTROL_MESSAGE":
        return []
    return _gather(data, list(spans.elements(data, members["logEvents"][0])), _message)


def _message(data: bytes, span: Span) -> list[_Piece]:
    return [_text(data, _member(_members(data, span[0]), "message"))]


def _text(data: bytes, span: Span) -> _Piece:
    """What a JSON string says; the value as it stands, when it is no string or a damaged one."""
    start, end = span
    raw = data[start:end]
    try:
        value = json.loads(raw.decode()) if raw.startswith(b'"') else None
    except ValueError:
        value = None
    return (value.encode("utf-8", "surrogatepass"), None) if isinstance(value, str) else (raw, start)


def _members(data: bytes, start: int) -> dict[str, Span]:
    """The members of the object at ``start``; ``CorruptLog`` when a name stands in it twice."""
    found = list(spans.members(data, start))
    members = dict(found)
    if len(members) < len(found):
        raise CorruptLog(f"a name stands twice among its members: {spans.names(data, start)}")
    return members


def _member(members: dict[str, Span], name: str) -> Span:
    if name not in members:
        raise CorruptLog(f"it has no member {name}")
    return members[name]


def _gather(data: bytes, found: Sequence[Span], unwrap: Callable[[bytes, Span], list[_Piece]]) -> list[_Piece]:
    """The records in many values; ``CorruptLog`` when there are values and not one of them is known."""
    pieces: list[_Piece] = []
    first, known = None, 0
    for start, end in found:
        try:
            pieces += unwrap(data, spans.document(data, start, end))
            known += 1
        except CorruptLog as error:
            first = first or error
            if not isinstance(error, _OtherEvent):
                pieces.append((data[start:end], start))
    if first and not known:
        raise CorruptLog(f"none of {len(found)} values comes from CloudTrail; the first: {first}") from first
    return pieces


def _records(pieces: Sequence[_Piece]) -> Records:
    starts = [start for _, start in pieces]
    return Records([raw for raw, _ in pieces], starts.__getitem__)
