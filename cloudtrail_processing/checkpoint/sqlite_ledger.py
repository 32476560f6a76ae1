"""A ledger in a SQLite file, shared by all workers on one machine."""

import itertools
import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.sqlite_file import MOST_VARIABLES, SqliteFile
from cloudtrail_processing.ports import Entry

_ENTRIES = (
    # What is written again gets a new number, so that the numbers stand in the order of time: no index has to.
    """CREATE TABLE IF NOT EXISTS cloudtrail_ledger (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, text TEXT NOT NULL, list TEXT NOT NULL,
        touched REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS cloudtrail_ledger_list ON cloudtrail_ledger (list) WHERE list != ''",
)
_LOAD = "SELECT name, text, list FROM cloudtrail_ledger WHERE touched > ? AND name IN ({})"
_SAVE = "INSERT OR REPLACE INTO cloudtrail_ledger (name, text, list, touched) VALUES (?, ?, ?, ?)"
_LISTED = "SELECT name, text, list FROM cloudtrail_ledger WHERE list = ? AND list != '' AND touched > ?"
_PRUNE = """DELETE FROM cloudtrail_ledger WHERE touched <= ? AND number IN
    (SELECT number FROM cloudtrail_ledger ORDER BY number LIMIT 300)"""
_PRUNED_EVERY = 100  # for a hundred that come up to three hundred go: the file does not grow, and nobody waits


class SqliteLedger:
    """A ``ports.Ledger`` in one file; it may be that of the checkpoint. Raises as ``SqliteCheckpoint`` does.

    What is untouched for ``keep_days`` is forgotten. An entry takes some 500 bytes.
    """

    def __init__(
        self, path: str | os.PathLike[str] | SqliteFile, *, keep_days: float = 14, now: Callable[[], float] = time.time
    ) -> None:
        """``path`` may be a file that is open already, as that of a ``SqliteCheckpoint``: then it is shared."""
        self._file = path if isinstance(path, SqliteFile) else SqliteFile(path, tables=())
        self._file.also(_ENTRIES)
        self._keep = keep_days * 86_400
        self._now = now
        self._written = itertools.count()

    def read(self, names: Sequence[str]) -> Mapping[str, Entry]:
        """The entries of those names that are remembered."""
        with self._file.reading() as connection:
            return _loaded(connection, names, since=self._now() - self._keep)

    def change(self, name: str, change: Callable[[Entry | None], Entry], *, durable: bool = False) -> Entry:
        """Remember what ``change`` makes of the entry, in one transaction."""
        with self._file.writing(durable=durable) as connection:
            now = self._now()
            old = _loaded(connection, [name], since=now - self._keep).get(name)
            new = change(old)
            if new != old:
                connection.execute(_SAVE, (places.name(name), new.text, new.of, now))
            if old is None and next(self._written) % _PRUNED_EVERY == 0:
                connection.execute(_PRUNE, (now - self._keep,))
            return new

    def listed(self, of: str) -> Mapping[str, Entry]:
        """All entries of one list."""
        with self._file.reading() as connection:
            rows = connection.execute(_LISTED, (of, self._now() - self._keep)).fetchall()
        return {name: Entry(text, of) for name, text, of in rows}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._file.close()


def _loaded(connection: sqlite3.Connection, names: Sequence[str], *, since: float) -> dict[str, Entry]:
    stored = {places.name(name): name for name in names}
    found: dict[str, Entry] = {}
    keys = list(stored)
    for start in range(0, len(keys), MOST_VARIABLES):
        part = keys[start : start + MOST_VARIABLES]
        rows = connection.execute(_LOAD.format(",".join("?" * len(part))), (since, *part)).fetchall()
        found |= {stored[name]: Entry(text, of) for name, text, of in rows}
    return found
