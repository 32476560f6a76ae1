"""How the commands talk: to people on a terminal, in plain lines elsewhere, always on standard error."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import orjson
import typer
from rich.console import Console
from rich.text import Text

from cloudtrail_processing.errors import CloudTrailProcessingError, ProcessorError, SettingsError

logger = logging.getLogger(__name__)

FAILED = 1
"""Exit code: something went wrong while it ran, or at its start."""
USAGE = 2
"""Exit code: the command or a setting cannot work as it was given."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as of a program that SIGINT ended."""

_CHATTY = ("botocore", "aiobotocore", "boto3", "urllib3", "asyncio", "werkzeug")
"""At DEBUG these tell too much: botocore's lines hold signatures and session tokens."""
_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "bold red"}


def standard_error() -> Console:
    """The console on which commands talk to people; standard output belongs to the data."""
    return Console(stderr=True, highlight=False)


def printable(text: object, *, keep: str = "") -> str:
    r"""``text`` without control characters, which could take a terminal over; those in ``keep`` stay.

    >>> printable("alice\x1b[2J")
    'alice�[2J'
    """
    return "".join(char if char.isprintable() or char in keep else "\N{REPLACEMENT CHARACTER}" for char in str(text))


def say_logged(console: Console, line: str) -> None:
    """A log line that another process has written, in the colour of its level."""
    level = next(iter(line.split(maxsplit=3)[2:]), "")
    say(console, line, style=_STYLES.get(logging.getLevelNamesMapping().get(level, 0), ""))


def say(console: Console, text: object, *, style: str = "") -> None:
    """One line as it is: no markup, not cut, not wrapped."""
    console.print(Text(printable(text, keep="\n\t"), style=style), soft_wrap=True)


@contextmanager
def clear_errors(console: Console, *, form: str = "text") -> Iterator[None]:
    """Turn an error of ours into one line and an exit code; its traceback is shown at log level DEBUG."""
    try:
        yield
    except CloudTrailProcessingError as error:
        logger.debug("the traceback of the error", exc_info=True)
        if form == "json":
            logger.critical("%s", whole_story(error))
        else:
            say(console, f"error: {whole_story(error)}", style="bold red")
        raise typer.Exit(USAGE if isinstance(error, SettingsError) else FAILED) from None


def whole_story(error: CloudTrailProcessingError) -> str:
    """The error's text; with what user code raised, which only its owner sees here."""
    said = isinstance(error, ProcessorError) and error.__cause__ is not None and str(error.__cause__)
    return f"{error}: {said}" if said else str(error)


@contextmanager
def log_lines(console: Console, *, level: str, form: str = "text", process: str | None = None) -> Iterator[None]:
    """While inside, log records of ``level`` and above go to standard error, as ``form`` (text or json) says.

    ``process`` is the name of this one, where several processes share the standard error.
    """
    root = logging.getLogger()
    handler = _handler(console, form=form, process=process)
    before = root.level, {name: logging.getLogger(name).level for name in _CHATTY}
    root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        for name, own in before[1].items():
            logging.getLogger(name).setLevel(own)


def _handler(console: Console, *, form: str, process: str | None) -> logging.Handler:
    plain: logging.Handler = logging.StreamHandler() if process is None else _shared()
    handler = _OnConsole(console) if form != "json" and console.is_terminal else plain
    who = "" if process is None else f"{process}: "
    text = _TextFormatter(f"%(asctime)s %(levelname)-7s {who}%(message)s")
    handler.setFormatter(JsonFormatter(process) if form == "json" else text)
    return handler


def _shared() -> logging.Handler:
    from cloudtrail_processing.cli.sharing import WholeLines

    return WholeLines()


class _OnConsole(logging.Handler):
    """Writes through the console, so that lines stand above what is live on it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        try:
            say(self._console, self.format(record), style=_STYLES.get(record.levelno, ""))
        except Exception:  # noqa: BLE001 - as every handler of logging: a line that cannot be written must not hurt
            self.handleError(record)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """The usual line, without control characters: keys and names in it come from outside."""
        return printable(super().format(record), keep="\n\t")


class JsonFormatter(logging.Formatter):
    """One JSON object per line: ``time`` (ISO 8601, UTC), ``level``, ``logger``, ``message``, and ``exception``.

    Where there are several processes, ``process`` is the name of the one that says it.
    """

    def __init__(self, process: str | None = None) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if self._process is not None:
            line["process"] = self._process
        if record.exc_info and record.exc_info[0]:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()
