"""Where the values of a JSON text lie, without parsing them.

A span is ``(start, end)``: the value is exactly ``data[start:end]``. Only strings and brackets are understood, so a
value that is damaged inside still has its span, and so have its neighbours. Time is linear in the length of the text,
memory does not grow with its depth, and every function raises ``CorruptLog`` and nothing else.
"""

import json
import re
import sys
from collections.abc import Iterator
from itertools import islice

from cloudtrail_processing.errors import CorruptLog

Span = tuple[int, int]

MAX_DEPTH = 1000
"""Values nested deeper than this are refused: CloudTrail's own are nested some ten levels deep."""
_SHOWN = 8  # names in an error text
_TOO_DEEP = f"nothing nested deeper than {MAX_DEPTH} levels"

SPACE = b" \t\r\n"
"""White space of JSON."""

_BOM = b"\xef\xbb\xbf"
_SKIPPED = re.compile(rb"[ \t\r\n]*")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_COLON = re.compile(rb"[ \t\r\n]*:[ \t\r\n]*")
# What may be passed over between two bytes that matter: inside a value its commas do not matter, nor do flat values.
_OUTSIDE = re.compile(rb'(?:[^"\[\]{},]*+"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[^"\[\]{},]*+', re.DOTALL)
_PLAIN = rb'[^"\[\]{}]++|"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_FLAT = rb"[\[{](?:" + _PLAIN + rb")*+[\]}]"
_INSIDE = re.compile(rb"(?:" + _PLAIN + rb"|[\[{](?:" + _PLAIN + rb"|" + _FLAT + rb")*+[\]}])*+", re.DOTALL)
_PASSED = 2  # levels of brackets that are passed over at once
_LINE = re.compile(rb"[^\n]+")


def document(data: bytes, start: int, end: int) -> Span:
    """The span of the one object or array that ``data[start:end]`` is, without the white space behind it.

    Raises ``CorruptLog`` when it is neither, when it is cut short, or when anything follows it.
    """
    _expect(data[start : start + 1] in (b"{", b"["), what="an object or an array", place=start)
    close = _closed(data, start, end)
    if _skip(data, close) < end:
        raise CorruptLog(f"{end - close} bytes after the end of the JSON document, at byte {close}")
    return start, close


def first(data: bytes) -> int:
    """The place of the first byte of the JSON text, behind a byte order mark and white space.

    Raises ``CorruptLog`` when there is nothing else.
    """
    start = _skip(data, len(_BOM) if data.startswith(_BOM) else 0)
    if start == len(data):
        raise CorruptLog("empty: no JSON document")
    return start


def elements(data: bytes, start: int) -> Iterator[Span]:
    """The spans of the elements of the array that begins at ``start``, in order. A missing value is an empty span."""
    _expect(data[start : start + 1] == b"[", what="an array", place=start)
    place = _skip(data, start + 1)
    if data[place : place + 1] == b"]":
        return
    mark = b","
    while mark == b",":
        end = _value_end(data, place)
        yield _stripped(data, place, end)
        mark = data[end : end + 1]
        place = _skip(data, end + 1)
    _expect(mark == b"]", what="the end of the array", place=end)


def members(data: bytes, start: int) -> Iterator[tuple[str, Span]]:
    """The members of the object that begins at ``start``, in order, repeated names included."""
    _expect(data[start : start + 1] == b"{", what="an object", place=start)
    place = _skip(data, start + 1)
    if data[place : place + 1] == b"}":
        return
    mark = b","
    while mark == b",":
        name, place = _name(data, place)
        end = _value_end(data, place)
        yield name, _stripped(data, place, end)
        mark = data[end : end + 1]
        place = _skip(data, end + 1)
    _expect(mark == b"}", what="the end of the object", place=end)


def names(data: bytes, start: int) -> str:
    """The names of the members of the object at ``start``, for error texts: cut short, as they come from the data."""
    shown = [ascii(name[:40]) for name, _ in islice(members(data, start), _SHOWN + 1)]
    return ", ".join(shown[:_SHOWN] + ["…"] * (len(shown) > _SHOWN)) or "none"


def lines(data: bytes) -> Iterator[Span]:
    """The spans of the lines that are not blank, without the white space around them."""
    start = len(_BOM) if data.startswith(_BOM) else 0
    for line in _LINE.finditer(data, start):
        begin = _skip(data, line.start())
        if begin < line.end():
            yield _stripped(data, begin, line.end())


def _value_end(data: bytes, place: int) -> int:
    """The place of the comma or closing bracket behind the value at ``place``, or the end of the text."""
    while True:
        place = _end_of(_OUTSIDE, data, place)
        mark = data[place : place + 1]
        if mark not in (b"[", b"{"):
            _expect(mark != b'"', what="the end of a string: cut short or damaged", place=place)
            return place
        place = _closed(data, place, len(data))


def _closed(data: bytes, place: int, limit: int) -> int:
    """The place behind the bracket that closes the one at ``place``, looked for before ``limit``."""
    depth = 1
    while depth:
        place = _end_of(_INSIDE, data, place + 1, limit)
        mark = data[place : min(place + 1, limit)]
        if mark in (b"]", b"}"):
            depth -= 1
        else:
            _expect(mark in (b"[", b"{"), what="the end of a value: cut short or damaged", place=place)
            depth += 1
            _expect(depth + _PASSED <= MAX_DEPTH, what=_TOO_DEEP, place=place)  # else it had been passed over
    return place + 1


def _name(data: bytes, place: int) -> tuple[str, int]:
    """The name of the member at ``place``, and the place of its value."""
    string = _STRING.match(data, place)
    colon = string and _COLON.match(data, string.end())
    if string is None or colon is None:
        raise CorruptLog(f"not JSON: no member name at byte {place}")
    try:
        return str(json.loads(string.group().decode())), colon.end()
    except ValueError:
        return string.group()[1:-1].decode("utf-8", "replace"), colon.end()


def _skip(data: bytes, place: int) -> int:
    return _end_of(_SKIPPED, data, place)


def _end_of(pattern: re.Pattern[bytes], data: bytes, place: int, limit: int = sys.maxsize) -> int:
    """Where a pattern that can match nothing, and so always matches, ends."""
    match = pattern.match(data, place, limit)
    return match.end() if match else place


def _stripped(data: bytes, start: int, end: int) -> Span:
    while end > start and data[end - 1] in SPACE:
        end -= 1
    return start, end


def _expect(condition: bool, *, what: str, place: int) -> None:
    if not condition:
        raise CorruptLog(f"not JSON: expected {what}, at byte {place}")
