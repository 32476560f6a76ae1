"""What an audit has done so far, on disk: one that was killed goes on where it was."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cloudtrail_processing.audit.day import Report
from cloudtrail_processing.audit.findings import Finding, What
from cloudtrail_processing.audit.folders import Folder
from cloudtrail_processing.checkpoint.sqlite_file import SqliteFile
from cloudtrail_processing.errors import ConfigurationError, SettingsError
from cloudtrail_processing.integrity import State

_TABLES = (
    "CREATE TABLE IF NOT EXISTS audits (scope BLOB NOT NULL, now TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS days (place TEXT, day TEXT, report BLOB NOT NULL, PRIMARY KEY (place, day))",
)


class Journal:
    """A SQLite file with the report of every day that was looked at. One file is of one audit."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._file = SqliteFile(path, tables=_TABLES)

    def begin(self, scope: Mapping[str, Any], *, now: datetime) -> datetime:
        """Begin this audit, or go on with it; returns the ``now`` of its beginning.

        Raises ``SettingsError`` when the file is of another audit, and as SQLite does.
        """
        wanted = _text(scope)
        with self._file.writing() as connection:
            known = connection.execute("SELECT scope, now FROM audits").fetchone()
            if known is None:
                connection.execute("INSERT INTO audits VALUES (?, ?)", (wanted, now.isoformat()))
        if known is None:
            return now
        if bytes(known[0]) != wanted:
            told = bytes(known[0]).decode()
            raise SettingsError(f"{self._file.path} holds another audit ({told}): name another file, or ask the same")
        return datetime.fromisoformat(known[1])

    def recall(self, folder: Folder, day: str) -> Report | None:
        """What was found on a day; None when it was not looked at yet. Raises ``ConfigurationError``."""
        with self._file.reading() as connection:
            question = "SELECT report FROM days WHERE place = ? AND day = ?"
            known = connection.execute(question, (_place(folder), day)).fetchone()
        try:
            return None if known is None else _report(json.loads(known[0]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"{self._file.path} is damaged, or of another release: name another file ({type(error).__name__})"
            ) from error

    def record(self, folder: Folder, day: str, report: Report) -> None:
        """Keep it. May be repeated."""
        told = {"findings": list(map(asdict, report.findings)), "moved": list(map(asdict, report.moved))}
        with self._file.writing(durable=False) as connection:
            connection.execute("INSERT OR REPLACE INTO days VALUES (?, ?, ?)", (_place(folder), day, _text(told)))

    def close(self) -> None:
        """Let go of the file. May be repeated."""
        self._file.close()


def _text(value: object) -> bytes:
    """Not by orjson, which refuses the lone surrogates that names of files may have."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=datetime.isoformat).encode()


def _place(folder: Folder) -> str:
    return f"{folder.bucket}/{folder.prefix}"


def _report(told: dict[str, Any]) -> Report:
    return Report(
        tuple(
            Finding(**_timed(it) | {"what": What(it["what"]), "state": State(it["state"])}) for it in told["findings"]
        ),
        tuple(Folder(**_timed(it)) for it in told["moved"]),
    )


def _timed(values: dict[str, Any]) -> dict[str, Any]:
    times = {name: values[name] for name in ("first", "last", "until") if values.get(name)}
    return values | {name: datetime.fromisoformat(time) for name, time in times.items()}
