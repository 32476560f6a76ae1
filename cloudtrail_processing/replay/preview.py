"""What a replay would do, without doing it."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from cloudtrail_processing.flow import Failed


@dataclass(frozen=True, slots=True)
class Preview:
    """``counts`` of what would be delivered again, by what ``counted`` says, and its ``first`` few, one row each.

    ``left_out`` counts, in the same way, what would not be touched. ``failed`` tells what could not be read.
    """

    counted: str
    counts: Counter[str]
    columns: tuple[str, ...]
    first: tuple[tuple[str, ...], ...]
    left_out: Counter[str]
    failed: tuple[Failed, ...] = ()

    @property
    def total(self) -> int:
        """How much would be delivered again."""
        return self.counts.total()

    @classmethod
    def of(
        cls,
        rows: Iterable[tuple[str, tuple[str, ...]]],
        *,
        counted: str,
        columns: tuple[str, ...],
        most: int,
    ) -> "Preview":
        """From what each row counts as, and the row; only the first ``most`` rows are kept."""
        counts: Counter[str] = Counter()
        first: list[tuple[str, ...]] = []
        for kind, row in rows:
            counts[kind] += 1
            if len(first) < most:
                first.append(row)
        return cls(counted, counts, columns, tuple(first), Counter())
