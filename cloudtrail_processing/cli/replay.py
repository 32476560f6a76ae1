"""``replay``: deliver again what was set aside, or what has to come once more."""

import sys
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cloudtrail_processing import errors
from cloudtrail_processing.cli import options
from cloudtrail_processing.cli.previewing import show
from cloudtrail_processing.cli.replaying import Job, Letters, Logs, Records, by_class
from cloudtrail_processing.cli.sweeping import bar, complain, done
from cloudtrail_processing.cli.telling import FAILED, INTERRUPTED, clear_errors, log_lines, say, standard_error
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.files import STDIN
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.progress import Reporters
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.tally import Tally

if TYPE_CHECKING:
    from cloudtrail_processing.times import TimeRange

FROM_WHERE = "What to replay"
"""The panel of ``--help`` with the sources, of which one is to be named."""
_WITHOUT = frozenset({"queue_url", "dead_letter_url", "quarantine", "wait_time", "retry_delay", "max_retry_delay"})
"""Settings that are the command's own affair, or without effect here."""


@options.with_settings(without=_WITHOUT)
def replay(
    ctx: typer.Context,
    prefixes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PREFIX…",
            show_default=False,
            help="With --from: s3://bucket/prefix, files or folders. Of a prefix that ends with AWSLogs/, or lies "
            "below, only the folders of the days in question are listed, of any other every key.",
        ),
    ] = None,
    *,
    place: Annotated[
        str | None,
        typer.Option(
            "--quarantine",
            metavar="PLACE",
            show_default=False,
            help="Bad records that were kept in this folder or under this s3://bucket/prefix. Those that are delivered "
            "are removed from it; those that are still bad, or that no filter wants, stay.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    dead_letters: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            show_default=False,
            help="Messages in this dead-letter queue. Those whose logs are delivered, or skipped by a filter, are "
            "deleted; all others stay there, each tried once. A checkpoint counts as in the worker.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    error: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLASS",
            show_default=False,
            help="With --dead-letters: only those of this error class, as CorruptLog; unknown is the class of messages "
            "that SQS's redrive policy moved. May be repeated.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    keys: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="The logs that the file names, - being standard input: s3://bucket/key or "
            "s3://bucket/key?versionId=… on each line; # begins a comment.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            show_default=False,
            help="The logs of a time, by their names, which tell the end of five minutes: 2026-01-31, "
            "2026-01-31T12:00Z (UTC), or 90m, 2h, 3d, 1w for so long ago. Events may be some 15 minutes older.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="TIME",
            show_default=False,
            help="The end of that time, included; a date is its first moment. Default: now.",
            rich_help_panel=FROM_WHERE,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be replayed. Nothing is delivered or changed.")
    ] = False,
) -> None:
    """Deliver again what was set aside: quarantined records, dead letters, named logs, or the logs of a time.

    [bold]cloudtrail-processing replay --quarantine ./bad --processor alerts:Deletions[/bold]

    [bold]cloudtrail-processing replay --dead-letters "$URL" --error CorruptLog --dry-run[/bold]

    [bold]cloudtrail-processing replay --from 2h s3://bucket/AWSLogs/ --processor alerts:Deletions[/bold]

    Everything goes through the same filters to the same processors as in the worker. --keys and --from deliver logs
    whether a checkpoint has them or not. What fails stays where it is, and may be replayed again. Receiving a dead
    letter raises its receive count there, also in a dry run.

    Ends with 0 when everything was delivered, or there was nothing; 1 when something failed, is still bad or cannot
    be read, or AWS could not be asked; 2 when the command line or a setting cannot work, or no log is of that time;
    130 after Ctrl-C.
    """
    _check({"--quarantine": place, "--dead-letters": dead_letters, "--keys": keys, "--from": since})
    _check_companions(prefixes or [], error=error or [], until=until, dead_letters=dead_letters, since=since)
    console = standard_error()
    with log_lines(console, level="WARNING"), clear_errors(console):
        chosen = options.load_settings(ctx)
        job: Job
        if place is not None:
            job = Records(place)
        elif dead_letters is not None:
            job = Letters(dead_letters, error or [])
        elif keys is not None:
            job = Logs(chosen, named=_named(keys, console))
        else:
            job = Logs(chosen, paths=prefixes or [], times=_times(since or "", until))
    # The summary names what failed; beyond that only the tracebacks of processors are worth a line unasked.
    level = chosen.log_level if "log_level" in chosen.model_fields_set else "ERROR"
    with log_lines(console, level=level, form=chosen.log_format), clear_errors(console, form=chosen.log_format):
        raise typer.Exit(_preview(job, chosen, console) if dry_run else _run(job, chosen, console))


def _run(job: Job, settings: Settings, console: Console) -> int:
    from cloudtrail_processing.parts import Parts

    tally = Tally()
    try:
        with bar(console, total=job.total, printing=False) as reporter:
            report = job.run(settings, Parts(reporter=Reporters(reporter, tally)), console)
    except KeyboardInterrupt:
        say(console, f"interrupted: {done(tally)}; what was not delivered is where it was", style="yellow")
        return INTERRUPTED
    job.end(console)
    return report


def _preview(job: Job, settings: Settings, console: Console) -> int:
    preview = job.preview(settings)
    show(preview)
    job.end(console)
    for failed in preview.failed:
        complain(failed, console)
    left_out = preview.left_out
    others = f", {left_out.total():,} other(s) left alone ({by_class(left_out)})" if left_out else ""
    say(console, f"dry run: {preview.total:,} to replay{others}; nothing was delivered or changed")
    return FAILED if preview.failed else 0


def _check(kinds: dict[str, str | None]) -> None:
    given = [name for name, value in kinds.items() if value is not None]
    if not given:
        raise typer.BadParameter(f"say what to replay: one of {', '.join(kinds)}")
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} are different things: replay one after the other")
    if not kinds[given[0]]:
        raise typer.BadParameter("it is empty", param_hint=given[0])


def _check_companions(
    prefixes: list[str], *, error: list[str], until: str | None, dead_letters: str | None, since: str | None
) -> None:
    if error and dead_letters is None:
        raise typer.BadParameter("it belongs to --dead-letters", param_hint="--error")
    for name in error:
        _check_class(name)
    if since is None and (prefixes or until is not None):
        raise typer.BadParameter("paths and --to belong to --from")
    if since is not None and not prefixes:
        raise typer.BadParameter("say where: s3://bucket/prefix, a file or a folder", param_hint="--from")


def _check_class(name: str) -> None:
    """Refuse what no letter tells: a class with a slip of the pen would leave all of them alone, and end well."""
    from cloudtrail_processing.replay.letters import UNKNOWN

    kinds = (it for it in vars(errors).values() if isinstance(it, type))
    known = [UNKNOWN, *(it.__name__ for it in kinds if issubclass(it, errors.CloudTrailProcessingError))]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known, key=str.lower))}"
        raise typer.BadParameter(f"no such error class {name or repr(name)}; {guess}", param_hint="--error")


def _times(since: str, until: str | None) -> "TimeRange":
    from cloudtrail_processing.times import TimeRange

    return TimeRange.between(since, until, now=datetime.now(UTC))


def _named(path: str, console: Console) -> list[LogObject]:
    """The logs that the file names, all of it read before anything is delivered."""
    from cloudtrail_processing.replay import logs_named

    try:
        content = sys.stdin.buffer.read() if path == STDIN else Path(path).read_bytes()
        logs = logs_named(content.decode("utf-8-sig").splitlines(), source="standard input" if path == STDIN else path)
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read keys from {path}: {getattr(error, 'strerror', None) or error}") from error
    if not logs:
        say(console, f"no log is named in {path}: nothing to replay")
    return logs
