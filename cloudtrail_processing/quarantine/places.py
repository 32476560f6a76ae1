"""Where bad records lie: one file for each log and batch, in a folder or wherever a subclass puts its files."""

import errno
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

from cloudtrail_processing.errors import ConfigurationError, CorruptLog, TransientError
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.quarantine.lines import (
    SUFFIX,
    Quarantined,
    file_name,
    identity,
    lines_without,
    records_in,
    to_line,
)

logger = logging.getLogger(__name__)

_NO_FOLDER = (errno.EEXIST, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG, errno.ELOOP, errno.EISDIR)
_CURES = {
    frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG}): "free space there",
    frozenset({errno.EACCES, errno.EPERM, errno.EROFS}): "let this user read and write there",
    frozenset(_NO_FOLDER): "name a folder that can exist",
}


def _warn(error: CorruptLog) -> None:
    logger.warning("%s", error)


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
            files.setdefault(tuple(identity(record.log).values()), []).append(record)
        time = self._now()
        for of_one_log in files.values():
            self._write(file_name(of_one_log), b"".join(to_line(record, time=time) + b"\n" for record in of_one_log))

    def close(self) -> None:  # noqa: B027 - most have nothing to let go of
        """Let go of connections, where there are any. May be repeated."""

    def entries(self, *, unreadable: Callable[[CorruptLog], object] = _warn) -> Iterator[Quarantined]:
        """Every record there is, those of one log one after another; one file in memory at a time.

        A record that was kept in two batches is found in two places. Lines that hold no record stay, and for each file
        with such lines ``unreadable`` is told how many there are; without it, the log. Raises as ``keep`` does.
        """
        for name in self._names():
            yield from records_in(self._read(name), place=self._place_of(name), unreadable=unreadable)

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
        lines, rest = lines_without(self._read(name), gone)
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

    @property
    def exists(self) -> bool:
        """Whether there is such a folder; raises as ``keep`` does."""
        with self._our_errors("read"):
            return self._folder.is_dir()

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


def _is_ours(name: str) -> bool:
    return name.endswith(SUFFIX) and not name.startswith(".")
