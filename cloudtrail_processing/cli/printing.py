"""Processors that print: events as rows of a table, and a guard for readers who leave early."""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.cli.telling import printable
from cloudtrail_processing.errors import Refuse
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.processor import EventProcessor


class _Column(NamedTuple):
    """``width`` is in cells, at which the column is filled up; ``share`` is its part of a terminal that is narrower."""

    title: str
    width: int
    share: int
    value: Callable[[CloudTrailEvent], object]


def _time(event: CloudTrailEvent) -> str:
    return f"{event.event_time:%Y-%m-%d %H:%M:%S}" if event.event_time else ""


def _source(event: CloudTrailEvent) -> str:
    return str(event.event_source or "").removesuffix(".amazonaws.com")


def _error(event: CloudTrailEvent) -> object:
    return event.error_code or ("failed" if event.failed else "")


_COLUMNS = (
    _Column("time (UTC)", 19, 0, _time),
    _Column("region", 14, 0, lambda event: event.aws_region),
    _Column("source", 20, 2, _source),
    _Column("name", 28, 3, lambda event: event.event_name),
    _Column("actor", 48, 5, lambda event: event.actor),
    _Column("error", 24, 2, _error),
)
_GAP = "  "
_NARROW = 100
"""A terminal with fewer cells has no room for the region."""


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Called while a ``BrokenPipeError`` is handled: what to do about it is not the console's business."""
        raise


class EventTable(EventProcessor):
    """Prints one row for each event: time, region, source, name, actor, error; failed ones in red.

    On a terminal, rows are cut to its width, and a narrow one gets no region; elsewhere nothing is cut. Texts come from
    outside, so their control characters are replaced.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or _Console(highlight=False)
        self._lock = threading.Lock()
        self._row = partial(_row, widths=_widths(self._console) if self._console.is_terminal else None)

    def start(self) -> None:
        """Print the heading."""
        titles = [column.title for column in _COLUMNS]
        self._console.print(Text(self._row(titles), style="bold"), soft_wrap=True)

    def process(self, batch: EventBatch) -> None:
        """Print the rows of the batch together, and flush them."""
        rows = Text("\n").join(self._styled(event) for event in batch)
        with self._lock:
            self._console.print(rows, soft_wrap=True)
            sys.stdout.flush()

    def _styled(self, event: CloudTrailEvent) -> Text:
        values = [printable(value) if (value := column.value(event)) is not None else "" for column in _COLUMNS]
        return Text(self._row(values), style="red" if event.failed else "")


def _row(values: list[str], *, widths: list[int] | None) -> str:
    if widths is None:
        filled = [_padded(value, column.width) for value, column in zip(values, _COLUMNS, strict=True)]
    else:
        filled = [_cut(value, width) for value, width in zip(values, widths, strict=True) if width]
    return _GAP.join(filled).rstrip()


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _cut(text: str, width: int) -> str:
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def _widths(console: Console) -> list[int]:
    """The columns' widths on this terminal: fixed ones first, the rest by their shares; 0 for one that is left out."""
    fixed = [
        0 if column.share or (column.title == "region" and console.width < _NARROW) else column.width
        for column in _COLUMNS
    ]
    shown = sum(bool(width or column.share) for width, column in zip(fixed, _COLUMNS, strict=True))
    shares = sum(column.share for column in _COLUMNS)
    room = max(console.width - sum(fixed) - len(_GAP) * (shown - 1), shares)
    return [column.share * room // shares or width for width, column in zip(fixed, _COLUMNS, strict=True)]


class ForReader(EventProcessor[Any]):
    """Passes batches on to a processor that prints, until nobody reads any more (``… | head``)."""

    def __init__(self, printer: EventProcessor[Any]) -> None:
        self._printer = printer
        self.model = printer.model
        self.has_left = False
        """True once standard output was closed by its reader."""

    @property
    def name(self) -> str:
        """The printer's name."""
        return self._printer.name

    def start(self) -> None:
        """As the printer's."""
        try:
            self._printer.start()
        except BrokenPipeError:
            self._give_up()

    def process(self, batch: EventBatch[Any]) -> None:
        """As the printer's; refuses the rest of the log when there is no reader any more."""
        try:
            if not self.has_left:
                self._printer.process(batch)
        except BrokenPipeError:
            self._give_up()
        if self.has_left:
            raise Refuse("standard output was closed by its reader")

    def stop(self) -> None:
        """As the printer's."""
        self._printer.stop()

    def _give_up(self) -> None:
        """Let what is still buffered go nowhere, or the interpreter would complain of it at its end."""
        self.has_left = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
