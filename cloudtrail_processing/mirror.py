"""A copy of a bucket on disk, as ``aws s3 sync`` makes it, with the metadata of digests beside them."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import orjson

from cloudtrail_processing.errors import NotAllowed, SettingsError
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
        names = (found.name for found in os.scandir(path) if found.is_dir()) if path.is_dir() else ()
        return sorted(f"{prefix}{name}/" for name in names)

    def objects(self, bucket: str, prefix: str, *, after: str = "") -> Iterator[Listed]:
        """Every file below the folder ``prefix``, but for the metadata beside others."""
        for key, path in sorted(self._below(self._path(bucket, prefix), prefix)):
            if key > after:
                found = path.stat()
                yield Listed(key, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))

    def _below(self, folder: Path, prefix: str) -> Iterator[tuple[str, Path]]:
        for where, _, names in os.walk(folder):
            inside = Path(where).relative_to(folder).as_posix()
            start = prefix if inside == "." else f"{prefix}{inside}/"
            yield from ((start + name, Path(where, name)) for name in names if not name.endswith(BESIDE))

    def _path(self, bucket: str, key: str) -> Path:
        if bucket != self._bucket:
            raise NotAllowed(f"s3://{bucket[:64]} is not here: this is a copy of s3://{self._bucket}")
        if any(part in ("..", ".") for part in key.split("/")) or "\0" in key:
            raise NotAllowed(f"{key[:200]!a} leads out of {self._folder}")
        return self._folder / key.lstrip("/")


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
