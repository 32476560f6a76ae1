"""The text form of conditions, ``event_source=iam.amazonaws.com,event_name!=Get*|List*``, taken to pieces."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cloudtrail_processing.errors import SettingsError

_FIELD = re.compile(r"\s*(?P<field>[A-Za-z_]\w*)\s*(?P<operator>!=|=)", re.ASCII)
_VALUE = re.compile(
    r"""\s*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)'|(?P<bare>[^,|"'\s=][^,|]*))\s*(?P<end>[,|]|\Z)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SpelledCondition:
    """One condition as written: the field must have one of the values, or none of them when ``negated``."""

    field: str
    negated: bool
    values: tuple[str, ...]


def spelled_conditions(text: str) -> Iterator[SpelledCondition]:
    """Split at ``,`` (AND) into conditions and their values at ``|`` (any of); ``!=`` negates.

    Values may stand in quotes, ``"…"`` or ``'…'``, with a backslash before a quote or a backslash in them. Blanks
    around fields and values do not count. Raises ``SettingsError`` that says where the text cannot be understood.
    """
    place = 0
    while True:
        found = _FIELD.match(text, place)
        if found is None:
            raise _unclear(text, place, "field=value or field!=value")
        values, place, more = _values(text, found.end())
        yield SpelledCondition(found["field"], found["operator"] == "!=", values)
        if not more:
            return


def _values(text: str, place: int) -> tuple[tuple[str, ...], int, bool]:
    """The alternatives from ``place`` on, where they end, and whether another condition follows."""
    values: list[str] = []
    end = "|"
    while end == "|":
        found = _VALUE.match(text, place)
        if found is None:
            raise _unclear(text, place, "a value (in quotes if it holds , or | or begins with =)")
        values.append(_unquoted(found))
        place, end = found.end(), found["end"]
    return tuple(values), place, end == ","


def _unquoted(found: re.Match[str]) -> str:
    bare: str | None = found["bare"]
    if bare is not None:
        return bare.rstrip()
    quoted: str = found["double"] if found["double"] is not None else found["single"]
    return re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL)


def _unclear(text: str, place: int, expected: str) -> SettingsError:
    where = f"at {text[place : place + 40]!r}" if text[place:].strip() else "at its end"
    return SettingsError(f"the condition {text[:200]!r} cannot be understood {where}: expected {expected}")
