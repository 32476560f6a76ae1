"""Single values as CloudTrail writes them: versions, times, booleans as text, hidden and omitted content."""

import re
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple, Self

HIDDEN: Final = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""What AWS writes in place of a string, a list element or a whole object that must not be logged."""

_VERSION: Final = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
_SHORTEST_TIME: Final = len("20131102T010628Z")


class EventVersion(NamedTuple):
    """An ``eventVersion`` as two integers, so that 1.10 > 1.9 and "1.08" is minor 8.

    Compare it with a plain tuple: ``event.version >= (1, 10)``. AWS raises the major number for incompatible
    changes, the minor one for new fields.
    """

    major: int
    minor: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """The version that ``text`` spells; ``(0, 0)`` for anything else."""
        found = _VERSION.fullmatch(text) if isinstance(text, str) else None
        return cls(int(found[1]), int(found[2])) if found else cls(0, 0)


def parse_time(text: object) -> datetime | None:
    """The moment that ``text`` spells, aware and in UTC; None when it spells none.

    Understands what CloudTrail and the tools around it write: ``2023-07-10T11:42:18Z``, the basic form
    ``20131102T010628Z``, any number of fraction digits (kept to microseconds), offsets, and
    ``2025-10-30 23:45:00``, which is UTC. A date without a time of day is no moment.
    """
    if not isinstance(text, str) or len(text) < _SHORTEST_TIME - 1:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is UTC:  # as nearly always: with a Z at its end
            return moment
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def as_bool(value: object) -> bool | None:
    """True and False, also when they are spelled as text ("true", "False"); None for everything else."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return None


def as_text(value: object) -> str | None:
    """``value`` when it is a string with something in it, else None."""
    return value if isinstance(value, str) and value else None


def reach(start: object, *names: str) -> Any:
    """Follow attributes from ``start``; None as soon as one is missing, so that odd values never raise."""
    for name in names:
        start = getattr(start, name, None)
    return start


def is_omitted(value: object) -> bool:
    """True when ``value`` stands for content that CloudTrail left out for its size.

    Such a value is ``{"omitted": "true", "reason": "requestParameters too large", "originalSize": "149893"}``;
    older ones have only ``omitted``, as text or as a boolean.
    """
    return isinstance(value, dict) and as_bool(value.get("omitted")) is True
