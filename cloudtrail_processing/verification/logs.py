"""What is known of one log while it is proven, and what follows from it: pure rules.

A log is *noted* when it comes here, and *listed* when a valid digest tells its hash; either may be first. Of what was
read every hash is kept, because a log may be overwritten, and each hash is judged once.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

import orjson

from cloudtrail_processing.findings import Found, IntegrityFinding
from cloudtrail_processing.verification.chains import MARGIN, Chain

UNREADABLE: Final = "unreadable"
"""Stands for the hash of what could not be inflated; no hash looks like it."""
LONGEST: Final = 86_400
"""Seconds after which a log that no digest could prove or disprove counts as unproven."""


@dataclass(frozen=True, slots=True)
class LogNotes:
    """All that is remembered of one log. Times are seconds since the epoch; 0 is never.

    ``at`` is when it was delivered to its bucket, ``noted`` when it first came here, ``slot`` what its key tells.
    ``listed`` has the digest by the hash that it tells, ``seen`` what was told of each hash that was read here, ``""``
    for nothing yet. ``is_wanted`` is False for a log that need not come here; ``counted`` is what was told of the log
    while nothing was to compare.
    """

    log: str
    chain: str = ""
    slot: float = 0
    at: float = 0
    noted: float = 0
    listed_at: float = 0
    is_wanted: bool = True
    listed: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    counted: str = ""

    @classmethod
    def read(cls, text: str) -> Self:
        """The notes that ``text`` made."""
        told: dict[str, Any] = orjson.loads(text)
        return cls(**told)

    @property
    def text(self) -> str:
        """The notes for a ledger."""
        return orjson.dumps(self).decode()

    @property
    def oldest(self) -> float:
        """When it may have been delivered at the earliest; a message that was sent again tells a later time."""
        return min(time for time in (self.slot, self.at or self.listed_at) if time)

    @property
    def is_open(self) -> bool:
        """True while something is to be told of the log, now or later."""
        if not self.listed:  # one that was delivered unproven is settled by any digest that comes, but not looked for
            is_done = self.counted == Found.UNLISTED or (self.counted == Found.UNPROVEN and self.seen)
            return bool(self.noted) and not is_done
        if self.seen:
            return "" in self.seen.values()
        return bool(self.noted and self.counted) or (not self.noted and self.is_wanted and not self.counted)

    @property
    def _is_of_events(self) -> bool:
        """True for a log of a kind that digests surely list; AWS does not say so of Insights and other kinds."""
        return "/CloudTrail/" in self.log

    def noting(self, sha256: str | None, *, at: float, now: float) -> Self:
        """With the log having come here, and with the hash of what was read of it."""
        seen = self.seen if sha256 is None or sha256 in self.seen else {**self.seen, sha256: ""}
        return replace(self, at=self.at or at, noted=self.noted or now, seen=seen)

    def listing(self, sha256: str, digest: str, *, now: float, is_wanted: bool) -> Self:
        """With the hash that a valid digest tells of it."""
        if sha256 in self.listed:
            return self
        listed = {**self.listed, sha256: digest}
        return replace(self, listed=listed, listed_at=self.listed_at or now, is_wanted=is_wanted)

    def telling(self, other: "LogNotes") -> Self:
        """With what was told of it, as ``other`` has it, whatever else was noted meanwhile."""
        told = {sha256: state for sha256, state in other.seen.items() if state}
        return replace(self, seen={**self.seen, **told}, counted=other.counted)

    def settled(self, chain: Chain, *, now: float, grace: float) -> tuple[Self, list[IntegrityFinding]]:
        """What is to be told of the log now, and its notes once it was told."""
        if not self.listed:
            return self._doubted(chain, now=now, grace=grace)
        return self._compared() if self.seen else self._awaited(now=now, grace=grace)

    def _compared(self) -> tuple[Self, list[IntegrityFinding]]:
        """Hash by hash; what had counted otherwise is late once, where it is as it should be."""
        seen, counted, findings = dict(self.seen), self.counted, []
        for sha256 in (each for each, told in self.seen.items() if not told):
            if digest := self.listed.get(sha256):
                state, detail = (Found.LATE, f"it had counted as {counted}") if counted else (Found.VERIFIED, "")
                seen[sha256], counted = Found.VERIFIED, ""
            else:
                state, digest, detail = Found.MISMATCH, next(iter(self.listed.values())), _differs(sha256)
                seen[sha256] = Found.MISMATCH
            findings.append(IntegrityFinding(state, self.log, digest, detail))
        return replace(self, seen=seen, counted=counted), findings

    def _awaited(self, *, now: float, grace: float) -> tuple[Self, list[IntegrityFinding]]:
        """A log that a digest lists and that was not read here. One that was announced waits in the queue."""
        digest = next(iter(self.listed.values()))
        if self.noted and self.counted:
            detail = f"it had counted as {self.counted}; it is listed now, and was not read here"
            return replace(self, counted=""), [IntegrityFinding(Found.LATE, self.log, digest, detail)]
        if self.noted or self.counted or not self.is_wanted or now < self.listed_at + grace:
            return self, []
        detail = f"listed, and not seen here within {grace / 3600:.1f} h"
        return replace(self, counted=Found.MISSING), [IntegrityFinding(Found.MISSING, self.log, digest, detail)]

    def _doubted(self, chain: Chain, *, now: float, grace: float) -> tuple[Self, list[IntegrityFinding]]:
        """A log that came here and that no digest lists."""
        if not self.noted or self.counted == Found.UNLISTED:
            return self, []
        if self._is_of_events and chain.covers(self.at) and now >= max(self.noted, self.at + MARGIN) + grace:
            detail = "valid digests cover the time of its delivery, and none lists it"
            return replace(self, counted=Found.UNLISTED), [IntegrityFinding(Found.UNLISTED, self.log, "", detail)]
        if now >= self.noted + LONGEST and not self.counted:
            detail = f"no valid digest covered the time of its delivery, or its kind, within {LONGEST // 3600} h"
            return replace(self, counted=Found.UNPROVEN), [IntegrityFinding(Found.UNPROVEN, self.log, "", detail)]
        return self, []


def _differs(sha256: str) -> str:
    return "it could not be read" if sha256 == UNREADABLE else "it is not the log that CloudTrail delivered"
