"""What a replay would do, as tables on standard output."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudtrail_processing.cli.telling import printable

if TYPE_CHECKING:
    from cloudtrail_processing.replay import Preview

_MOST = 20
"""Rows of the table of counts."""
_UNCUT = 10_000
"""Cells of a line where there is no terminal."""


def show(preview: "Preview") -> None:
    """Print the counts and the first few; nothing when there is nothing. Nothing is cut where there is no terminal."""
    if not preview.total:
        return
    counts = [(name, f"{count:,}") for name, count in preview.counts.most_common(_MOST)]
    if more := len(preview.counts) - len(counts):
        counts.append((f"{more:,} more", ""))
    first = f"the first {len(preview.first):,} of {preview.total:,}"
    _print(_table(f"by {preview.counted}", ("", "count"), counts), _table(first, preview.columns, preview.first))


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(name, overflow="fold", justify="right" if name in ("count", "index") else "left")
    for row in rows:
        table.add_row(*(Text(printable(text)) for text in row))
    return table


def _print(*tables: Table) -> None:
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(*tables, sep="\n")
        return
    wide = Console(highlight=False, width=_UNCUT)
    with wide.capture() as captured:
        wide.print(*tables, sep="\n")
    console.print(Text("\n".join(line.rstrip() for line in captured.get().splitlines())), soft_wrap=True)
