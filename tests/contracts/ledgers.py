"""The three checkpoints, memories of events and ledgers, as several workers share them; on a clock that is set."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloudtrail_processing.checkpoint.dynamodb import DynamoCheckpoint, DynamoSeen
from cloudtrail_processing.checkpoint.dynamodb_ledger import DynamoLedger
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemoryLedger, MemorySeen
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint, SqliteSeen
from cloudtrail_processing.checkpoint.sqlite_ledger import SqliteLedger
from cloudtrail_processing.ports import Checkpoint, SeenEvents
from cloudtrail_processing.ports import Ledger as Notes
from cloudtrail_processing.testing import EmbeddedAws

KINDS = ["memory", "sqlite", "dynamodb"]
CLAIM_TIME = 300
KEEP_DAYS = 14
WINDOW = 600


@dataclass
class Time:
    """Seconds since the epoch, as a test says."""

    at: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.at


@dataclass(frozen=True)
class Ledger:
    """``worker()``, ``memory()`` and ``notes()`` are what one more worker process would open on the same place."""

    worker: Callable[[], Checkpoint]
    memory: Callable[[], SeenEvents]
    notes: Callable[[], Notes]
    time: Time = field(default_factory=Time)


@contextmanager
def ledger(kind: str, *, folder: Path, aws: Callable[[], EmbeddedAws]) -> Iterator[Ledger]:
    with ExitStack() as closing:
        match kind:
            case "memory":
                yield in_memory()
            case "sqlite":
                yield in_file(folder / f"{uuid.uuid4()}.db", closing)
            case _:
                yield in_table(aws(), closing)


def in_memory() -> Ledger:
    time = Time()
    checkpoint = MemoryCheckpoint(claim_time=CLAIM_TIME, now=time)
    seen = MemorySeen(WINDOW, now=time)
    kept = MemoryLedger(keep_days=KEEP_DAYS, now=time)
    return Ledger(lambda: checkpoint, lambda: seen, lambda: kept, time)


def in_file(path: Path, closing: ExitStack) -> Ledger:
    time = Time()

    def worker() -> Checkpoint:
        checkpoint = SqliteCheckpoint(path, claim_time=CLAIM_TIME, now=time)
        closing.callback(checkpoint.close)
        return checkpoint

    def memory() -> SeenEvents:
        seen = SqliteSeen(path, window=WINDOW, now=time)
        closing.callback(seen.close)
        return seen

    def notes() -> Notes:
        kept = SqliteLedger(path, keep_days=KEEP_DAYS, now=time)
        closing.callback(kept.close)
        return kept

    return Ledger(worker, memory, notes, time)


def in_table(aws: EmbeddedAws, closing: ExitStack) -> Ledger:
    time, table = Time(), f"table-{uuid.uuid4()}"
    DynamoCheckpoint(table, aws.options).create_table()
    DynamoLedger(table, aws.options).create_table()

    def worker() -> Checkpoint:
        checkpoint = DynamoCheckpoint(table, aws.options, claim_time=CLAIM_TIME, now=time)
        closing.callback(checkpoint.close)
        return checkpoint

    def memory() -> SeenEvents:
        seen = DynamoSeen(table, aws.options, window=WINDOW, now=time)
        closing.callback(seen.close)
        return seen

    def notes() -> Notes:
        kept = DynamoLedger(table, aws.options, keep_days=KEEP_DAYS, now=time, sleep=lambda _: None)
        closing.callback(kept.close)
        return kept

    return Ledger(worker, memory, notes, time)


@pytest.fixture(params=KINDS)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with ledger(request.param, folder=tmp_path, aws=lambda: request.getfixturevalue("aws")) as made:
        yield made
