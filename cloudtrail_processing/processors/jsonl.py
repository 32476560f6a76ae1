"""Events as JSON lines: one record per line, exactly as CloudTrail wrote it."""

import os
import re
import stat
import sys
import threading
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.processor import EventProcessor

STDOUT = "-"
"""The path that means standard output."""

_TOKENS = re.compile(rb'("(?:[^"\\]++|\\.)*+")|[ \t\r\n]++', re.DOTALL)


class JsonLinesOptions(BaseModel):
    """Options of ``JsonLines`` on the command line and in settings files."""

    model_config = ConfigDict(extra="forbid")

    path: str = STDOUT
    sync: bool = True


class JsonLines(EventProcessor):
    r"""Appends every event as one line of JSON to ``path``; ``-`` is standard output.

    A line holds the record in the wire's own names, byte for byte as in its log; a record that was written over several
    lines loses the white space between its tokens and nothing else. Lines of one batch stand together, in the order
    of the log, also when several threads or processes append to one file.

    When ``process`` returns, its lines are flushed, and in a file also on the disk (``fsync``): only then may their
    message be deleted. ``sync=False`` leaves that to the operating system, which is faster and loses the last lines
    when the machine fails. A batch may be repeated, so a line may be, too: ``eventID`` tells.

    A crash, or a disk that is full, may leave the beginning of a line. It gets an end before the next one is written;
    its event comes again.
    """

    Options = JsonLinesOptions

    def __init__(self, path: str | os.PathLike[str] = STDOUT, *, sync: bool = True) -> None:
        self._path = os.fspath(path)
        self._sync = sync
        self._lock = threading.Lock()
        self._file: IO[bytes] | None = None
        self._torn = False

    def start(self) -> None:
        """Open the file, and make it if need be; its folder must be there. Raises ``OSError``."""
        if self._path == STDOUT:
            return
        self._file = Path(self._path).open("ab", buffering=0)  # noqa: SIM115 - closed by stop
        is_file = stat.S_ISREG(os.fstat(self._file.fileno()).st_mode)
        self._sync = self._sync and is_file
        self._torn = is_file and _ends_inside_a_line(Path(self._path))

    def process(self, batch: EventBatch) -> None:
        """Write the lines of the batch; raises ``OSError`` when not all of them are safely out."""
        lines = b"".join(json_line(event.raw) for event in batch)
        with self._lock:
            if self._path == STDOUT:
                _print(lines)
            else:
                self._append(lines)

    def stop(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _append(self, lines: bytes) -> None:
        if self._file is None:
            raise ValueError(f"{self._path} is not open: start() comes before process()")
        rest = memoryview(b"\n" + lines if self._torn else lines)
        self._torn = True
        while rest:
            rest = rest[self._file.write(rest) :]
        self._torn = False
        if self._sync:
            os.fsync(self._file.fileno())


def json_line(raw: bytes) -> bytes:
    r"""One record as one line with its end; the same bytes, without white space if there was a line break in them.

    >>> json_line(b'{"a": 1}'), json_line(b'{\n  "a": 1\n}')
    (b'{"a": 1}\n', b'{"a":1}\n')
    """
    if b"\n" in raw or b"\r" in raw:
        raw = _TOKENS.sub(rb"\1", raw)
    return raw + b"\n"


def _print(lines: bytes) -> None:
    """Bytes to a pipe or file; text to a terminal, where others may be writing by ``sys.stdout``, too."""
    if sys.stdout.isatty():
        sys.stdout.write(lines.decode(errors="replace"))
        sys.stdout.flush()
        return
    sys.stdout.buffer.write(lines)
    sys.stdout.buffer.flush()


def _ends_inside_a_line(path: Path) -> bool:
    """True when the file has an unfinished last line; False also when we may write but not read it."""
    try:
        with path.open("rb") as file:
            return bool(file.seek(0, os.SEEK_END)) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n"
    except PermissionError:
        return False
