"""The kinds of replay, as the command sees them: each previews itself, runs, and says what became of it."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from rich.console import Console

from cloudtrail_processing.cli.sweeping import complain, in_words, told
from cloudtrail_processing.cli.telling import FAILED, say
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.settings import Settings

if TYPE_CHECKING:
    from cloudtrail_processing.parts import Parts
    from cloudtrail_processing.replay import Preview
    from cloudtrail_processing.sweep import Summary
    from cloudtrail_processing.times import TimeRange


class Job(Protocol):
    """One kind of replay."""

    def preview(self, settings: Settings) -> "Preview":
        """What ``run`` would do; changes nothing."""
        ...

    def run(self, settings: Settings, parts: "Parts", console: Console) -> int:
        """Replay, say what became of it all, and return the exit code."""
        ...

    def end(self, console: Console) -> None:
        """Say what else is worth knowing; raise what ended a listing."""
        ...

    @property
    def total(self) -> int | None:
        """How many logs there are, where that is known."""
        ...


class Records:
    """The bad records in a quarantine."""

    total = None

    def __init__(self, place: str) -> None:
        self._place = place

    def preview(self, settings: Settings) -> "Preview":
        """As ``Job.preview``."""
        from cloudtrail_processing.replay import preview_quarantine

        return preview_quarantine(self._place, settings=settings)

    def run(self, settings: Settings, parts: "Parts", console: Console) -> int:
        """As ``Job.run``."""
        from cloudtrail_processing.replay import replay_quarantine

        summary = replay_quarantine(None, self._place, settings=settings, parts=parts)
        if summary.logs:
            say(console, _told_of_records(summary))
        elif not summary.failed:
            say(console, f"the quarantine in {self._place} is empty: nothing to replay")
        for failed in summary.failed:
            complain(failed, console)
        return FAILED if summary.failed or summary.quarantined else 0

    def end(self, console: Console) -> None:
        """There is nothing else to say."""


class Letters:
    """The messages in a dead-letter queue."""

    total = None

    def __init__(self, url: str, errors: list[str]) -> None:
        self._url = url
        self._errors = errors

    def preview(self, settings: Settings) -> "Preview":
        """As ``Job.preview``."""
        from cloudtrail_processing.replay import preview_letters

        return preview_letters(self._url, errors=self._errors, settings=settings)

    def run(self, settings: Settings, parts: "Parts", console: Console) -> int:
        """As ``Job.run``."""
        from cloudtrail_processing.replay import replay_letters

        replayed = replay_letters(None, self._url, errors=self._errors, settings=settings, parts=parts)
        left_out = replayed.left_out
        say(
            console,
            f"dead letters delivered {replayed.delivered:,}, kept {len(replayed.kept):,}, "
            f"not asked for {left_out.total():,}" + (f" ({by_class(left_out)})" if left_out else ""),
        )
        for name, why in replayed.kept.items():
            say(console, f"kept: message {name}: {why}", style="red")
        return FAILED if replayed.kept else 0

    def end(self, console: Console) -> None:
        """There is nothing else to say."""


class Logs:
    """Logs that a list names, or those of a time under some paths."""

    def __init__(
        self,
        settings: Settings,
        *,
        named: list[LogObject] | None = None,
        paths: list[str] | None = None,
        times: "TimeRange | None" = None,
    ) -> None:
        from cloudtrail_processing.cli.sources import Sources
        from cloudtrail_processing.parts import Parts, aws_options

        self._named = named
        self._sources = Sources(paths or [], aws_options(settings, Parts()), times=times)
        self.total = None if named is None else len(named)

    def preview(self, settings: Settings) -> "Preview":
        """As ``Job.preview``."""
        from cloudtrail_processing.replay import preview_logs

        del settings
        return preview_logs(self._logs())

    def run(self, settings: Settings, parts: "Parts", console: Console) -> int:
        """As ``Job.run``."""
        from cloudtrail_processing.replay import replay_logs

        summary = replay_logs(None, self._logs(), settings=settings, parts=parts)
        if summary.logs or not self._sources.broken_off:
            say(console, told(summary))
        for failed in summary.failed:
            complain(failed, console)
        return FAILED if summary.failed else 0

    def end(self, console: Console) -> None:
        """As ``Job.end``."""
        if self._sources.untold:
            say(console, f"left out {self._sources.untold:,} log(s) whose names tell no time")
        if self._sources.broken_off:
            raise self._sources.broken_off

    def _logs(self) -> list[LogObject] | Iterator[LogObject]:
        return self._sources.logs() if self._named is None else self._named


def _told_of_records(summary: "Summary") -> str:
    counts = {
        "logs": summary.logs,
        "records": summary.records,
        "delivered": summary.delivered,
        "not wanted": summary.filtered,
        "still bad": summary.quarantined,
        "logs skipped": summary.skipped,
        "logs failed": sum(failed.log is not None for failed in summary.failed),
    }
    return in_words(counts)


def by_class(counts: Counter[str]) -> str:
    """The error classes of dead letters, and how many there are of each, in words."""
    return in_words(dict(sorted(counts.items(), key=lambda it: (-it[1], it[0]))))
