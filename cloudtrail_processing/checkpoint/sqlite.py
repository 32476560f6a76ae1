"""Checkpoints in one SQLite file, shared by all workers on one machine.

They survive ``kill -9`` and a power loss: a position is written after its events were delivered, and flushed to the
disk, so what is read back is never ahead of what was delivered, and behind by one batch at most. Claims, and that a log
is finished, are written without waiting for the disk: a power loss that takes them leaves the position as it is.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.places import Place
from cloudtrail_processing.checkpoint.sqlite_file import MOST_VARIABLES, SqliteFile, told
from cloudtrail_processing.errors import ClaimLost, ConfigurationError
from cloudtrail_processing.ports import Claim

_PLACES = (
    """CREATE TABLE IF NOT EXISTS cloudtrail_checkpoint (
        log TEXT NOT NULL, processor TEXT NOT NULL, next_index INTEGER NOT NULL, finished INTEGER NOT NULL,
        holder TEXT NOT NULL, held_from REAL NOT NULL, held_until REAL NOT NULL, touched REAL NOT NULL,
        PRIMARY KEY (log, processor)) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS cloudtrail_checkpoint_touched ON cloudtrail_checkpoint (touched)",
)
_LOAD = """SELECT next_index, finished, holder, held_from, held_until FROM cloudtrail_checkpoint
    WHERE log = ? AND processor = ?"""
_SAVE = "INSERT OR REPLACE INTO cloudtrail_checkpoint VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_ADVANCE_IN = """INSERT INTO cloudtrail_checkpoint VALUES (:log, :processor, :next, 0, '', 0, 0, :now)
    ON CONFLICT (log, processor) DO UPDATE SET next_index = excluded.next_index, touched = excluded.touched
    WHERE next_index <= :first AND NOT finished"""
_PRUNE = """DELETE FROM cloudtrail_checkpoint WHERE (log, processor) IN
    (SELECT log, processor FROM cloudtrail_checkpoint WHERE touched < ? ORDER BY touched LIMIT 10)"""

_SEEN = (
    "CREATE TABLE IF NOT EXISTS cloudtrail_seen (event TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS cloudtrail_seen_at ON cloudtrail_seen (at)",
)
_KNOWN = "SELECT event FROM cloudtrail_seen WHERE at > ? AND event IN ({})"
_REMEMBER = "INSERT OR REPLACE INTO cloudtrail_seen VALUES (?, ?)"
_FORGET = """DELETE FROM cloudtrail_seen WHERE event IN
    (SELECT event FROM cloudtrail_seen WHERE at <= ? ORDER BY at LIMIT ?)"""

_Key = tuple[str, str]


class SqliteCheckpoint:
    """A ``ports.Checkpoint`` in one file, for any number of threads and processes on one machine.

    ``claim_time`` is how many seconds a claim lasts. A log untouched for ``keep_days`` is forgotten; SQS keeps no
    message longer than 14 days. The file is opened at first use. Every method raises ``TransientError`` when others
    write for more than ten seconds, and ``ConfigurationError``, which names the file and the cure, when it is full,
    read-only, damaged or no database.

    With ``advance_in`` a processor that writes to this same file stores its position in its own transaction: then each
    event takes effect exactly once.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        claim_time: float = 300,
        keep_days: float = 14,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.file = SqliteFile(path, tables=_PLACES)
        """The file, for what else is kept in it: two connections would forget each other's pages at every write."""
        self._claim_time = claim_time
        self._keep = keep_days * 86_400
        self._now = now
        self._lock = threading.Lock()
        self._in_work: set[_Key] = set()

    def claim(self, log: str, *, processor: str) -> Claim:
        """Take the log and say where to resume; ``Claimed`` while another worker has it."""
        key = _key(log, processor)
        with self.file.writing(durable=False) as connection:
            old, now = _load(connection, key), self._now()
            place, claim = places.taken(old, log=log, processor=processor, now=now, claim_time=self._claim_time)
            if not claim.finished:
                _save(connection, key, place, now=now)
            if old is None:  # one comes, up to ten that are too old go: the file does not grow, and nobody waits
                connection.execute(_PRUNE, (now - self._keep,))
        if not claim.finished:
            with self._lock:
                self._in_work.add((log, processor))
        return claim

    def advance(self, claim: Claim, next_index: int) -> None:
        """Every record before ``next_index`` is settled; on the disk when this returns. Renews the claim.

        Raises ``ClaimLost`` when the log was taken over meanwhile.
        """
        self._change(
            claim,
            lambda place, now: places.advanced(
                place, claim, next_index=next_index, now=now, claim_time=self._claim_time
            ),
            durable=True,
        )

    def finish(self, claim: Claim) -> None:
        """The whole log is settled, and is never claimed again; raises as ``advance`` does."""
        self._change(claim, lambda place, _now: places.finished(place, claim))
        self._done(claim)

    def release(self, claim: Claim) -> None:
        """Let others claim the log at once, from where it stands; no error when it was taken over."""
        self._done(claim)
        self._change(claim, lambda place, _now: places.released(place, claim))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self.file.close()

    def create_table(self, connection: sqlite3.Connection) -> None:
        """Make the table for ``advance_in`` on the user's own connection, where it is missing; may be repeated.

        Only needed when ``advance_in`` comes before the first ``claim``, as in a test without a pipeline.
        """
        with told(self.file.path):
            for statement in _PLACES:
                connection.execute(statement)

    def advance_in(self, connection: sqlite3.Connection, batch: EventBatch, *, processor: str | None = None) -> None:
        """Store that ``batch`` is settled inside the transaction that is open on the user's own connection.

        Position and events are then committed together or not at all; the pipeline's own ``advance`` afterwards only
        repeats it. ``processor`` is the name by which the log was claimed; it may be left out in a pipeline, where
        this object made the claim. Raises ``ClaimLost``, to be let through so that the transaction is rolled back, when
        another worker has delivered this batch or a part of it; ``ConfigurationError`` when the connection has another
        file open or commits each statement by itself, or for a wrong ``processor``; else as ``advance`` does.
        """
        self._check(connection)
        processor = self._whose(batch.log.id, processor)
        log, name = _key(batch.log.id, processor)
        values = {
            "log": log,
            "processor": name,
            "first": batch.first_index,
            "next": batch.next_index,
            "now": self._now(),
        }
        with told(self.file.path):
            stored = connection.execute(_ADVANCE_IN, values).rowcount
        if not stored:
            raise ClaimLost(
                f"{places.shown(batch.id)} was delivered to processor {places.shown(processor)} by another worker: "
                "roll this transaction back; the log goes on from its checkpoint"
            )

    def _change(
        self, claim: Claim, change: Callable[[Place | None, float], Place | None], *, durable: bool = False
    ) -> None:
        key = _key(claim.log, claim.processor)
        with self.file.writing(durable=durable) as connection:
            now = self._now()
            old = _load(connection, key)
            new = change(old, now)
            if new is not None and new != old:
                _save(connection, key, new, now=now)

    def _done(self, claim: Claim) -> None:
        with self._lock:
            self._in_work.discard((claim.log, claim.processor))

    def _whose(self, log: str, processor: str | None) -> str:
        """The name of the claim that a position belongs to: under another one the pipeline would never find it."""
        with self._lock:
            names = sorted(name for each, name in self._in_work if each == log)
        if processor is None and len(names) == 1:
            return names[0]
        if processor is None or (names and processor not in names):
            raise ConfigurationError(
                f"advance_in needs processor= with the name by which the log was claimed, one of {names}"
            )
        return processor

    def _check(self, connection: sqlite3.Connection) -> None:
        """Refuse what would store a position apart from its events: that would lose some or repeat some for ever."""
        path = self.file.path
        with told(path):
            opened = next(row[2] for row in connection.execute("PRAGMA database_list") if row[1] == "main")
        if not opened or not path.exists() or not path.samefile(opened):
            raise ConfigurationError(f"advance_in needs a connection to {path}, the file of the checkpoint")
        commits_alone = connection.isolation_level is None or getattr(connection, "autocommit", None) is True
        if commits_alone and not connection.in_transaction:
            raise ConfigurationError(f"advance_in needs an open transaction on {path}: execute BEGIN IMMEDIATE first")


class SqliteSeen:
    """A ``ports.SeenEvents`` in one file: remembers keys for ``window`` seconds. Raises as ``SqliteCheckpoint`` does.

    It may be the file of the checkpoint. Each event takes some 200 bytes in it.
    """

    def __init__(self, path: str | os.PathLike[str], *, window: float, now: Callable[[], float] = time.time) -> None:
        self._file = SqliteFile(path, tables=_SEEN)
        self._window = window
        self._now = now

    def unseen(self, keys: Sequence[str]) -> set[str]:
        """Those of ``keys`` that were not remembered within the window."""
        stored = {places.name(key): key for key in keys}
        since = self._now() - self._window
        with self._file.reading() as connection:
            for part in _parts(list(stored)):
                marks = ",".join("?" * len(part))
                for (known,) in connection.execute(_KNOWN.format(marks), (since, *part)).fetchall():
                    del stored[known]
        return set(stored.values())

    def remember(self, keys: Sequence[str]) -> None:
        """Called after the events were delivered. May be repeated. A power loss may take the last ones."""
        now = self._now()
        with self._file.writing(durable=False) as connection:
            connection.executemany(_REMEMBER, [(places.name(key), now) for key in keys])
            connection.execute(_FORGET, (now - self._window, 2 * len(keys)))

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def _load(connection: sqlite3.Connection, key: _Key) -> Place | None:
    row = connection.execute(_LOAD, key).fetchone()
    return Place(row[0], bool(row[1]), *row[2:]) if row else None


def _save(connection: sqlite3.Connection, key: _Key, place: Place, *, now: float) -> None:
    values = (place.next_index, place.finished, place.holder, place.held_from, place.held_until, now)
    connection.execute(_SAVE, (*key, *values))


def _key(log: str, processor: str) -> _Key:
    return places.name(log), places.name(processor)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + MOST_VARIABLES] for start in range(0, len(keys), MOST_VARIABLES))
