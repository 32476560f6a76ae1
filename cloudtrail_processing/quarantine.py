"""Bad records, set aside whole: JSON lines in a folder, one file for each log and batch, read back for a replay."""

import base64
import errno
import hashlib
import json
import logging
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import NoneType
from typing import Any

from cloudtrail_processing.errors import ConfigurationError, CorruptLog, TransientError
from cloudtrail_processing.flow import LogObject, RejectedRecord
from cloudtrail_processing.keys import log_object

logger = logging.getLogger(__name__)

SUFFIX = ".jsonl"
"""How the name of every file ends."""
_TAIL = 80  # characters of a key that stay readable in a file's name
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_NO_FOLDER = (errno.EEXIST, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR)
_CURES = {
    frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}): "free space there",
    frozenset({errno.EACCES, errno.EPERM, errno.EROFS}): "let this user read and write there",
    frozenset(_NO_FOLDER): "name a folder that can exist",
}


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A bad record as it was set aside: what it is, when it was kept (UTC), and the file in which it lies.

    ``record.log`` has the bucket, key, version and etag that it had, and what these tell; not its size.
    """

    record: RejectedRecord
    time: datetime = field(compare=False)
    place: str


# ── The format ──


def to_line(record: RejectedRecord, *, time: datetime) -> bytes:
    """The record as one JSON object in ASCII, without a line break.

    Its bytes are the text ``raw`` where they are valid UTF-8, else ``raw_base64``.
    """
    try:
        raw = {"raw": record.raw.decode("utf-8")}
    except UnicodeDecodeError:
        raw = {"raw_base64": base64.b64encode(record.raw).decode("ascii")}
    about = {**_identity(record.log), "index": record.index, "error": record.error, "time": time.isoformat()}
    return json.dumps(about | raw).encode("ascii")


def from_line(line: bytes, *, place: str) -> Quarantined:
    """The record that ``to_line`` wrote, exact bytes; ``CorruptLog`` for a line that it did not write."""
    try:
        found: Any = json.loads(line)
        raw = found["raw"].encode("utf-8") if "raw" in found else base64.b64decode(found["raw_base64"], validate=True)
        version_id, etag = (_typed(found[name], str, NoneType) for name in ("version_id", "etag"))
        log = log_object(_typed(found["bucket"], str), _typed(found["key"], str), version_id=version_id, etag=etag)
        record = RejectedRecord(log, _typed(found["index"], int), raw, _typed(found["error"], str))
        return Quarantined(record, _moment(found["time"]), place)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptLog(f"{place} has a line that is no quarantined record ({type(error).__name__})") from error


def file_name(records: Sequence[RejectedRecord]) -> str:
    """A name for records of one log: safe in any folder, the same for the same records, files of one log adjacent.

    Letters, digits, ``_`` and ``-`` alone, of the key's end, then hashes of the log and of the records.
    """
    log = records[0].log
    tail = _UNSAFE.sub("_", log.key.removesuffix(".gz").removesuffix(".json"))[-_TAIL:].strip("-_")
    whole = _hash(*(part for record in records for part in (str(record.index).encode(), record.raw)))
    return f"log-{tail}-{_hash(json.dumps(_identity(log)).encode())}-{whole}{SUFFIX}"


def by_log(entries: Iterable[Quarantined]) -> Iterator[tuple[LogObject, list[Quarantined]]]:
    """Each log with all its bad records, one log in memory at a time; ``entries`` as a quarantine lists them."""
    for log, group in groupby(entries, key=lambda entry: entry.record.log):
        yield log, list(group)


# ── Where they lie ──


class StoredQuarantine(ABC):
    """A quarantine of files, as ``ports.Quarantine``; from any thread. Subclasses say where the files lie.

    ``place`` is where, for people. ``now`` tells the time of day.
    """

    def __init__(self, place: str, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.place = place
        self._now = now

    def keep(self, records: Sequence[RejectedRecord]) -> None:
        """Store every record, one file for each log; return when all are safe. Keeping the same again adds nothing.

        Raises ``ConfigurationError`` or ``TransientError``; then some of the files may be there.
        """
        files: dict[tuple[str | None, ...], list[RejectedRecord]] = {}
        for record in records:
            files.setdefault(tuple(_identity(record.log).values()), []).append(record)
        time = self._now()
        for of_one_log in files.values():
            self._write(file_name(of_one_log), b"".join(to_line(record, time=time) + b"\n" for record in of_one_log))

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of connections, where there are any. May be repeated."""

    def entries(self) -> Iterator[Quarantined]:
        """Every record there is, those of one log one after another; one file in memory at a time.

        A record that was kept in two batches is found in two places. Lines that cannot be read are told of and stay.
        Raises as ``keep`` does.
        """
        for name in self._names():
            place = self._place_of(name)
            for line in _lines(self._read(name)):
                if entry := _readable(line, place=place):
                    yield entry

    def remove(self, entries: Iterable[Quarantined]) -> None:
        """Remove these records, as listed by ``entries``, and keep the rest of their files. May be repeated.

        Raises as ``keep`` does.
        """
        gone: dict[str, set[RejectedRecord]] = {}
        for entry in entries:
            gone.setdefault(entry.place, set()).add(entry.record)
        for place, records in gone.items():
            self._remove(self._name_of(place), records)

    def _remove(self, name: str, gone: set[RejectedRecord]) -> None:
        lines = _lines(self._read(name))
        rest = [line for line in lines if not (entry := _readable(line, place=name)) or entry.record not in gone]
        if not rest and lines:
            self._delete(name)
        elif len(rest) < len(lines):
            self._write(name, b"".join(line + b"\n" for line in rest))

    def _place_of(self, name: str) -> str:
        return f"{self.place}/{name}"

    def _name_of(self, place: str) -> str:
        name = place.removeprefix(f"{self.place}/")
        if self._place_of(name) != place or "/" in name:
            raise ValueError(f"{place} is no file of the quarantine in {self.place}")
        return name

    @abstractmethod
    def _write(self, name: str, content: bytes) -> None:
        """Whole or not at all, in place of what has this name."""

    @abstractmethod
    def _read(self, name: str) -> bytes:
        """The file; empty when there is none."""

    @abstractmethod
    def _names(self) -> Iterable[str]:
        """Of every file, sorted."""

    @abstractmethod
    def _delete(self, name: str) -> None:
        """May be repeated."""


class FolderQuarantine(StoredQuarantine):
    """A quarantine in a folder on disk, made when first needed; its files are this user's alone.

    A file is there whole or not at all, also after a crash. Several processes may share the folder. ``sync`` makes a
    file descriptor's content durable.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sync: Callable[[int], None] = os.fsync,
    ) -> None:
        super().__init__(os.path.normpath(os.fspath(folder)), now=now)
        self._folder = Path(folder)
        self._sync = sync

    def _write(self, name: str, content: bytes) -> None:
        with self._our_errors("written"):
            self._make_folder()
            with NamedTemporaryFile(dir=self._folder, prefix=".", suffix=".tmp", delete=False) as file:
                try:
                    file.write(content)
                    file.flush()
                    self._sync(file.fileno())
                    Path(file.name).replace(self._folder / name)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise
            self._sync_folder(self._folder)

    def _read(self, name: str) -> bytes:
        with self._our_errors("read"):
            try:
                return (self._folder / name).read_bytes()
            except FileNotFoundError:
                return b""

    def _names(self) -> Iterable[str]:
        with self._our_errors("read"):
            try:
                return sorted(file.name for file in self._folder.iterdir() if _is_ours(file.name))
            except FileNotFoundError:
                return ()

    def _delete(self, name: str) -> None:
        with self._our_errors("written"):
            (self._folder / name).unlink(missing_ok=True)
            self._sync_folder(self._folder)

    def _make_folder(self) -> None:
        whole = self._folder.absolute()
        new = [folder for folder in (whole, *whole.parents) if not folder.exists()]
        whole.mkdir(parents=True, exist_ok=True)
        for folder in new:
            self._sync_folder(folder.parent)

    def _sync_folder(self, folder: Path) -> None:
        """A new name is safe only when the folder that holds it is; only POSIX has a way to ask for that."""
        if hasattr(os, "O_DIRECTORY"):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                self._sync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _our_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            text = f"the quarantine in {self.place} cannot be {what}: {error.strerror or type(error).__name__}"
            for errnos, cure in _CURES.items():
                if error.errno in errnos:
                    raise ConfigurationError(f"{text}; logs with bad records wait for it: {cure}") from error
            raise TransientError(f"{text}; it is tried again later") from error
        except ValueError as error:
            raise ConfigurationError(f"the quarantine {self.place!r} can be no folder: {error}") from error


def _identity(log: LogObject) -> dict[str, str | None]:
    return {"bucket": log.bucket, "key": log.key, "version_id": log.version_id, "etag": log.etag}


def _hash(*parts: bytes) -> str:
    """64 bits of it, in hexadecimal; no two lists of parts run together."""
    whole = hashlib.sha256()
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()[:16]


def _typed(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:  # exactly: True is no number here
        raise TypeError(f"another type expected than {type(value).__name__}")
    return value


def _moment(text: str) -> datetime:
    if (time := datetime.fromisoformat(text)).tzinfo is None:
        raise ValueError("a time without its zone")
    return time


def _lines(content: bytes) -> list[bytes]:
    return [line for line in content.split(b"\n") if line]


def _readable(line: bytes, *, place: str) -> Quarantined | None:
    try:
        return from_line(line, place=place)
    except CorruptLog as error:
        logger.warning("%s; it is left where it is", error)
        return None


def _is_ours(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")
