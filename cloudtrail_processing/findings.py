"""What proving logs comes to: judgements of single objects, and what a worker finds while it ingests."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """What is known of an object, or of a stretch of time, after it was looked at."""

    VALID = "valid"
    NOT_FOUND = "not found"
    FORBIDDEN = "forbidden"
    UNREADABLE = "unreadable"
    """S3 did not answer, or always otherwise: look again."""
    BAD_FORMAT = "bad format"
    TRAILING_DATA = "trailing data"
    OVERSIZE = "oversize"
    MOVED = "moved"
    NO_KEY = "no key"
    """AWS published no key with the digest's fingerprint, or one that is none."""
    BAD_SIGNATURE = "bad signature"
    BROKEN_LINK = "broken link"
    HASH_DIFFERS = "hash differs"
    UNPROVEN = "unproven"
    """Only a digest that is itself not valid lists the log."""
    UNLISTED = "unlisted"
    """A log in the bucket that no digest lists: nothing says that CloudTrail delivered it."""
    MISSING = "missing"
    """Digests that the hourly cadence lets expect, and whose names nobody tells."""
    GAP = "gap"
    """A time without logging, between the last digest of one chain and the first of the next: stopped and started."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A state, and what exactly led to it; ``detail`` is one printable line without anything of the content."""

    state: State
    detail: str = ""

    @property
    def is_valid(self) -> bool:
        """True for what is proven."""
        return self.state is State.VALID


VALID: Final = Judgement(State.VALID)


class Found(StrEnum):
    """What a worker found of a log, or of a digest, while it ingested."""

    VERIFIED = "verified"
    """A valid digest lists the log with the hash of what was read here."""
    MISMATCH = "mismatch"
    """A valid digest lists the log with another hash: what was read here is not what CloudTrail delivered."""
    MISSING = "missing"
    """A valid digest lists the log, and it did not come here in time."""
    UNLISTED = "unlisted"
    """Valid digests cover the time at which the log was delivered, and none lists it."""
    LATE = "late"
    """The log had counted as missing, unlisted or unproven; now it came, or was listed, as it should."""
    UNPROVEN = "unproven"
    """For a day no valid digest covered the time at which the log was delivered; or its key is none of CloudTrail's."""
    INVALID_DIGEST = "invalid digest"
    """The digest is not CloudTrail's, or not what it wrote: it proves nothing."""

    @property
    def is_alarming(self) -> bool:
        """True for what only tampering explains, or a fault that looks like it."""
        return self in (Found.MISMATCH, Found.UNLISTED, Found.INVALID_DIGEST)


@dataclass(frozen=True, slots=True)
class IntegrityFinding:
    """One finding: what of which log, by which digest. Places are as ``s3://bucket/key``, ``""`` where there is none.

    ``detail`` is one printable line; ``judgement`` is that of an invalid digest.
    """

    state: Found
    log: str
    digest: str
    detail: str = ""
    judgement: Judgement | None = None

    def __str__(self) -> str:
        """The finding in one line."""
        by = f", by {self.digest}" if self.log and self.digest else ""
        return f"{self.state}: {self.log or self.digest}{by}{f': {self.detail}' if self.detail else ''}"
