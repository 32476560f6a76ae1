"""A processor that commits its checkpoint with its events has every event exactly once, whatever kills its workers."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import lives

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.files import Files
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.reading import read_events
from cloudtrail_processing.sweep import process
from cloudtrail_processing.testing import sample_logs

PATIENCE = 100


def events_of(logs: str) -> list[bytes]:
    return sorted(event.raw for log in Path(logs).rglob("*.gz") for event in read_events(log))


def stored_in(table: Path) -> list[bytes]:
    with closing(sqlite3.connect(table)) as connection:
        return sorted(raw for (raw,) in connection.execute("SELECT raw FROM events"))


def test_two_workers_killed_again_and_again_store_each_event_exactly_once(tmp_path: Path) -> None:
    table = tmp_path / "events.db"
    with sample_logs(30, seed=3) as logs:
        workers = [
            subprocess.Popen(
                [sys.executable, lives.__file__, logs, str(table), str(seed)], stdout=subprocess.PIPE, text=True
            )
            for seed in (1, 2)
        ]
        kills = [int(worker.communicate(timeout=PATIENCE)[0]) for worker in workers]
        expected = events_of(logs)
    assert stored_in(table) == expected
    assert sum(kills) >= 5


class Stumbling(EventProcessor):
    """Fails after its commit, as a worker does that dies before the pipeline could write the position down."""

    checkpoint: SqliteCheckpoint

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint = SqliteCheckpoint(path)

    def process(self, batch: EventBatch) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS events (raw BLOB)")
            connection.executemany("INSERT INTO events VALUES (?)", [(event.raw,) for event in batch])
            self.checkpoint.advance_in(connection, batch)
        raise ConnectionError("after the commit")

    def stop(self) -> None:
        self.checkpoint.close()


def test_what_was_committed_is_not_delivered_again_though_the_pipeline_was_never_told(tmp_path: Path) -> None:
    table, passes = tmp_path / "events.db", 0
    with sample_logs(3) as logs:
        while process(Stumbling(table), Files([logs]), batch_size=1, threads=2).failed:
            passes += 1
            assert passes < 100
        expected = events_of(logs)
    assert passes >= 2
    assert stored_in(table) == expected
