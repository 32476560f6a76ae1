"""``worker`` in several processes: what each of them does about its log lines, and what is shown of all."""

import functools
import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cloudtrail_processing.cli.status import StatusLine, can_be_live, live
from cloudtrail_processing.cli.telling import log_lines, say_logged, standard_error
from cloudtrail_processing.health import HealthState
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.tally import told

if TYPE_CHECKING:
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.supervisor import Joined

logger = logging.getLogger(__name__)

SUPERVISOR = "supervisor"
"""The name under which the first process logs."""
_STDOUT, _STDERR = 1, 2


def work_in_processes(settings: Settings, console: Console, *, processes: int) -> None:
    """Run workers until told to stop; raises as ``supervise`` does."""
    from cloudtrail_processing.supervisor import supervise

    shown = _Shown(processes)
    with _screen(shown, settings, console) as screen:
        setup = functools.partial(in_process, screen=screen)
        joined = supervise(processes=processes, settings=settings, setup=setup, told=shown.take)
    logger.info("stopped: %s", told(joined.counts))


@contextmanager
def in_process(settings: Settings, *, screen: "Connection[Any, Any] | None" = None) -> "Iterator[Parts]":
    """What a worker process needs of the command line: log lines as everywhere, with its name in them.

    With a ``screen``, what would go to the terminal goes there instead, and finished logs are no lines: they are
    counted.
    """
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.progress import ProgressReporter

    if screen is not None:
        for descriptor in (_STDOUT, _STDERR):
            if os.isatty(descriptor):
                os.dup2(screen.fileno(), descriptor)
    name = multiprocessing.current_process().name
    with log_lines(standard_error(), level=settings.log_level, form=settings.log_format, process=name):
        yield Parts(reporter=None if screen is None else ProgressReporter())


class _Shown:
    """What the live line says: the counts of all processes, and how they are."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._counts: Mapping[str, int] = {}
        self._doing = "starting"

    def take(self, joined: "Joined") -> None:
        """From now on, show this."""
        alive, health = f"{joined.alive} of {self._processes} processes", joined.health
        self._counts = joined.counts
        why = f": {health.why}" if health.why else ""
        self._doing = f"working in {alive}" if health.state is HealthState.OK else f"{health.state}, {alive}{why}"

    def doing(self) -> str:
        """What is going on, in one line."""
        return self._doing

    def __getitem__(self, name: str) -> int:
        return self._counts.get(name, 0)


@contextmanager
def _screen(shown: _Shown, settings: Settings, console: Console) -> "Iterator[Connection[Any, Any] | None]":
    """On a terminal, a live line, and the pipe by which other processes write above it; elsewhere None."""
    if settings.log_format == "json" or not can_be_live(console):
        yield None
        return
    ours, theirs = multiprocessing.Pipe(duplex=False)
    reading = threading.Thread(target=_show_lines, args=(ours, console), name="screen", daemon=True)
    line = StatusLine(shown.doing, shown)
    with live(console, lambda: line):
        reading.start()
        try:
            yield theirs
        finally:
            theirs.close()
            reading.join(timeout=1)  # some process that a processor started may hold the pipe


def _show_lines(pipe: "Connection[Any, Any]", console: Console) -> None:
    with os.fdopen(os.dup(pipe.fileno()), errors="replace") as lines:
        for line in lines:
            say_logged(console, line.rstrip("\n"))
