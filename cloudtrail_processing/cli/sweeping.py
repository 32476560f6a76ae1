"""What ``process`` and ``replay`` show of a sweep: a bar while it goes on, counts and failures at its end."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

from cloudtrail_processing.cli.status import Lines, can_be_live
from cloudtrail_processing.cli.telling import say, whole_story
from cloudtrail_processing.flow import Failed
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.tally import Tally

if TYPE_CHECKING:
    from cloudtrail_processing.sweep import Summary


def done(tally: Tally) -> str:
    """How far it came, in words."""
    counts = {"logs done": "logs", "delivered": "delivered", "filtered": "filtered", "logs failed": "failures"}
    return in_words({what: tally[name] for what, name in counts.items()})


def told(summary: "Summary") -> str:
    """What became of the logs, in words."""
    counts = {
        "logs": summary.logs,
        "records": summary.records,
        "delivered": summary.delivered,
        "filtered": summary.filtered,
        **({"duplicates": summary.duplicates} if summary.duplicates else {}),
        "logs skipped": summary.skipped,
        "logs failed": len(summary.failed),
    }
    return in_words(counts)


def in_words(counts: Mapping[str, int]) -> str:
    """Counts, each behind what it counts, on one line."""
    return ", ".join(f"{what} {count:,}" for what, count in counts.items())


def complain(failed: Failed, console: Console) -> None:
    """One line for each failure of a log: where it lies, and what happened to it."""
    for one in (failed, *failed.also):
        story = whole_story(one.error).replace("\n", " ")
        where = f"{one.log.uri}: " if one.log and one.log.uri not in story else ""
        say(console, f"failed: {where}{story} ({type(one.error).__name__})", style="red")


class _Advance(ProgressReporter):
    """Moves a bar on by one for every log."""

    def __init__(self, shown: Progress, *, total: int | None) -> None:
        self._bar = shown
        self._task = shown.add_task("logs", total=total)

    def report_end(self, status: ProgressStatus, token: object) -> None:
        del token
        if status.state is ProgressState.PROCESS_LOG:
            self._bar.advance(self._task)


@contextmanager
def bar(console: Console, *, total: int | None, printing: bool) -> Iterator[ProgressReporter]:
    """A reporter: a bar on a terminal, none where events fill it anyway, plain lines where there is no terminal."""
    if not can_be_live(console):
        yield Lines(lambda text: say(console, text))
        return
    if printing and sys.stdout.isatty():
        yield ProgressReporter()
        return
    columns = (SpinnerColumn(), "{task.description}", BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as shown:
        yield _Advance(shown, total=total)
