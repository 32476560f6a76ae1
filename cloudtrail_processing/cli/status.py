"""Counts of what a worker did, and the live line that shows them."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner

from cloudtrail_processing.errors import Stopped
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus

_DELETED = (ProgressState.DELETE_MESSAGE, ProgressState.DELETE_FILTERED_MESSAGE)
_FAILABLE = (ProgressState.POLL_QUEUE, ProgressState.PARSE_MESSAGE, ProgressState.PROCESS_LOG)
_LEFT = (KeyboardInterrupt, Stopped)
"""What ends a step that did not fail: somebody ended the work."""


class Tally(ProgressReporter):
    """Counts ``messages`` received and ``settled``, ``logs``, events ``delivered`` and ``filtered``, ``failures``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """Add what the step came to."""
        del token
        counts = _counts(status)
        with self._lock:
            self._counts.update(counts)

    def __getitem__(self, name: str) -> int:
        with self._lock:
            return self._counts[name]

    def __str__(self) -> str:
        return ", ".join(f"{label} {self[name]:,}" for name, label in _LABELS.items())


_LABELS = {
    "messages": "messages",
    "settled": "deleted",
    "logs": "logs",
    "delivered": "events",
    "filtered": "filtered",
    "failures": "failures",
}


def _counts(status: ProgressStatus) -> dict[str, int]:
    if not status.succeeded:
        return {"failures": 1 if status.state in _FAILABLE and not isinstance(status.error, _LEFT) else 0}
    if status.state is ProgressState.PROCESS_LOG:
        return {"logs": 1, "delivered": status.delivered, "filtered": status.filtered}
    return {"messages": status.messages, "settled": 1 if status.state in _DELETED else 0}


class Lines(ProgressReporter):
    """Says how many logs are done, every ``every`` seconds: where there is no terminal for a bar.

    ``now`` gives monotonic seconds; tests pass their own.
    """

    def __init__(self, say: Callable[[str], None], *, every: float = 10, now: Callable[[], float] = time.monotonic):
        self._say = say
        self._every = every
        self._now = now
        self._lock = threading.Lock()
        self._done = 0
        self._next = now() + every

    def report_end(self, status: ProgressStatus, token: object) -> None:
        """Count a finished log, and say so when it is time."""
        del token
        if status.state is not ProgressState.PROCESS_LOG:
            return
        with self._lock:
            self._done += 1
            if due := self._now() >= self._next:
                self._next = self._now() + self._every
        if due:
            self._say(f"{self._done:,} logs done")


class StatusLine:
    """What is shown live: a spinner, for how long it has been running, and the tally; on as many lines as it needs."""

    def __init__(self, what: str, tally: Tally) -> None:
        self._tally = tally
        self._spinner = Spinner("dots", text=what)
        self._since = time.monotonic()

    def __rich__(self) -> Columns:
        """The counts, as of now."""
        alarm = "bold red" if self._tally["failures"] else "bold"
        styles = {name: alarm if name == "failures" else "bold" for name in _LABELS}
        cells = [f"{label} [{styles[name]}]{self._tally[name]:,}[/]" for name, label in _LABELS.items()]
        return Columns([self._spinner, _clock(time.monotonic() - self._since), *cells], padding=(0, 2))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


@contextmanager
def live(console: Console, shown: Callable[[], RenderableType]) -> Iterator[None]:
    """Show what ``shown`` gives at the foot of the terminal while inside; what is printed meanwhile stands above it.

    The cursor stays visible: a second Ctrl-C ends the process at once, and nobody could bring it back.
    """
    redirect = sys.stdout.isatty()
    with Live(console=console, get_renderable=shown, refresh_per_second=4, redirect_stdout=redirect, transient=True):
        console.show_cursor(True)
        yield


def can_be_live(console: Console) -> bool:
    """True on a terminal that can move its cursor; colours that were asked for do not make a pipe a terminal."""
    return console.is_terminal and console.file.isatty() and not console.is_dumb_terminal
