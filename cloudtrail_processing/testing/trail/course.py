"""The course of a trail: what happens in which of its hours."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
BACKFILLED_AFTER = 3
"""Hours between the end of a window and the backfill digest of it."""

_KEY_LIFE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The arguments of ``SignedTrail``, checked. Hours count from 0, which begins at ``start`` (UTC)."""

    start: datetime
    hours: int
    logs: int
    records: int
    accounts: Sequence[str]
    regions: Sequence[str]
    trail: str
    home: str
    bucket: str
    prefix: str
    organization: str | None
    rotate: int
    quiet: Collection[int]
    stopped: Collection[tuple[int, int]]
    backfill: Collection[int]
    moves: Mapping[int, str]

    def __post_init__(self) -> None:
        if self.hours < 1 or self.rotate < 1 or not self.accounts or not self.regions:
            raise ValueError("a trail has at least one hour, account and region, and an hour between rotations")
        without = [hour for hour in self.backfill if not 0 <= hour < self.hours or not self.logs_in(hour)]
        if without:
            raise ValueError(f"no log to backfill in the hours {sorted(without)}")

    def end(self, hour: int) -> datetime:
        """When the window of ``hour`` ends."""
        return self.start + (hour + 1) * HOUR

    def bucket_in(self, hour: int) -> str:
        """The bucket that everything is written to in ``hour``."""
        moved = [since for since in self.moves if since <= hour]
        return self.moves[max(moved)] if moved else self.bucket

    def is_stopped(self, hour: int) -> bool:
        """True for hours without logging."""
        return any(since <= hour < until for since, until in self.stopped)

    def logs_in(self, hour: int) -> int:
        """How many logs are delivered in ``hour``, per account and region."""
        return 0 if hour in self.quiet or self.is_stopped(hour) else self.logs

    def signing_hour(self, hour: int, *, is_backfill: bool) -> int:
        """The hour whose key signs the digest of ``hour``."""
        return hour + 1 + BACKFILLED_AFTER if is_backfill else hour

    def rotations(self, hour: int) -> int:
        """How often the keys have been changed by ``hour``."""
        return hour // self.rotate

    @property
    def last_rotation(self) -> int:
        """The number of the last key that signs anything."""
        late = (self.signing_hour(hour, is_backfill=True) for hour in self.backfill)
        return self.rotations(max([self.hours - 1, *late]))

    def validity(self, rotation: int) -> tuple[datetime, datetime]:
        """When a key is valid: 30 days from its first digest's window on, more where it signs for longer."""
        first = self.start + rotation * self.rotate * HOUR
        return first, first + max(_KEY_LIFE, (self.rotate + 2) * HOUR)
