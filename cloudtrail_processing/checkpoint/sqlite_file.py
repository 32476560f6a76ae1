"""One SQLite file, used by many threads here and by many processes on this machine."""

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import tenacity

from cloudtrail_processing.errors import CloudTrailProcessingError, ConfigurationError, SettingsError, TransientError

PATIENCE = 10.0
"""Seconds to wait for another process that is writing; a write takes milliseconds."""
MOST_VARIABLES = 500
"""Values in one statement: SQLite's own limit was 999 in older builds."""

_REPLACE = (
    "stop the workers, move it away with its -wal and -shm files, and start them: a new one is made, and logs whose "
    "messages are still in the queue are delivered again from their start"
)
_CURES: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: "the disk is full: free some space; work goes on by itself then",
    sqlite3.SQLITE_IOERR: "the disk cannot be written or read: check its space, its quota, its mount and its health",
    sqlite3.SQLITE_READONLY: "let this user write the file and its folder, and mount the disk writable",
    sqlite3.SQLITE_PERM: "let this user write the file and its folder",
    sqlite3.SQLITE_AUTH: "let this user write the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "make its folder, let this user write in it, and name a file there",
    sqlite3.SQLITE_CORRUPT: f"the file is damaged: {_REPLACE}",
    sqlite3.SQLITE_NOTADB: f"the file is no SQLite database: name another one; or {_REPLACE}",
    sqlite3.SQLITE_ERROR: "a table is missing (create_table makes it), or is another program's: name another file",
}
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteFile:
    """A SQLite database in WAL mode, opened when it is first needed, and again after it failed.

    One connection under one lock: SQLite lets one write at a time anyway, and threads that wait for a lock wake at
    once, where SQLite's own waiting is by sleeping. Not to be carried over a fork.
    """

    def __init__(self, path: str | os.PathLike[str], *, tables: Sequence[str], patience: float = PATIENCE) -> None:
        """``tables`` are the statements that make what is missing. Raises ``SettingsError`` when there is no name."""
        if os.fspath(path) in ("", ":memory:"):
            raise SettingsError("SQLite needs the name of a file here; in memory it would not outlive the process")
        self.path = Path(path).expanduser().absolute()
        self._tables = tables
        self._patience = patience
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._is_durable: bool | None = None

    def is_at(self, path: str) -> bool:
        """True when ``path`` names this file."""
        return self.path == Path(path).expanduser().absolute()

    def also(self, tables: Sequence[str]) -> None:
        """Make these as well, when it is next used."""
        with self._lock:
            self._tables = [*self._tables, *tables]
            self._close()

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes beside; done when it ends, undone when it raises.

        What is ``durable`` is flushed to the disk and outlives a power loss, at the cost of some milliseconds. The rest
        outlives the process, and is flushed together with the next thing that is durable. Raises ``TransientError``
        when others write for too long, ``ConfigurationError`` when the file cannot be used.
        """
        with self._usable() as connection:
            if self._is_durable is not durable:
                connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._is_durable = durable
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection for a single question, which waits for no writer; raises as ``writing`` does."""
        with self._usable() as connection:
            yield connection

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        with self._lock:
            self._close()

    @contextmanager
    def _usable(self) -> Iterator[sqlite3.Connection]:
        with self._in_turn(), told(self.path):
            try:
                if self._connection is None:
                    self._is_durable = None
                    self._connection = _open(self.path, self._tables, patience=self._patience)
                yield self._connection
            except BaseException as error:
                self._recover(error)
                raise

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        """One thread at a time. None waits for ever, or as many threads would wait as long after each other."""
        if not self._lock.acquire(timeout=self._patience):
            raise TransientError(
                f"the SQLite file {self.path} is busy: others have been writing; it is tried again later"
            )
        try:
            yield
        finally:
            self._lock.release()

    def _recover(self, error: BaseException) -> None:
        """Undo what is unfinished. A file that failed may be another one by the next time: it is opened again."""
        if isinstance(error, sqlite3.Error) and not is_busy(error):
            self._close()
        elif self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Inside it SQLite's errors become ours, which name the file and what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise failure(error, path) from error


def failure(error: sqlite3.Error, path: Path) -> CloudTrailProcessingError:
    """Our error for SQLite's: what a machine cannot cure is a matter of configuration, all else is tried again."""
    what = f"the SQLite file {path} failed: {error}"
    if cure := _CURES.get(_code(error)):
        return ConfigurationError(f"{what}; {cure}")
    return TransientError(f"{what}; it is tried again later")


def is_busy(error: BaseException) -> bool:
    """True when others were writing, so that nothing is wrong with the file."""
    return isinstance(error, sqlite3.Error) and _code(error) in _BUSY


def _code(error: sqlite3.Error) -> int:
    """The primary result code; the extended ones only tell more of the same. 0 when Python itself complains."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _open(path: Path, tables: Sequence[str], *, patience: float) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection, path, patience=patience)
        connection.execute("BEGIN IMMEDIATE")
        for statement in tables:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, path: Path, *, patience: float) -> None:
    """Switch to WAL. SQLite does not wait by itself when several processes do that to a new file at once."""
    patiently = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_busy),
        stop=tenacity.stop_after_delay(patience),
        wait=tenacity.wait_random(0.005, 0.05),
        reraise=True,
    )
    with closing(patiently(connection.execute, "PRAGMA journal_mode=WAL")) as answer:
        mode = answer.fetchone()[0]
    if mode != "wal":
        raise ConfigurationError(
            f"the SQLite file {path} cannot be shared by processes (journal mode {mode}): put it on a local disk"
        )
