"""A worker with many lives, for the test of exactly-once: each is ended by SIGKILL at a random moment.

The moment counts from a batch on, not from the start: so that a quick machine kills as often as a slow one.
"""

import logging
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.files import Files
from cloudtrail_processing.processor import EventProcessor
from cloudtrail_processing.sweep import process

MOST_LIVES = 300
LAST_BATCH = 8


class Table(EventProcessor):
    """Stores events and position in one transaction, and dawdles in it: many lives end there."""

    checkpoint: SqliteCheckpoint

    def __init__(self, path: str, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.batches = iter(range(chance.randint(1, LAST_BATCH)))
        self.checkpoint = SqliteCheckpoint(path, claim_time=0.2)  # short: workers overtake each other while they live

    def start(self) -> None:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS events (raw BLOB)")

    def process(self, batch: EventBatch) -> None:
        if next(self.batches, None) is None:
            threading.Timer(self.chance.uniform(0, 0.01), os.kill, (os.getpid(), signal.SIGKILL)).start()
        with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
            connection.executemany("INSERT INTO events VALUES (?)", [(event.raw,) for event in batch])
            time.sleep(self.chance.uniform(0, 0.004))
            self.checkpoint.advance_in(connection, batch)


def live(logs: str, table: str, seed: int) -> int:
    """A life in a process of its own; 0 when it found nothing left to do, else a number that says how it ended."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    summary = process(Table(table, random.Random(seed)), Files([logs]), batch_size=7, threads=3)
    os._exit(bool(summary.failed))


def main(logs: str, table: str, seed: int) -> None:
    logging.disable()
    killed = 0
    for life in range(MOST_LIVES):
        end = live(logs, table, seed * MOST_LIVES + life)
        if end == 0:
            break
        killed += os.WIFSIGNALED(end)
    print(killed)  # noqa: T201 - the test reads it


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
