"""Whether both programs say the same of every object of one trail: as it was delivered, and tampered with."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.aws.running import running_layout
from benchmarks.validation import awscli, ours
from benchmarks.validation.layouts import layout_of
from benchmarks.validation.programs import Ended
from benchmarks.validation.tamperings import BUCKET, Size, long_trail, spread, times
from benchmarks.validation.verdicts import How, Pair, compared
from cloudtrail_processing.testing import SignedTrail


@dataclass(frozen=True, slots=True)
class Agreement:
    """One state of a trail, and what both said of all of its objects; ``acts`` are the tamperings by name.

    ``repeated`` are the lines that the CLI wrote of objects and that ``--format aws`` writes, too; ``changed`` are the
    others of the CLI's lines.
    """

    title: str
    digests: int
    logs: int
    acts: Sequence[str]
    theirs: Ended
    ours: Ended
    pairs: Sequence[Pair]
    repeated: int
    changed: Sequence[str]

    @property
    def counts(self) -> Counter[How]:
        """How often they said what."""
        return Counter(pair.how for pair in self.pairs)

    def of(self, how: How) -> list[Pair]:
        """The objects of which they said so."""
        return [pair for pair in self.pairs if pair.how is how]


def agreements(program: Path, size: Size) -> Iterator[Agreement]:
    """The untouched trail, then the one where everything happened that the CLI sees something of."""
    trail = long_trail(size)
    yield agreement(program, trail, title="as it was delivered")
    acts = spread(trail)
    spoilt = trail.tampered(*(one for _, act in acts for one in act))
    yield agreement(program, spoilt, title="tampered with", acts=[name for name, _ in acts])


def agreement(program: Path, trail: SignedTrail, *, title: str, acts: Sequence[str] = ()) -> Agreement:
    """Both on one state of a trail, of which nothing is left when it returns."""
    start, end = times(trail)
    with tempfile.TemporaryDirectory() as folder:
        layout = layout_of(trail, bucket=BUCKET).write(Path(folder) / "layout")
        with running_layout(layout, s3_ms=0) as aws:
            theirs = awscli.validate(program, aws, trail.arn, start=start, end=end)
            mine = ours.validate(aws, trail.arn, start=start, end=end)
            alike = ours.validate(aws, trail.arn, start=start, end=end, form="aws")
    pairs = list(compared(awscli.verdicts(theirs), ours.verdicts(mine)))
    logs = sum(len(window.logs) for window in trail.windows)
    said, again = _lines(theirs), _lines(alike)
    changed = sorted(said - again)
    return Agreement(title, len(trail.windows), logs, acts, theirs, mine, pairs, len(said & again), changed)


def _lines(ended: Ended) -> set[str]:
    """The lines on objects and gaps, each with the stream it came by."""
    streams = (("stdout", ended.out), ("stderr", ended.err))
    told = [(name, line) for name, text in streams for line in text.splitlines()]
    return {f"{name}: {line}" for name, line in told if "\t" in line or line.startswith("No log files were")}
