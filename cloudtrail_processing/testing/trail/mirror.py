"""Lays objects down on disk, as a local mirror of their bucket."""

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import orjson

from cloudtrail_processing.flow import LogKind
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.testing.trail.model import StoredObject

SIDE_FILE = ".metadata.json"
"""What is put behind the name of a digest's file for the file with its metadata."""


def write_mirror(folder: Path, objects: Iterable[tuple[str, StoredObject]]) -> None:
    """Write each object to its key below ``folder``, and the metadata of digests beside them."""
    for key, stored in objects:
        _write(folder / key, stored.body, stored.last_modified)
        if stored.metadata or log_object("", key).kind is LogKind.DIGEST:
            _write(folder / (key + SIDE_FILE), _head(stored.metadata), stored.last_modified)


def _head(metadata: Mapping[str, str]) -> bytes:
    """What ``aws s3api head-object`` says of them."""
    return orjson.dumps({"Metadata": dict(metadata)}, option=orjson.OPT_INDENT_2)


def _write(path: Path, data: bytes, modified: datetime) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (modified.timestamp(), modified.timestamp()))
