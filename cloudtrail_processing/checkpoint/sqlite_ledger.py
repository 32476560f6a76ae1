"""A ledger in a SQLite file, shared by all workers on one machine."""

import os
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from cloudtrail_processing.checkpoint import places
from cloudtrail_processing.checkpoint.sqlite_file import MOST_VARIABLES, SqliteFile
from cloudtrail_processing.ports import Entry

_ENTRIES = (
    """CREATE TABLE IF NOT EXISTS cloudtrail_ledger (
        name TEXT PRIMARY KEY, text TEXT NOT NULL, list TEXT NOT NULL, touched REAL NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS cloudtrail_ledger_list ON cloudtrail_ledger (list) WHERE list != ''",
    "CREATE INDEX IF NOT EXISTS cloudtrail_ledger_touched ON cloudtrail_ledger (touched)",
)
_LOAD = "SELECT name, text, list FROM cloudtrail_ledger WHERE touched > ? AND name IN ({})"
_SAVE = "INSERT OR REPLACE INTO cloudtrail_ledger VALUES (?, ?, ?, ?)"
_LISTED = "SELECT name, text, list FROM cloudtrail_ledger WHERE list = ? AND list != '' AND touched > ?"
_PRUNE = """DELETE FROM cloudtrail_ledger WHERE name IN
    (SELECT name FROM cloudtrail_ledger WHERE touched <= ? ORDER BY touched LIMIT 10)"""


class SqliteLedger:
    """A ``ports.Ledger`` in one file; it may be that of the checkpoint. Raises as ``SqliteCheckpoint`` does.

    What is untouched for ``keep_days`` is forgotten. An entry takes some 500 bytes.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, keep_days: float = 14, now: Callable[[], float] = time.time
    ) -> None:
        self._file = SqliteFile(path, tables=_ENTRIES)
        self._keep = keep_days * 86_400
        self._now = now

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
            if old is None:  # one comes, up to ten that are too old go: the file does not grow, and nobody waits
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
