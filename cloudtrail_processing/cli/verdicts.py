"""The findings of an audit for people, for machines, for CI, and in the words of the AWS CLI."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cloudtrail_processing.audit import Exit, Finding, Scope, Summary, What
from cloudtrail_processing.cli.telling import printable
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.integrity import State


class Printer:
    """Shows nothing. Others show each finding as it comes, and in the end what all of it comes to."""

    def show(self, finding: Finding) -> None:
        """One more finding."""

    def end(self, summary: Summary) -> None:
        """There are no more."""


def printer(form: str, scope: Scope, *, target: str, verbose: bool) -> Printer:
    """The one for ``table``, ``json`` or ``aws``; ``verbose`` shows what is valid, too."""
    if form == "json":
        return _Json(scope, verbose=verbose)
    return _Aws(scope, target, verbose=verbose) if form == "aws" else _People(scope, verbose=verbose)


def told(finding: Finding) -> dict[str, Any]:
    """A finding as JSON; what it does not have is left out."""
    values = {
        "what": finding.what,
        "state": finding.state,
        "account": finding.account,
        "region": finding.region,
        "bucket": finding.bucket,
        "key": finding.key,
        "detail": finding.detail,
        "from": _time(finding.first),
        "to": _time(finding.last),
        "count": finding.count if finding.state is State.MISSING else None,
    }
    return {name: value for name, value in values.items() if value not in (None, "")}


def _time(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%dT%H:%M:%SZ}"


class _Json(Printer):
    """One object a line, ``summary`` in the last one."""

    def __init__(self, scope: Scope, *, verbose: bool) -> None:
        self._scope = scope
        self._verbose = verbose

    def show(self, finding: Finding) -> None:
        if self._verbose or finding.state is not State.VALID:
            _line(told(finding))

    def end(self, summary: Summary) -> None:
        places = [
            {
                "account": account,
                "region": region,
                "from": _time(place.first),
                "to": _time(place.last),
                "counts": [
                    {"what": what, "state": state, "count": count}
                    for (what, state), count in sorted(place.counts.items())
                ],
            }
            for (account, region), place in summary.places.items()
        ]
        asked = {"bucket": self._scope.bucket, "prefix": self._scope.prefix}
        times = {"from": _time(self._scope.times.first), "to": _time(self._scope.times.last)}
        _line({"summary": {"result": summary.exit.name.lower(), **asked, **times, "places": places}})


def _line(value: object) -> None:
    # Not orjson: it refuses lone surrogates, and writes characters as they are that could take a terminal over.
    typer.echo(json.dumps(value, separators=(",", ":")))


_WIDE: Final = 160
"""Columns where there is no terminal: enough for every table."""
_STYLES: Final = {Exit.VALID: "green", Exit.GAPS: "yellow", Exit.NOTHING: "yellow", Exit.INCOMPLETE: "bold yellow"}
_RESULTS: Final = {
    Exit.VALID: "Everything is valid.",
    Exit.GAPS: "Everything that there is is valid; there were times without logging.",
    Exit.NOTHING: "There is nothing to validate: no digest of these times lies there. Look at the bucket, the prefix, "
    "the times, and whether the trail has log file validation enabled.",
    Exit.INCOMPLETE: "Not everything could be proven: see above.",
    Exit.INVALID: "Something is not as CloudTrail delivered it: see above.",
}


class _People(Printer):
    """A line for each thing that is not valid, then a table of accounts and regions."""

    def __init__(self, scope: Scope, *, verbose: bool) -> None:
        self._scope = scope
        self._verbose = verbose
        self._console = Console(highlight=False)
        if not self._console.is_terminal:
            self._console.width = _WIDE

    def show(self, finding: Finding) -> None:
        if finding.state is State.VALID and not self._verbose:
            return
        where = finding.uri or f"{finding.account} {finding.region} {_span(finding)}"
        why = f": {finding.detail}" if finding.detail else ""
        text = printable(f"{finding.what} {finding.state}  {where}{why}")
        self._console.print(Text(text, style=_STYLES.get(finding.exit, "bold red")), soft_wrap=True)

    def end(self, summary: Summary) -> None:
        if summary.places:
            self._console.print(_table(summary))
        self._console.print(Text(_RESULTS[summary.exit], style=_STYLES.get(summary.exit, "bold red")), soft_wrap=True)


def _span(finding: Finding) -> str:
    return f"{_time(finding.first)} to {_time(finding.last)}"


def _table(summary: Summary) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("account", "region"):
        table.add_column(name, no_wrap=True)
    for name in ("digests valid", "not", "logs valid", "not", "unlisted", "gaps"):
        table.add_column(name, justify="right")
    table.add_column("proven (UTC)", no_wrap=True)
    digests = (What.DIGEST, What.BACKFILL)
    for (account, region), place in summary.places.items():
        unlisted = place.counts[What.LOG, State.UNLISTED]
        missing = place.counts[What.TRAIL, State.MISSING]
        counts = (
            place.of(*digests, bad=False),
            place.of(*digests, bad=True) + missing,
            place.of(What.LOG, bad=False),
            place.of(What.LOG, bad=True) - unlisted,
            unlisted,
            place.counts[What.TRAIL, State.GAP],
        )
        proven = f"{place.first:%Y-%m-%d %H:%M} to {place.last:%m-%d %H:%M}" if place.first and place.last else ""
        table.add_row(account, region, *(f"{it:,}" for it in counts), proven)
    return table


_DIGEST_WORDS: Final = {
    State.BAD_SIGNATURE: "signature verification failed",
    State.BAD_FORMAT: "invalid format",
    State.OVERSIZE: "invalid format",
    State.MOVED: "has been moved from its original location",
    State.NOT_FOUND: "not found",
}
_LOG_WORDS: Final = {
    State.HASH_DIFFERS: "hash value doesn't match",
    State.BAD_FORMAT: "invalid format",
    State.OVERSIZE: "invalid format",
    State.TRAILING_DATA: "unexpected data after end of compressed stream",
    State.NOT_FOUND: "not found",
}


class _Aws(Printer):
    """The lines of ``aws cloudtrail validate-logs``, on the same streams; what it never sees is said in our words."""

    def __init__(self, scope: Scope, target: str, *, verbose: bool) -> None:
        self._times = scope.times
        self._verbose = verbose
        first, last = _time(scope.times.first), _time(scope.times.last)
        typer.echo(f"Validating log files for trail {target} between {first} and {last}\n")

    def show(self, finding: Finding) -> None:
        if finding.state is State.VALID:
            if self._verbose:
                typer.echo(f"{_subject(finding)}\tvalid")
        elif finding.state is State.GAP:
            first, last = _time(finding.first), _time(finding.last)
            typer.echo(f"No log files were delivered by CloudTrail between {first} and {last}", err=True)
        else:
            typer.echo(f"{_subject(finding)}\tINVALID: {_reason(finding)}", err=True)

    def end(self, summary: Summary) -> None:
        typer.echo(f"\nResults requested for {_time(self._times.first)} to {_time(self._times.last)}")
        firsts = [place.first for place in summary.places.values() if place.first]
        lasts = [place.last for place in summary.places.values() if place.last]
        if not summary.of(What.DIGEST, What.BACKFILL):
            typer.echo("No digests found")
            return
        if not firsts:
            typer.echo("No valid digests found in range")
        else:
            typer.echo(f"Results found for {_time(min(firsts))} to {_time(max(lasts))}:\n")
        for what, name in ((What.DIGEST, "digest"), (What.BACKFILL, "backfill digest"), (What.LOG, "log")):
            if total := summary.of(what):
                bad = summary.of(what, bad=True)
                invalid = f", {bad}/{total} {name} files INVALID" if bad else ""
                typer.echo(f"{total - bad}/{total} {name} files valid{invalid}")


def _subject(finding: Finding) -> str:
    if finding.what is What.TRAIL:
        return f"Trail\t{finding.account} {finding.region} {_span(finding)}"
    kind = "Log file" if finding.what is What.LOG else "Digest file"
    return f"{'(backfill) ' if finding.what is What.BACKFILL else ''}{kind}\t{finding.uri}"


def _reason(finding: Finding) -> str:
    if finding.state is State.NO_KEY:
        return f"public key not found in region {finding.region}: {finding.detail}"
    words = _LOG_WORDS if finding.what is What.LOG else _DIGEST_WORDS
    return words.get(finding.state, f"{finding.state}: {finding.detail}")


class JUnit(Printer):
    """JUnit XML in a file: one suite for each account and region, one case for each thing that is not valid.

    What is valid is one case in all, so that the file stays small. Without a path nothing is written.
    """

    def __init__(self, path: Path | None) -> None:
        """Raises ``SettingsError`` when the file cannot be written: now, and not at the end of a long audit."""
        self._path = path
        if path is not None:
            with _our_errors(path):
                path.touch()
        self._bad: list[Finding] = []

    def show(self, finding: Finding) -> None:
        """Keep what is not valid."""
        if self._path is not None and finding.state is not State.VALID:
            self._bad.append(finding)

    def end(self, summary: Summary) -> None:
        """Write the file."""
        if self._path is None:
            return
        root = Element("testsuites", name="cloudtrail log file validation")
        for (account, region), place in summary.places.items():
            bad = [it for it in self._bad if (it.account, it.region) == (account, region)]
            gaps = sum(it.state is State.GAP for it in bad)
            suite = SubElement(root, "testsuite", name=f"{account} {region}", tests=str(len(bad) + 1))
            suite.attrib |= {"failures": str(len(bad) - gaps), "skipped": str(gaps)}
            SubElement(
                suite, "testcase", name=f"{place.of(*What, bad=False)} digests and logs valid", classname="valid"
            )
            for finding in bad:
                _case(suite, finding)
        indent(root)
        with _our_errors(self._path), self._path.open("wb") as file:
            ElementTree(root).write(file, encoding="utf-8", xml_declaration=True)


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SettingsError(f"--junit {path}: {error.strerror}") from error


def _case(suite: Element, finding: Finding) -> None:
    name = printable(finding.uri or _span(finding))
    case = SubElement(suite, "testcase", name=name, classname=str(finding.what))
    message = printable(f"{finding.state}: {finding.detail}")
    if finding.state is State.GAP:
        SubElement(case, "skipped", message=message)
    else:
        SubElement(case, "failure", type=str(finding.state), message=message)
