"""What a program said of objects, and where two of them say otherwise."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cloudtrail_processing.integrity import State


class What(StrEnum):
    """What a verdict is about."""

    DIGEST = "digest"
    BACKFILL = "backfill digest"
    LOG = "log"


@dataclass(frozen=True, slots=True)
class Verdict:
    """One object's; ``state`` is None for words that mean none of ours. ``said`` are the program's words."""

    what: What
    bucket: str
    key: str
    state: State | None
    said: str = ""

    @property
    def is_valid(self) -> bool:
        """True for what is proven."""
        return self.state is State.VALID


@dataclass(frozen=True, slots=True)
class Finding:
    """Anything that is not valid: an object, or a time."""

    what: str
    state: State
    key: str
    detail: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without deliveries."""

    since: datetime
    until: datetime


class How(StrEnum):
    """How two verdicts on one object go together."""

    SAME = "the same"
    WORDS = "both not valid, for other reasons"
    BEHIND = "behind a digest that is not valid, only we tell"
    OURS = "only we find something"
    CONTRARY = "the CLI finds something that we do not"
    UNSEEN = "valid to the CLI, not looked at by us"


@dataclass(frozen=True, slots=True)
class Pair:
    """One object's two verdicts; None where a program did not mention it."""

    theirs: Verdict | None
    ours: Verdict | None
    how: How

    @property
    def place(self) -> str:
        """The object."""
        one = self.theirs or self.ours
        assert one is not None
        return f"s3://{one.bucket}/{one.key}"


def compared(theirs: Iterable[Verdict], ours: Iterable[Verdict]) -> Iterator[Pair]:
    """Each object that one of the programs said something of."""
    mine = {(it.bucket, it.key): it for it in ours}
    yours = {(it.bucket, it.key): it for it in theirs}
    for place in sorted(mine.keys() | yours.keys()):
        yield Pair(yours.get(place), mine.get(place), _how(yours.get(place), mine.get(place)))


def _how(theirs: Verdict | None, ours: Verdict | None) -> How:
    if ours is None:
        return How.UNSEEN if theirs is not None and theirs.is_valid else How.CONTRARY
    if theirs is None:
        return How.SAME if ours.is_valid else How.BEHIND if ours.state is State.UNPROVEN else How.OURS
    if theirs.is_valid != ours.is_valid:
        return How.CONTRARY if ours.is_valid else How.OURS
    return How.SAME if theirs.state is ours.state else How.WORDS
