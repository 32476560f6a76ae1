"""Logs on disk: files, folders, globs and standard input, named and read like logs in a bucket."""

import errno
import glob
import os
import sys
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge, SettingsError, TransientError
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import Identifies, LogStore

STDIN = "-"
"""The path that means standard input."""
_HOPELESS = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP})
NAMES = ".json, .jsonl and .ndjson files (plain or .gz, no digests)"
"""What counts as a log in a folder, for people."""
_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


class Files:
    """Names the logs that paths stand for: a file as it is, what a folder holds, what a glob matches, ``-`` for stdin.

    In folders, at any depth, only ``.json``, ``.jsonl`` and ``.ndjson`` files count, plain or gzipped, and digest files
    are left out; ``left_out`` counts the rest once ``logs`` was asked. Sorted within each path. Raises
    ``SettingsError`` for a path that stands for nothing, and for a folder that may not be read.
    """

    def __init__(self, paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> None:
        each = [paths] if isinstance(paths, str | os.PathLike) else paths
        self._paths = [os.fspath(path) for path in each]
        self.left_out = 0
        """How many files in folders are no logs by their names."""

    def logs(self) -> Iterator[LogObject]:
        """Every log, in the order of the paths; refuses a path that stands for nothing before anything is yielded."""
        found = [_expanded(path) for path in self._paths]
        self.left_out = sum(left_out for _, left_out in found)
        for file in [file for files, _ in found for file in files]:
            yield log_object("", file)


class FileStore:
    """Reads logs from disk, and hands those with a bucket on to another store."""

    def __init__(self, buckets: LogStore | None = None) -> None:
        self._buckets = buckets

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole file; ``LogTooLarge`` when it is over ``limit`` bytes."""
        if log.bucket:
            return self._elsewhere(log).fetch(log, limit=limit)
        with _our_errors(log.key):
            return FetchedLog(_read(log.key, limit=limit))

    def identify(self, log: LogObject) -> LogObject:
        """The file with its size; its etag is made of the time it was changed. Standard input is always a new one."""
        if log.bucket:
            store = self._elsewhere(log)
            return store.identify(log) if isinstance(store, Identifies) else log
        if log.key == STDIN:
            return replace(log, etag=uuid.uuid4().hex)
        with _our_errors(log.key):
            found = Path(log.key).stat()
            return replace(log, etag=f"{found.st_mtime_ns:x}-{found.st_size:x}", size=found.st_size)

    def _elsewhere(self, log: LogObject) -> LogStore:
        if self._buckets is None:
            raise ConfigurationError(f"{log.uri} lies in a bucket, and only files can be read here")
        return self._buckets


@contextmanager
def _our_errors(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise LogGone(f"{path}: no such file") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except OSError as error:
        kind = ConfigurationError if error.errno in _HOPELESS else TransientError
        raise kind(f"{path}: {error.strerror}") from error


def _read(path: str, *, limit: int) -> bytes:
    if path == STDIN:
        body = sys.stdin.buffer.read(limit + 1)
    else:
        with Path(path).open("rb") as file:
            body = file.read(limit + 1)
    if len(body) > limit:
        raise LogTooLarge(f"{path} is over the limit of {limit} bytes; raise max_inflated_bytes if that is expected")
    return body


def _expanded(path: str) -> tuple[list[str], int]:
    """The logs that a path stands for, and how many other files lie beside them in its folders."""
    try:
        places = _places(path)
        found = [each for place in places for each in _files(place)]
    except OSError as error:
        raise SettingsError(f"{error.filename or path}: {error.strerror}") from error
    logs = dict.fromkeys(file for file, is_log in found if is_log)
    others = {file for file, is_log in found if not is_log} - logs.keys()
    if not places:
        what = "no file or folder matches this glob" if glob.has_magic(path) else "no such file or folder"
        raise SettingsError(f"{path}: {what}")
    if not logs:
        raise SettingsError(f"{path}: no log in this folder, where only {NAMES} count; other files: {len(others):,}")
    return list(logs), len(others)


def _places(path: str) -> list[str]:
    """The path itself when there is something, else what it matches as a glob; a pipe is as good as a file."""
    if path == STDIN or (path and Path(path).exists()):
        return [path]
    return sorted(glob.glob(path, recursive=True))  # noqa: PTH207 - the pattern may be absolute


def _files(place: str) -> list[tuple[str, bool]]:
    """Each file with whether it counts as a log."""
    if place == STDIN or not Path(place).is_dir():
        return [(place, True)]
    files = (Path(folder, name) for folder, _, names in os.walk(place, onerror=_refuse) for name in names)
    return sorted((str(file), _is_log(str(file))) for file in files if file.is_file())


def _is_log(file: str) -> bool:
    return file.endswith(_SUFFIXES) and log_object("", file).kind is not LogKind.DIGEST


def _refuse(error: OSError) -> NoReturn:
    """A folder that may not be read must not count as empty."""
    raise error
