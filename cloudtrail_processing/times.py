"""Ranges of time: as people write them, and which of CloudTrail's folders may hold logs of them."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Self

from cloudtrail_processing.errors import SettingsError

_AGO = re.compile(r"([0-9]+) ?([mhdw])")
_UNITS = MappingProxyType({"m": "minutes", "h": "hours", "d": "days", "w": "weeks"})
_FOLDER = re.compile(
    r"(?:.*/)?AWSLogs/(?:o-[a-z0-9]{10,32}/)?"
    r"(?:[0-9]{12}/(?:[^/]+/(?:[a-z0-9-]+/"
    r"(?:(?P<year>[0-9]{4})/(?:(?P<month>[0-9]{2})/(?:(?P<day>[0-9]{2})/)?)?)?)?)?)?",
    re.DOTALL,
)


def moment(text: str, *, now: datetime) -> datetime:
    """The time that ``text`` names, in UTC: 2026-01-31, 2026-01-31T12:00Z, or 90m, 2h, 3d, 1w before ``now``.

    A date is its first moment; a time without a zone is in UTC. Raises ``SettingsError``.
    """
    try:
        if ago := _AGO.fullmatch(text.strip()):
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        written = "write 2026-01-31, 2026-01-31T12:00Z (UTC), or 90m, 2h, 3d, 1w for so long ago"
        raise SettingsError(f"{text[:64]!r} is no time: {written}") from None


@dataclass(frozen=True, slots=True)
class TimeRange:
    """All times from ``first`` to ``last``, both included; timezone-aware."""

    first: datetime
    last: datetime

    @classmethod
    def between(cls, first: str, last: str | None, *, now: datetime) -> Self:
        """The range between two times as ``moment`` reads them, up to ``now`` without ``last``.

        Raises ``SettingsError``, also for a range that ends before it begins.
        """
        start, end = moment(first, now=now), now if last is None else moment(last, now=now)
        if end < start:
            raise SettingsError(
                f"the range from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ} ends before it begins"
            )
        return cls(start, end)

    def __contains__(self, time: datetime) -> bool:
        return self.first <= time <= self.last

    def touches(self, days: tuple[date, date]) -> bool:
        """False when no log of this time can lie in a folder of ``days``; a day more on each side is for clocks."""
        first, last = (day.toordinal() for day in days)
        return first <= self.last.date().toordinal() + 1 and last >= self.first.date().toordinal() - 1


def days_of(folder: str) -> tuple[date, date] | None:
    """The first and the last day whose logs may lie under ``folder`` (ending in ``/``), by CloudTrail's layout.

    The layout is ``[prefix/]AWSLogs/[o-…/]<account>/<kind>/<region>/YYYY/MM/DD/``; above the years it is all days there
    are. None for a folder that is no part of it, or lies below a day.
    """
    found = _FOLDER.fullmatch(folder)
    if found is None:
        return None
    year, month, day = (int(part) if part else None for part in found.group("year", "month", "day"))
    if year is None:
        return date.min, date.max
    try:
        first, last_month = date(year, month or 1, day or 1), month or 12
    except ValueError:
        return None
    return first, first if day else date(year, last_month, monthrange(year, last_month)[1])
