"""What a claim means: the rules that every checkpoint keeps, as pure functions of one place in one log.

A claim is a token with an end. Whoever comes after the end takes the log over with a token of his own, and what the
first holder then says is refused. So a clock that jumps can only cause an early take-over, never two who advance.
"""

import hashlib
import uuid
from dataclasses import dataclass, replace

from cloudtrail_processing.errors import Claimed, ClaimLost
from cloudtrail_processing.ports import Claim

LONGEST_NAME = 1024
"""Bytes of a log's or processor's name that are stored as they are; a longer one is stored as its hash."""
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Place:
    """How far one processor came in one log, and who holds it. ``holder`` is a token, ``""`` for nobody.

    Times are seconds since the epoch. The claim counts from ``held_from`` to ``held_until``: an end that lies further
    away than twice the claim's time was written by a clock that has been set back since.
    """

    next_index: int = 0
    finished: bool = False
    holder: str = ""
    held_from: float = 0
    held_until: float = 0

    def rest(self, now: float) -> float:
        """Seconds that the claim still lasts; 0 when the place is free."""
        return self.held_until - now if self.held_from <= now < self.held_until else 0


def taken(
    place: Place | None, *, log: str, processor: str, now: float, claim_time: float, token: str | None = None
) -> tuple[Place, Claim]:
    """The place in new hands and its claim; for a finished log the place as it is. Raises ``Claimed``."""
    old = place or Place()
    claim = Claim(log, processor, token or new_token(), next_index=old.next_index, finished=old.finished)
    if old.finished:
        return old, claim
    if rest := old.rest(now):
        raise held(log, processor=processor, after=rest)
    return _renewed(replace(old, holder=claim.token), now, claim_time), claim


def advanced(place: Place | None, claim: Claim, *, next_index: int, now: float, claim_time: float) -> Place:
    """The place moved on, never back, and its claim renewed. Raises ``ClaimLost``."""
    mine = _mine(place, claim)
    if mine.finished:
        return mine
    return _renewed(replace(mine, next_index=max(mine.next_index, next_index)), now, claim_time)


def finished(place: Place | None, claim: Claim) -> Place:
    """The place at its end. The token stays, so that this may be said again. Raises ``ClaimLost``."""
    return replace(_mine(place, claim), finished=True, held_from=0, held_until=0)


def released(place: Place | None, claim: Claim) -> Place | None:
    """The place free for others; None when there is nothing to change, as it is finished or in other hands."""
    if place is None or place.holder != claim.token or place.finished:
        return None
    return replace(place, holder="", held_from=0, held_until=0)


def new_token() -> str:
    """A token that no other claim has."""
    return uuid.uuid4().hex


def held(log: str, *, processor: str, after: float) -> Claimed:
    """The error for a log that somebody else has."""
    return Claimed(
        f"{shown(log)} is in the hands of another worker for processor {shown(processor)}, whose claim ends in "
        f"{after:.0f} s unless it is renewed; the log comes again",
        after=after,
    )


def lost(claim: Claim) -> ClaimLost:
    """The error for a claim that is not valid any more."""
    return ClaimLost(
        f"the claim on {shown(claim.log)} for processor {shown(claim.processor)} is not valid any more: it ran out and "
        "the log was taken over, or it was given up; work stops here and goes on from the checkpoint"
    )


def name(text: str) -> str:
    """The text as it is stored: itself, or its hash when it is too long for a key or is no valid Unicode.

    >>> name("s3://trail/log.json.gz?v1")
    's3://trail/log.json.gz?v1'
    """
    raw = text.encode("utf-8", "surrogatepass")
    is_fit = len(raw) <= LONGEST_NAME and text.isprintable()
    return text if is_fit else f"sha256:{hashlib.sha256(raw).hexdigest()}"


def shown(text: str) -> str:
    """The text for people, on one line: versions come from messages, and may hold anything."""
    one_line = text if text.isprintable() else text.encode("unicode_escape").decode()
    return one_line if len(one_line) <= _SHOWN else f"{one_line[:_SHOWN]}…"


def _mine(place: Place | None, claim: Claim) -> Place:
    if place is None or place.holder != claim.token:
        raise lost(claim)
    return place


def _renewed(place: Place, now: float, claim_time: float) -> Place:
    return replace(place, held_from=now - claim_time, held_until=now + claim_time)
