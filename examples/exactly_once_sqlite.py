"""Each event exactly once: its row and the position in the log are committed in one transaction of one SQLite file.

A worker is killed by SIGKILL at random moments and started again, until every log is done. Then the rows are counted.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path

from cloudtrail_processing import EventBatch, EventProcessor, Files, process, read_events
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.testing import sample_logs


class EventTable(EventProcessor):
    checkpoint: SqliteCheckpoint  # the pipeline claims and resumes logs by it

    def __init__(self, path: str) -> None:
        self.path = path
        # A log whose worker was killed is free again after claim_time: one second is for this example alone.
        self.checkpoint = SqliteCheckpoint(path, claim_time=1)

    def start(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            # No key, no constraint: an event that came twice would be seen twice.
            connection.execute("CREATE TABLE IF NOT EXISTS events (id TEXT, name TEXT, raw BLOB)")

    def process(self, batch: EventBatch) -> None:
        rows = [(event.event_id, event.event_name, event.raw) for event in batch]
        with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
            connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
            # In the same transaction. ClaimLost, when another worker was quicker, rolls the rows back.
            self.checkpoint.advance_in(connection, batch)

    def stop(self) -> None:
        self.checkpoint.close()


def work(logs: str, table: str, seconds_to_live: float) -> bool:
    """One life of a worker; true when nothing is left to do."""
    death = threading.Timer(seconds_to_live, os.kill, (os.getpid(), signal.SIGKILL))
    death.daemon = True
    death.start()
    summary = process(EventTable(table), Files([logs]), batch_size=5, threads=4)
    return not summary.failed  # logs that are still claimed by a killed worker fail, and come again


def live(logs: str, table: str, seconds_to_live: float) -> int:
    return subprocess.run([sys.executable, __file__, logs, table, str(seconds_to_live)], check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) == 4:
        sys.exit(not work(sys.argv[1], sys.argv[2], float(sys.argv[3])))
    chance = random.Random(7)
    with sample_logs(60) as logs, tempfile.TemporaryDirectory() as folder:
        table = str(Path(folder, "events.db"))
        ends = [live(logs, table, chance.uniform(0.05, 0.4)) for _ in range(6)]
        while live(logs, table, 60) and len(ends) < 30:
            ends.append(1)
        with closing(sqlite3.connect(table)) as connection:
            found = sorted(connection.execute("SELECT raw FROM events"))
        expected = sorted((event.raw,) for log in Path(logs).rglob("*.gz") for event in read_events(log))
        assert found == expected, "an event is missing, or was stored twice"
        print(f"{len(found)} events, each stored exactly once; workers killed: {ends.count(-signal.SIGKILL)}")
