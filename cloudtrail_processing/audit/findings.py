"""What an audit finds, and what all of it comes to."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Final

from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.integrity import Judgement, State


class What(StrEnum):
    """What a finding is about."""

    DIGEST = "digest"
    BACKFILL = "backfill digest"
    LOG = "log"
    TRAIL = "trail"
    """A stretch of time in the chain of a trail."""


class Exit(IntEnum):
    """What the whole audit comes to, as the exit code of the command. The worst one counts, in this order."""

    INVALID = 1
    """Something is not what CloudTrail delivered, a log is gone, or one is there that CloudTrail did not list."""
    INCOMPLETE = 4
    """Something could not be looked at, or cannot be proven: forbidden, unreadable, a digest not found."""
    GAPS = 3
    """All that there is is valid, but there were times without logging."""
    NOTHING = 5
    """There was nothing to validate."""
    VALID = 0


@dataclass(frozen=True, slots=True)
class Finding:
    """One object, or one stretch of time, and what is known of it.

    ``first`` and ``last`` are of a stretch, or of a digest's window; ``count`` is of the digests missing in it.
    """

    what: What
    state: State
    account: str
    region: str
    bucket: str = ""
    key: str = ""
    detail: str = ""
    first: datetime | None = None
    last: datetime | None = None
    count: int = 1

    @property
    def uri(self) -> str:
        """Where it lies, in one printable line; empty for a stretch of time."""
        return LogObject(self.bucket, self.key).uri if self.key else ""

    @property
    def exit(self) -> Exit:
        """What it alone would come to."""
        if self.what is What.LOG and self.state is State.NOT_FOUND:
            return Exit.INVALID
        return _EXITS.get(self.state, Exit.INVALID)


_EXITS: Final = {
    State.VALID: Exit.VALID,
    State.NOT_FOUND: Exit.INCOMPLETE,
    State.FORBIDDEN: Exit.INCOMPLETE,
    State.UNREADABLE: Exit.INCOMPLETE,
    State.UNPROVEN: Exit.INCOMPLETE,
    State.MISSING: Exit.INCOMPLETE,
    State.GAP: Exit.GAPS,
}


def found(what: What, judgement: Judgement, *, account: str, region: str, bucket: str, key: str) -> Finding:
    """A finding on one object."""
    return Finding(what, judgement.state, account, region, bucket, key, judgement.detail)


@dataclass(slots=True)
class Place:
    """What was found in one account and region. ``first`` and ``last`` span the windows of its valid digests."""

    counts: Counter[tuple[What, State]] = field(default_factory=Counter)
    first: datetime | None = None
    last: datetime | None = None

    def add(self, finding: Finding) -> None:
        """Count one more."""
        self.counts[finding.what, finding.state] += finding.count
        if finding.state is State.VALID and finding.first and finding.last:
            self.first = min(filter(None, (self.first, finding.first)))
            self.last = max(filter(None, (self.last, finding.last)))

    def of(self, *whats: What, bad: bool | None = None) -> int:
        """How many of these there are, or how many of them are (not) valid."""
        return sum(
            count
            for (what, state), count in self.counts.items()
            if what in whats and (bad is None or (state is not State.VALID) is bad)
        )


class Summary:
    """What an audit came to, by account and region; grows with these only."""

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self.places: dict[tuple[str, str], Place] = {}
        self._exits: set[Exit] = set()
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Count one more finding."""
        self.places.setdefault((finding.account, finding.region), Place()).add(finding)
        self._exits.add(finding.exit)

    @property
    def exit(self) -> Exit:
        """The worst that was found."""
        return next((it for it in Exit if it in self._exits), Exit.NOTHING)

    def of(self, *whats: What, bad: bool | None = None) -> int:
        """How many of these there are in all places."""
        return sum(place.of(*whats, bad=bad) for place in self.places.values())

    def states(self) -> Iterator[tuple[What, State, int]]:
        """Every kind of thing in every state, with how many there are."""
        total: Counter[tuple[What, State]] = Counter()
        for place in self.places.values():
            total += place.counts
        yield from ((what, state, count) for (what, state), count in sorted(total.items()))
