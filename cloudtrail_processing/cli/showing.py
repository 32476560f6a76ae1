"""What the demo shows: progress while it runs, tables at its end, and the proof."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.progress import track
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cloudtrail_processing.cli.detections import Detector, Finding
from cloudtrail_processing.cli.overview import Overview, Proof
from cloudtrail_processing.cli.status import StatusLine, can_be_live, live
from cloudtrail_processing.cli.telling import printable
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.progress import ProgressStatus
from cloudtrail_processing.tally import Tally

T = TypeVar("T")

_ROWS = 8
"""Rows of a table that names only the most frequent."""
_BAR = 60
_WIDE = 120
"""From this width on a line of the latest findings has room for address and account."""
_WAITING = "all logs are done: asking the queue a few more times whether it is empty"
_LATEST = 6
"""Findings that are shown while it runs."""


class Show:
    """Three processors on one stream, and what they came to, on ``console``."""

    def __init__(self, console: Console, written: Mapping[str, Sequence[dict[str, Any]]]) -> None:
        self._console = console
        self._overview = Overview()
        self._detector = Detector()
        self._proof = Proof(written)
        self.tally = Tally() if can_be_live(console) else _Milestones(console, total=len(written))

    @property
    def processors(self) -> tuple[EventProcessor[Any], ...]:
        """What the worker delivers to."""
        return self._overview, self._detector, self._proof

    def track(self, items: Sequence[T], *, what: str) -> Iterator[T]:
        """The items, with a bar on a terminal and a plain line elsewhere."""
        if can_be_live(self._console):
            yield from track(items, description=what, console=self._console, transient=True)
        self._console.print(what)
        if not can_be_live(self._console):
            yield from items

    @contextmanager
    def live(self, *, logs: int) -> Iterator[None]:
        """Show counts, a bar and the latest findings while inside, on a terminal."""
        self._console.print("the worker receives, downloads, reads and delivers them to three processors")
        if not can_be_live(self._console):
            yield
            return
        line = StatusLine("working", self.tally)
        with live(self._console, lambda: self._picture(line, logs=logs)):
            yield

    def results(self) -> None:
        """The tables."""
        overview = self._overview
        services = _counted("events by service", overview.services, also=("failed", overview.failed))
        principals = _counted("top principals", overview.principals)
        errors = _counted("errors", overview.errors)
        findings = _found(self._detector.findings(), title="findings")
        self._print(Group("", Columns([services, principals, errors], padding=(0, 3)), "", findings, ""))

    def proof(self, *, left: int, dead: int) -> bool:
        """Say what is proven; True when all of it is."""
        proof = self._proof
        came = (
            f"{proof.generated:,} events generated, {proof.delivered:,} delivered, {proof.wrong:,} changed on the way"
        )
        again = f" ({proof.repeated:,} came once more)" if proof.repeated else ""
        facts = {
            came + again: proof.generated == proof.delivered and not proof.wrong,
            f"{left:,} messages left in the queue, {dead:,} in the dead-letter queue": not left and not dead,
        }
        for fact, holds in facts.items():
            self._console.print(Text(f"{'✔' if holds else '✘'} {fact}", style="bold green" if holds else "bold red"))
        return all(facts.values())

    def _print(self, shown: RenderableType) -> None:
        """As it is on a terminal, elsewhere without the blanks that fill up tables."""
        if self._console.is_terminal:
            self._console.print(shown)
            return
        with self._console.capture() as captured:
            self._console.print(shown)
        lines = (line.rstrip() for line in captured.get().splitlines())
        self._console.print(Text("\n".join(lines)), soft_wrap=True)

    def _picture(self, line: StatusLine, *, logs: int) -> RenderableType:
        bar = Table.grid()
        bar.add_row(ProgressBar(total=logs, completed=self.tally["logs"], width=_BAR))
        latest = self._detector.findings()[-_LATEST:]
        found = [_found(latest, title="latest findings", cut=True, address=self._console.width >= _WIDE)]
        done = [Text(_WAITING, style="dim")] if self.tally["logs"] >= logs else []
        return Group(*(found if latest else []), bar, line, *done)


class _Milestones(Tally):
    """A tally that says a plain line after every fifth part of the logs."""

    def __init__(self, console: Console, *, total: int) -> None:
        super().__init__()
        self._console = console
        self._total = total
        self._complete = False
        self._step = max(1, total // 5)
        self._next = self._step

    def report_end(self, status: ProgressStatus, token: object) -> None:
        super().report_end(status, token)
        if self["logs"] >= self._next:
            self._next += self._step
            self._console.print(str(self))
        if self["logs"] >= self._total and not self._complete:
            self._complete = True
            self._console.print(_WAITING)


def _counted(title: str, counts: Counter[str], *, also: tuple[str, Counter[str]] | None = None) -> Table:
    """The most frequent ones of ``counts``; ``also`` is a second count of the same things."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("", no_wrap=True, overflow="ellipsis", max_width=44)
    table.add_column("events", justify="right")
    if also:
        table.add_column(also[0], justify="right", style="red")
    for name, count in counts.most_common(_ROWS):
        second = [f"{also[1][name]:,}" if also[1][name] else ""] if also else []
        table.add_row(Text(printable(name)), f"{count:,}", *second)
    if len(counts) > _ROWS:
        table.add_row(Text(f"{len(counts) - _ROWS:,} more", style="dim"))
    return table


def _found(findings: Sequence[Finding], *, title: str, cut: bool = False, address: bool = True) -> Table:
    """One row for each finding, on one line each when ``cut``; without ``address`` the actors' accounts go, too."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    table.add_column("time (UTC)", no_wrap=True, min_width=len("09-14 08:06:08"))
    table.add_column("what", style="yellow")
    table.add_column("who")
    if address:
        table.add_column("from", no_wrap=True, min_width=len("255.255.255.255"))
    for finding in findings:
        actor = finding.actor if address else finding.actor.partition(" (")[0]
        texts = (f"{finding.time:%m-%d %H:%M:%S}", finding.what, actor, finding.address)[: len(table.columns)]
        table.add_row(
            *(Text(printable(text), no_wrap=cut or None, overflow="ellipsis" if cut else "fold") for text in texts)
        )
    return table
