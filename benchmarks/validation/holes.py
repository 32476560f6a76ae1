"""What ``aws cloudtrail validate-logs`` does not see, or stumbles over, given to both programs."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.aws.running import running_layout
from benchmarks.validation import awscli, ours
from benchmarks.validation.cases import CASES, Case
from benchmarks.validation.layouts import layout_of
from benchmarks.validation.ours import VERBOSE
from benchmarks.validation.programs import Ended
from benchmarks.validation.tamperings import BUCKET, times
from benchmarks.validation.verdicts import Finding
from cloudtrail_processing.testing import SignedTrail

_HOURS: Final = 12


@dataclass(frozen=True, slots=True)
class Row:
    """What both said of one case."""

    case: Case
    theirs: Ended
    ours: Ended
    found: Sequence[Finding]

    @property
    def is_seen(self) -> bool:
        """True when we find what there is, and nothing where there is nothing."""
        states = {it.state for it in self.found}
        return bool(states & self.case.truth) if self.case.truth else not states

    @property
    def their_words(self) -> str:
        """The gist of what the CLI said."""
        lines = (self.theirs.err + self.theirs.out).splitlines()
        wanted = [line for line in lines if any(word in line for word in _TELLING)]
        short = [line.rpartition("\t")[2] if "\t" in line else line for line in wanted]
        return "; ".join(dict.fromkeys(short)) or "nothing"


_TELLING: Final = ("INVALID: ", "files valid", "rror", "No digests", "No valid", "No log files")


def rows(program: Path | None, cases: Sequence[Case] | None = None) -> Iterator[Row]:
    """Each case for both; for ours alone when there is no CLI."""
    for case in CASES if cases is None else cases:
        yield _row(program, case)


def _row(program: Path | None, case: Case) -> Row:
    whole = SignedTrail(2, **{"hours": _HOURS, "bucket": BUCKET, **case.trail})
    trail = whole.tampered(*case.tamper(whole))
    start, end = times(whole)
    start = case.start(whole) if case.start else start
    options = {"bucket": BUCKET, **case.layout}
    with tempfile.TemporaryDirectory() as folder:
        layout = layout_of(trail, denied=case.denied(whole), **options).write(Path(folder) / "layout")
        with running_layout(layout, s3_ms=0) as aws:
            theirs = _NOBODY
            if program is not None:
                theirs = awscli.validate(
                    program, aws, whole.arn, start=start, end=end, options=(*VERBOSE, *case.theirs)
                )
            mine = ours.validate(aws, whole.arn, start=start, end=end, options=(*VERBOSE, *case.ours))
    return Row(case, theirs, mine, list(ours.findings(mine)))


_NOBODY: Final = Ended(-1, "", "not installed", 0, 0, 0)
