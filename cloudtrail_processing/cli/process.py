"""``process``: logs that are already there, from files, folders, standard input or S3."""

import sys
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from cloudtrail_processing.cli import options
from cloudtrail_processing.cli.printing import EventTable, ForReader
from cloudtrail_processing.cli.sweeping import bar, complain, done, told
from cloudtrail_processing.cli.telling import (
    FAILED,
    INTERRUPTED,
    clear_errors,
    log_lines,
    say,
    standard_error,
)
from cloudtrail_processing.files import NAMES, STDIN
from cloudtrail_processing.processors import JsonLines
from cloudtrail_processing.progress import Reporters
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.tally import Tally

READER_LEFT = 141
"""Exit code when standard output was closed by its reader, as of a program that SIGPIPE ended."""


class Format(StrEnum):
    """How events are printed."""

    JSONL = "jsonl"
    TABLE = "table"


@options.with_settings(without=options.OF_THE_QUEUE)
def process(
    ctx: typer.Context,
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH…",
            show_default=False,
            help="Files, folders, globs in quotes, s3://bucket/prefix, or - for standard input. Logs as CloudTrail "
            "writes them, gzipped or not; also JSON lines, LookupEvents output, EventBridge events. "
            f"In folders only {NAMES} count; a file that is named is read whatever its name.",
        ),
    ],
    *,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            metavar="jsonl|table",
            show_default=False,
            help="Print events as JSON lines (exactly as CloudTrail wrote them) or as a table. "
            "Default: a table on a terminal, else jsonl.",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
) -> None:
    """Print the events of logs, or deliver them to processors: from files, folders, standard input or S3.

    [bold]cloudtrail-processing process ./logs --where 'event_name=Delete*,failed=false'[/bold]

    [bold]cloudtrail-processing process s3://bucket/AWSLogs/ --processor alerts:Deletions[/bold]

    Events go to standard output, a summary to standard error. A log that fails does not stop the others.

    Ends with 0 when every log was processed; 1 when one failed, or AWS could not be asked (no such bucket, no
    credentials, unknown profile); 2 when the command line or a setting cannot work, or a path stands for no log;
    130 after Ctrl-C.
    """
    if form and ctx.params["processor"]:
        raise typer.BadParameter("a processor takes the events, so none are printed", param_hint="--format")
    chosen_form = _format(form)
    console = standard_error()
    with log_lines(console, level="WARNING"), clear_errors(console):
        chosen = options.load_settings(ctx)
    # The summary names what failed; beyond that only the tracebacks of processors are worth a line unasked.
    level = chosen.log_level if "log_level" in chosen.model_fields_set else "ERROR"
    with log_lines(console, level=level, form=chosen.log_format), clear_errors(console, form=chosen.log_format):
        reader = None if chosen.processor and not form else ForReader(_printer(chosen_form))
        raise typer.Exit(_sweep(paths, reader, settings=chosen, console=console))


def _sweep(paths: list[str], reader: ForReader | None, *, settings: Settings, console: Console) -> int:
    from cloudtrail_processing.cli.sources import Sources
    from cloudtrail_processing.parts import Parts, aws_options
    from cloudtrail_processing.sweep import process as sweep

    if STDIN in paths and sys.stdin.isatty():
        say(console, "reading standard input; Ctrl-D ends it")
    if reader:
        # A worker's checkpoint may stand in the environment: it knows what a worker delivered, not what was read.
        settings = settings.model_copy(update={"checkpoint": None, "deduplicate": 0})
    sources = Sources(paths, aws_options(settings, Parts()))
    if reader and not sources.in_buckets and "threads" not in settings.model_fields_set:
        # Several threads would not read from disk faster, and would mix up the order of the logs.
        settings = settings.model_copy(update={"threads": 1})
    tally, total = Tally(), None if sources.in_buckets else sources.known
    try:
        with bar(console, total=total, printing=reader is not None) as reporter:
            logs = sources.logs(wanted=lambda: reader is None or not reader.has_left)
            summary = sweep(reader, logs, settings=settings, parts=Parts(reporter=Reporters(reporter, tally)))
    except KeyboardInterrupt:
        say(console, f"interrupted: {done(tally)}", style="yellow")
        return INTERRUPTED
    if reader and reader.has_left:
        return READER_LEFT
    if summary.logs or not sources.broken_off:
        say(console, told(summary))
    if sources.left_out:
        say(console, f"other files left out {sources.left_out:,}: in folders only {NAMES} count")
    for failed in summary.failed:
        complain(failed, console)
    if sources.broken_off:
        raise sources.broken_off
    return FAILED if summary.failed else 0


def _format(name: str | None) -> Format | None:
    try:
        return Format(name) if name is not None else None
    except ValueError:
        text = f"{name!r} is neither {' nor '.join(Format)}"
        raise typer.BadParameter(text, param_hint="--format") from None


def _printer(form: Format | None) -> EventTable | JsonLines:
    chosen = form or (Format.TABLE if sys.stdout.isatty() else Format.JSONL)
    return EventTable() if chosen is Format.TABLE else JsonLines()
