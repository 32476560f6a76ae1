"""``validate``: proof that logs are what CloudTrail delivered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cloudtrail_processing.cli import options
from cloudtrail_processing.cli.status import can_be_live
from cloudtrail_processing.cli.telling import INTERRUPTED, clear_errors, log_lines, say, standard_error, whole_story
from cloudtrail_processing.errors import CloudTrailProcessingError, SettingsError
from cloudtrail_processing.settings import Settings

if TYPE_CHECKING:
    from cloudtrail_processing.audit import Summary
    from cloudtrail_processing.cli.auditing import Asked
    from cloudtrail_processing.cli.verdicts import Printer

_WITH = frozenset(
    {
        *("threads", "max_inflated_bytes", "max_ratio", "profile", "endpoint_url", "s3_endpoint_url", "request_payer"),
        *("connect_timeout", "read_timeout", "log_level", "log_format"),
    }
)
_WITHOUT = frozenset(Settings.model_fields) - _WITH
_THREADS = 128


class Format(StrEnum):
    """How findings are printed."""

    TABLE = "table"
    JSON = "json"
    AWS = "aws"


@options.with_settings(without=_WITHOUT)
def validate(
    ctx: typer.Context,
    target: Annotated[
        str,
        typer.Argument(
            metavar="TRAIL",
            show_default=False,
            help="The ARN of a trail, s3://bucket/prefix with any number of accounts, regions and organizations below, "
            "or a folder with a copy of a bucket, as `aws s3 sync` makes it, and KEY.metadata.json beside each digest, "
            "as `aws s3api head-object` prints it.",
        ),
    ],
    *,
    since: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="TIME",
            show_default=False,
            help="Logs and digests from then on: 2026-01-31, 2026-01-31T12:00Z, 2026-01-31T12:00+09:00, or 90m, 2h, "
            "3d, 1w for so long ago. Without a zone it is UTC.",
            rich_help_panel=options.WHAT,
        ),
    ],
    until: Annotated[
        str | None,
        typer.Option("--to", metavar="TIME", help="Until then. Default: now.", rich_help_panel=options.WHAT),
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(help="Only this account. May be repeated.", rich_help_panel=options.WHAT),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(
            "--region", help="Only digests and logs of this region. May be repeated.", rich_help_panel=options.WHAT
        ),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Of a folder: the bucket it is a copy of. Default: the one that its digests name.",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    keys: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Public keys as `aws cloudtrail list-public-keys` prints them, instead of asking CloudTrail. "
            "May be repeated.",
            rich_help_panel=options.WHAT,
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Remember in this SQLite file what was done: the same command goes on there after an interruption.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            "-f",
            help="A table for people, JSON lines for machines, or the lines of `aws cloudtrail validate-logs`.",
            rich_help_panel=options.WORK,
        ),
    ] = Format.TABLE,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print what is valid, too.", rich_help_panel=options.WORK)
    ] = False,
    junit: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Write what is not valid as JUnit XML, too, for CI.",
            rich_help_panel=options.WORK,
        ),
    ] = None,
) -> None:
    """Prove that logs are what CloudTrail delivered, and that none is missing or added.

    [bold]cloudtrail-processing validate arn:aws:cloudtrail:eu-west-1:123456789012:trail/main --from 30d[/bold]

    [bold]cloudtrail-processing validate s3://my-trail-logs --from 2026-01-01 --journal audit.db --format json[/bold]

    Digests are proven by CloudTrail's signature, chained to each other, and prove the logs that they list. Digests that
    the hourly cadence lets expect, and logs that no digest lists, are found as well.

    Ends with 0 when everything is valid; 1 when something is not what CloudTrail delivered, a log is gone, or one was
    added; 2 when the command line cannot work; 3 when all is valid, but there were times without logging; 4 when
    something could not be looked at or proven: forbidden, unreadable, a digest not found; 5 when there was nothing to
    validate; 130 after Ctrl-C.
    """
    from cloudtrail_processing.cli.auditing import asked
    from cloudtrail_processing.cli.verdicts import printer
    from cloudtrail_processing.times import TimeRange

    console = standard_error()
    with log_lines(console, level="ERROR"), clear_errors(console):
        settings = options.load_settings(ctx)
        times = TimeRange.between(since, until, now=datetime.now(UTC))
        if "threads" not in settings.model_fields_set:
            settings = settings.model_copy(update={"threads": _THREADS})
        wanted = asked(target, times, settings, accounts=account, regions=regions, bucket=bucket, keys=keys)
        shown = printer(form.value, wanted.scope, target=target, verbose=verbose)
        raise typer.Exit(_run(wanted, settings, shown, console, journal=journal, junit=junit))


def _run(
    wanted: "Asked",
    settings: Settings,
    shown: "Printer",
    console: Console,
    *,
    journal: Path | None,
    junit: Path | None,
) -> int:
    from cloudtrail_processing.audit import Exit
    from cloudtrail_processing.cli.verdicts import JUnit

    try:
        summary = _audited(wanted, settings, shown, console, journal=journal, report=JUnit(junit))
    except SettingsError:
        raise
    except CloudTrailProcessingError as error:
        say(console, f"the audit broke off: {whole_story(error)}", style="bold red")
        return Exit.INCOMPLETE
    except KeyboardInterrupt:
        kept = f"; the same command goes on with {journal}" if journal else ""
        say(console, f"interrupted{kept}", style="yellow")
        return INTERRUPTED
    shown.end(summary)
    return summary.exit


def _audited(
    wanted: "Asked",
    settings: Settings,
    shown: "Printer",
    console: Console,
    *,
    journal: Path | None,
    report: "Printer",
) -> "Summary":
    from cloudtrail_processing.audit import Journal, Summary, audit
    from cloudtrail_processing.logfile import Limits

    summary, kept = Summary(), Journal(journal) if journal else None
    limits = Limits(inflated=settings.max_inflated_bytes, ratio=settings.max_ratio)
    try:
        with _bar(console) as told:
            for finding in audit(
                wanted.scope,
                store=wanted.store,
                listing=wanted.listing,
                keys=wanted.keys,
                now=datetime.now(UTC),
                journal=kept,
                threads=settings.threads,
                limits=limits,
                told=lambda progress: told(progress.done, progress.known, summary),
            ):
                summary.add(finding)
                shown.show(finding)
                report.show(finding)
    finally:
        if kept is not None:
            kept.close()
        wanted.close()
    report.end(summary)
    return summary


@contextmanager
def _bar(console: Console) -> "Iterator[Callable[[int, int, Summary], None]]":
    """A bar of days on a terminal, nothing elsewhere."""
    if not can_be_live(console):
        yield lambda _done, _known, _summary: None
        return
    from cloudtrail_processing.audit import What

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("days", total=None)

        def told(done: int, known: int, summary: "Summary") -> None:
            bad = summary.of(*What, bad=True)
            counts = f"digests {summary.of(What.DIGEST, What.BACKFILL):,}, logs {summary.of(What.LOG):,}"
            text = f"days; {counts}" + (f"; [red]not valid {bad:,}[/red]" if bad else "")
            shown.update(task, completed=done, total=known, description=text)

        yield told
