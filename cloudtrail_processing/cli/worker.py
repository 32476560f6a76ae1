"""``worker``: run processors on a queue until told to stop."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from cloudtrail_processing.cli import options
from cloudtrail_processing.cli.status import StatusLine, can_be_live, live
from cloudtrail_processing.cli.supervised import SUPERVISOR, work_in_processes
from cloudtrail_processing.cli.telling import FAILED, clear_errors, log_lines, standard_error
from cloudtrail_processing.errors import ProcessorError
from cloudtrail_processing.progress import LoggingReporter, ProgressReporter, Reporters
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.tally import Tally

logger = logging.getLogger(__name__)


@options.with_settings()
def worker(
    ctx: typer.Context,
    *,
    processes: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            show_default=False,
            help="How many processes share the work, each with threads, pollers and a memory budget of its own. "
            "Default: as many as there are cores.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
) -> None:
    """Receive notifications from an SQS queue and deliver the events of their logs to processors, until told to stop.

    [bold]cloudtrail-processing worker --queue-url https://sqs.eu-west-1.amazonaws.com/123456789012/trail
    --processor alerts:Deletions[/bold]

    A message is deleted only when all its events were delivered. SIGTERM or Ctrl-C stops in order: what is in hand
    finishes within the grace time, the rest goes back to the queue. A second signal ends at once. A process that
    dies is started again.

    Ends with 0 after a stop; 1 after a failure, at its start too (no such queue, no credentials, unknown profile);
    2 when the command line, a setting or a processor's options cannot work.
    """
    console = standard_error()
    with log_lines(console, level="WARNING"), clear_errors(console):
        chosen = options.load_settings(ctx)
    count, form = processes or _cores(), chosen.log_format
    name = SUPERVISOR if count > 1 else None
    with log_lines(console, level=chosen.log_level, form=form, process=name), clear_errors(console, form=form):
        if count > 1:
            work_in_processes(chosen, console, processes=count)
        else:
            _work(chosen, console)


def _cores() -> int:
    from cloudtrail_processing.supervisor import cores

    return cores()


def _work(settings: Settings, console: Console) -> None:
    from cloudtrail_processing.app import run
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.tuning import tune

    tune()
    tally = Tally()
    try:
        with _showing(tally, settings, console) as reporter:
            run(settings=settings, parts=Parts(reporter=reporter))
    except ProcessorError as error:
        if error.__cause__ is not None:
            raise
        _end_now(error)
    logger.info("stopped: %s", tally)


@contextmanager
def _showing(tally: Tally, settings: Settings, console: Console) -> Iterator[ProgressReporter]:
    """On a terminal a live line; elsewhere a log line for every log."""
    if settings.log_format == "json" or not can_be_live(console):
        yield Reporters(LoggingReporter(), tally)
        return
    line = StatusLine("working", tally)
    with live(console, lambda: line):
        yield tally


def _end_now(error: ProcessorError) -> NoReturn:
    """End without waiting for the thread of a processor that does not return; its messages were given back."""
    logger.critical("%s", error)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(FAILED)
