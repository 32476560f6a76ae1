"""How a chaos run shows itself: a bar while it runs, a table at its end."""

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from chaos_count import Result
from rich.console import Console, Group, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_WIDTH = 150
_SELDOM = 10
"""Seconds between two lines of progress where there is no terminal."""


class Show:
    """Says nothing. What it would say goes to a console in ``on_terminal``."""

    @classmethod
    def on_terminal(cls) -> "Show":
        """One that shows a bar on a terminal, and a line from time to time elsewhere."""
        return _Loud()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def say(self, what: RenderableType) -> None:
        """Something for good."""

    def progress(self, what: str, done: int, total: int) -> None:
        """How far it came."""


class _Loud(Show):
    def __init__(self) -> None:
        console = Console(highlight=False)
        self._console = console if console.is_terminal else Console(highlight=False, width=_WIDTH)
        columns = (TextColumn("{task.description}"), BarColumn(30), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=self._console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=None)
        self._told = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def say(self, what: RenderableType) -> None:
        self._console.print(what)

    def progress(self, what: str, done: int, total: int) -> None:
        self._progress.update(self._task, description=what, completed=done, total=total)
        if self._progress.disable and time.monotonic() - self._told > _SELDOM:
            self._told = time.monotonic()
            self._console.print(f"{what}: {done:,} of {total:,}")


def table(result: Result) -> RenderableType:
    """One run in full."""
    main = Table("what", "found", "expected", title=f"chaos, seed {result.seed}", title_justify="left")
    for what, found, expected, holds in _facts(result):
        style = "" if holds is None else "green" if holds else "bold red"
        main.add_row(what, Text(found, style=style), expected)
    faults = Table("fault injected", "times", title_justify="left")
    for name, count in sorted(result.faults.items()):
        faults.add_row(name, f"{count:,}")
    wrong = [Text(text, style="bold red") for text in result.broken]
    return Group(main, faults, *wrong, *(Text(text) for text in (*result.examples, *result.crashes)))


def _facts(it: Result) -> Sequence[tuple[str, str, str, bool | None]]:
    duplicates = f"at most {it.most_duplicates:,}: batch size for each kill"
    return [
        ("events generated", f"{it.generated:,}", "", None),
        ("delivered at least once", f"{it.delivered:,}", f"{it.generated:,}", it.delivered == it.generated),
        ("lost", f"{it.lost:,}", "0", it.lost == 0),
        ("delivered from a forbidden bucket", f"{it.invented:,}", "0", it.invented == 0),
        ("duplicates", f"{it.duplicates:,}", duplicates, it.duplicates <= it.most_duplicates),
        ("… of these not after a kill", f"{it.duplicates_without_kill:,}", "", None),
        ("bad records quarantined", f"{it.bad_kept:,}", f"{it.bad_planted:,}", it.bad_kept == it.bad_planted),
        ("good records quarantined", f"{it.bad_wrong:,}", "0", it.bad_wrong == 0),
        ("poison dead-lettered", f"{it.dead:,}", f"{it.poison_planted:,}", it.dead == it.poison_planted),
        ("others dead-lettered", f"{it.dead_wrong:,}", "0", it.dead_wrong == 0),
        ("dead letters that came twice", f"{it.dead_twice:,}", "", None),
        ("messages left", f"{it.left:,}", "0", it.left == 0),
        ("kill -9", f"{it.kills:,}", "", None),
        ("workers that ended by themselves", f"{len(it.crashes):,}", "", None),
        ("clock jumps", f"{it.jumps:,}", "", None),
        ("disk filled", f"{it.disks_filled:,}", "", None),
        ("visibility of all messages expired", f"{it.expiries:,}", "", None),
        ("hours of waiting skipped", f"{6 * it.skips:,}", "", None),
        ("faults, of requests", f"{sum(it.faults.values()):,} of {it.requests:,}", "", None),
        ("peak memory of a worker", f"{it.peak_memory / 2**20:.0f} MiB", "", None),
        ("time", f"{it.seconds:.0f} s", "", None),
    ]


def rows(results: Sequence[Result]) -> RenderableType:
    """Several runs, one row each."""
    heads = ("seed", "events", "lost", "duplicates", "bound", "quarantined", "dead letters", "left", "kills", "faults")
    chart = Table(*heads, "peak MiB", "seconds", "holds")
    for it in results:
        chart.add_row(
            str(it.seed),
            f"{it.generated:,}",
            f"{it.lost:,}",
            f"{it.duplicates:,}",
            f"{it.most_duplicates:,}",
            f"{it.bad_kept}+{it.bad_wrong} of {it.bad_planted}",
            f"{it.dead}+{it.dead_wrong} of {it.poison_planted}",
            str(it.left),
            str(it.kills),
            f"{sum(it.faults.values()):,}",
            f"{it.peak_memory / 2**20:.0f}",
            f"{it.seconds:.0f}",
            Text("no", style="bold red") if it.broken else Text("yes", style="green"),
        )
    return chart
