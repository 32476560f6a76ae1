"""What is shown of a run while it goes on: a live line on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.columns import Columns
from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from cloudtrail_processing.findings import Found
from cloudtrail_processing.progress import ProgressReporter, ProgressState, ProgressStatus
from cloudtrail_processing.tally import shown


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


class Counts(Protocol):
    """Counts by their names, as of now, as those of a ``Tally``."""

    def __getitem__(self, name: str, /) -> int:
        """The count of that name."""
        ...


class StatusLine:
    """What is shown live: a spinner, for how long it has been running, and the tally; on as many lines as it needs."""

    def __init__(self, what: str | Callable[[], str], tally: Counts) -> None:
        """``what`` is the text beside the spinner, or gives it whenever the line is drawn."""
        self._tally = tally
        self._what = what
        self._spinner = Spinner("dots")
        self._since = time.monotonic()

    def __rich__(self) -> Columns:
        """The counts, as of now."""
        self._spinner.update(text=Text(self._what if isinstance(self._what, str) else self._what()))
        alarm = "bold red" if self._tally["failures"] else "bold"
        labels = shown(self._tally.__getitem__)
        styles = {name: alarm if name == "failures" else "bold" for name in labels}
        styles |= {found.value: "bold red" for found in Found if found.is_alarming}
        cells = [f"{label} [{styles[name]}]{self._tally[name]:,}[/]" for name, label in labels.items()]
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
