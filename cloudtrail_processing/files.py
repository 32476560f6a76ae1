"""Logs on disk: files, folders, globs and standard input, named and read like logs in a bucket."""

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from cloudtrail_processing.errors import ConfigurationError, LogGone, LogTooLarge, SettingsError, TransientError
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.ports import LogStore

STDIN = "-"
"""The path that means standard input."""
_SUFFIXES = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


class Files:
    """Names the logs that paths stand for: a file as it is, what a folder holds, what a glob matches, ``-`` for stdin.

    In folders, at any depth, only ``.json``, ``.jsonl`` and ``.ndjson`` files count, plain or gzipped, and digest files
    are left out. Sorted within each path. Raises ``SettingsError`` for a path that stands for nothing.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        self._paths = [os.fspath(path) for path in paths]

    def logs(self) -> Iterator[LogObject]:
        """Every log, in the order of the paths; a path that stands for nothing raises before anything is yielded."""
        for file in [file for path in self._paths for file in _expanded(path)]:
            yield log_object("", file)


class FileStore:
    """Reads logs from disk, and hands those with a bucket on to another store."""

    def __init__(self, buckets: LogStore | None = None) -> None:
        self._buckets = buckets

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole file; ``LogTooLarge`` when it is over ``limit`` bytes."""
        if log.bucket:
            if self._buckets is None:
                raise ConfigurationError(f"{log.uri} lies in a bucket, and only files can be read here")
            return self._buckets.fetch(log, limit=limit)
        try:
            return FetchedLog(_read(log.key, limit=limit))
        except FileNotFoundError as error:
            raise LogGone(f"{log.key}: no such file") from error
        except (PermissionError, IsADirectoryError) as error:
            raise ConfigurationError(f"{log.key}: {error.strerror}") from error
        except OSError as error:
            raise TransientError(f"{log.key}: {error.strerror}") from error


def _read(path: str, *, limit: int) -> bytes:
    if path == STDIN:
        body = sys.stdin.buffer.read(limit + 1)
    else:
        with Path(path).open("rb") as file:
            body = file.read(limit + 1)
    if len(body) > limit:
        raise LogTooLarge(f"{path} is over the limit of {limit} bytes; raise max_inflated_bytes if that is expected")
    return body


def _expanded(path: str) -> list[str]:
    if path == STDIN or Path(path).is_file():
        return [path]
    if Path(path).is_dir():
        found = sorted(str(file) for file in Path(path).rglob("*") if file.name.endswith(_SUFFIXES) and file.is_file())
        found = [file for file in found if log_object("", file).kind is not LogKind.DIGEST]
    else:
        matches = glob.glob(path, recursive=True)  # noqa: PTH207 - the pattern may be absolute
        found = sorted(file for file in matches if Path(file).is_file())
    if not found:
        raise SettingsError(f"{path}: no such file, no folder with logs, and no glob that matches a file")
    return found
