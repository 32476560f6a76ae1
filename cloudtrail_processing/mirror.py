"""A copy of a bucket on disk, as ``aws s3 sync`` makes it, with the metadata of digests beside them."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import orjson

from cloudtrail_processing.errors import ConfigurationError, NotAllowed, SettingsError
from cloudtrail_processing.files import FileStore
from cloudtrail_processing.flow import FetchedLog, LogKind, LogObject
from cloudtrail_processing.ports import Listed

BESIDE = ".metadata.json"
"""``KEY.metadata.json`` holds what ``aws s3api head-object`` prints of KEY, or its ``Metadata`` alone."""


class Mirror:
    """``ports.LogStore`` and ``ports.Listing`` of one bucket's copy: the object KEY is the file ``folder/KEY``.

    ``bucket`` is the name that the bucket has in S3. A file's time of change counts as the time at which its object was
    written: ``aws s3 sync`` sets it so. Other buckets and paths that lead out of the folder are ``NotAllowed``. Raises
    ``SettingsError`` when there is no such folder.
    """

    def __init__(self, folder: str | os.PathLike[str], *, bucket: str) -> None:
        self._folder = Path(folder).absolute()
        if not self._folder.is_dir():
            raise SettingsError(f"{self._folder}: no such folder")
        self._bucket = bucket
        self._files = FileStore()

    def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
        """The whole file; raises as ``FileStore`` does."""
        path = self._path(log.bucket, log.key)
        fetched = self._files.fetch(replace(log, bucket="", key=str(path)), limit=limit)
        return replace(fetched, metadata=_beside(path)) if log.kind is LogKind.DIGEST else fetched

    def folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Those that ``prefix``, itself a folder, holds."""
        path = self._path(bucket, prefix)
        with _our_errors(path):
            names = [found.name for found in os.scandir(path) if found.is_dir()] if _is_dir(path) else []
        return sorted(f"{prefix}{name}/" for name in names)

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """Every file below the folder ``prefix``, but for the metadata beside others."""
        folder = self._path(bucket, prefix)
        with _our_errors(folder):
            found = sorted(self._below(folder, prefix)) if _is_dir(folder) else []
        for key, path in found:
            if key > after:
                with _our_errors(path):
                    told = path.stat() if path.exists() else None
                if told is not None and stat.S_ISREG(told.st_mode):
                    yield Listed(key, told.st_size, datetime.fromtimestamp(told.st_mtime, UTC))

    def _below(self, folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
        for where, _, names in os.walk(folder, onerror=_refuse):
            inside = Path(where).relative_to(folder).as_posix()
            start = prefix if inside == "." else f"{prefix}{inside}/"
            all_names = frozenset(names)
            yield from ((start + name, Path(where, name)) for name in names if not _is_beside(name, all_names))

    def _path(self, bucket: str, key: str) -> Path:
        if bucket != self._bucket:
            raise NotAllowed(f"s3://{bucket[:64]} is not here: this is a copy of s3://{self._bucket}")
        if any(part in ("..", ".") for part in key.split("/")) or "\0" in key:
            raise NotAllowed(f"{key[:200]!a} leads out of {self._folder}")
        return self._folder / key.lstrip("/")


def _is_beside(name: str, names: frozenset[str]) -> bool:
    return name.endswith(BESIDE) and name.removesuffix(BESIDE) in names


def _is_dir(path: Path) -> bool:
    """False only for what is not there, or is a file: what cannot be looked at must not count as empty."""
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _refuse(error: OSError) -> NoReturn:
    raise error


@contextmanager
def _our_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigurationError(f"{error.filename or path}: {error.strerror}") from error


def _beside(path: Path) -> Mapping[str, str]:
    """Nothing where the file is missing or holds anything else: the digest has no signature then, and is not valid."""
    beside = path.with_name(path.name + BESIDE)
    try:
        told = orjson.loads(beside.read_bytes())
    except (OSError, ValueError):
        return {}
    told = told.get("Metadata", told) if isinstance(told, dict) else {}
    return (
        {name.lower(): value for name, value in told.items() if isinstance(value, str)}
        if isinstance(told, dict)
        else {}
    )
