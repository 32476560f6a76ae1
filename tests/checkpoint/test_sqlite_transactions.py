"""``SqliteCheckpoint.advance_in``: events and position are committed together, or neither of them is."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint
from cloudtrail_processing.errors import ClaimLost, ConfigurationError
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.testing import event

LOG = LogObject("trail", "log.json.gz", etag="e1")


def part(first: int, after: int) -> EventBatch:
    return EventBatch(LOG, tuple(event() for _ in range(first, after)), first_index=first, next_index=after)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def checkpoint(path: Path) -> Iterator[SqliteCheckpoint]:
    made = SqliteCheckpoint(path)
    yield made
    made.close()


@pytest.fixture
def connection(path: Path, checkpoint: SqliteCheckpoint) -> Iterator[sqlite3.Connection]:
    """A user's own connection, with Python's usual transactions."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE events (place INTEGER)")
        checkpoint.create_table(made)
        made.commit()
        yield made


def store(checkpoint: SqliteCheckpoint, connection: sqlite3.Connection, batch: EventBatch) -> None:
    with connection:
        rows = [(place,) for place in range(batch.first_index, batch.next_index)]
        connection.executemany("INSERT INTO events VALUES (?)", rows)
        checkpoint.advance_in(connection, batch, processor="p")


def stored(connection: sqlite3.Connection) -> list[int]:
    return [place for (place,) in connection.execute("SELECT place FROM events ORDER BY place")]


def test_events_and_position_are_committed_together(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    mine = checkpoint.claim(LOG.id, processor="p")
    store(checkpoint, connection, part(0, 3))
    checkpoint.release(mine)
    assert stored(connection) == [0, 1, 2]
    assert checkpoint.claim(LOG.id, processor="p").next_index == 3


def test_what_is_rolled_back_takes_its_position_along(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    mine = checkpoint.claim(LOG.id, processor="p")
    with suppress(ZeroDivisionError), connection:
        connection.execute("INSERT INTO events VALUES (0)")
        checkpoint.advance_in(connection, part(0, 3))
        1 / 0  # noqa: B018 - the user's code fails
    checkpoint.release(mine)
    assert stored(connection) == []
    assert checkpoint.claim(LOG.id, processor="p").next_index == 0


@pytest.mark.parametrize("batch", [part(0, 3), part(2, 5), part(0, 9)], ids=["the same", "overlapping", "larger"])
def test_a_batch_that_was_committed_before_in_part_or_whole_is_refused(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection, batch: EventBatch
) -> None:
    store(checkpoint, connection, part(0, 3))
    with pytest.raises(ClaimLost, match="roll this transaction back"):
        store(checkpoint, connection, batch)
    assert stored(connection) == [0, 1, 2]
    store(checkpoint, connection, part(4, 5))
    assert stored(connection) == [0, 1, 2, 4]


def test_a_finished_log_takes_no_more(checkpoint: SqliteCheckpoint, connection: sqlite3.Connection) -> None:
    checkpoint.finish(checkpoint.claim(LOG.id, processor="p"))
    with pytest.raises(ClaimLost):
        store(checkpoint, connection, part(0, 3))
    assert stored(connection) == []


def test_the_pipelines_own_advance_afterwards_is_a_harmless_repeat(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    mine = checkpoint.claim(LOG.id, processor="p")
    store(checkpoint, connection, part(0, 3))
    checkpoint.advance(mine, 3)
    checkpoint.advance(mine, 1)
    store(checkpoint, connection, part(3, 6))
    checkpoint.finish(mine)
    finished = checkpoint.claim(LOG.id, processor="p")
    assert (finished.next_index, finished.finished) == (6, True)


def test_without_any_claim_the_position_waits_for_the_first_one(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    store(checkpoint, connection, part(0, 3))
    assert checkpoint.claim(LOG.id, processor="p").next_index == 3
    assert checkpoint.claim(LOG.id, processor="q").next_index == 0


def test_who_was_overtaken_commits_nothing(path: Path, connection: sqlite3.Connection) -> None:
    slow = SqliteCheckpoint(path, now=lambda: 1_000.0)
    quick = SqliteCheckpoint(path, now=lambda: 2_000.0)
    old = slow.claim(LOG.id, processor="p")
    new = quick.claim(LOG.id, processor="p")
    store(quick, connection, part(new.next_index, 3))
    with pytest.raises(ClaimLost):
        store(slow, connection, part(old.next_index, 3))
    assert stored(connection) == [0, 1, 2]
    slow.close()
    quick.close()


def test_the_name_of_the_claim_need_not_be_told_and_must_not_be_another(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    with pytest.raises(ConfigurationError, match="needs processor="):
        checkpoint.advance_in(connection, part(0, 1))
    first = checkpoint.claim(LOG.id, processor="p")
    checkpoint.advance_in(connection, part(0, 1))
    with pytest.raises(ConfigurationError, match=r"one of \['p'\]"):
        checkpoint.advance_in(connection, part(1, 2), processor="other")
    connection.commit()
    second = checkpoint.claim(LOG.id, processor="q")
    with pytest.raises(ConfigurationError, match=r"one of \['p', 'q'\]"):
        checkpoint.advance_in(connection, part(1, 2))
    checkpoint.finish(first)
    checkpoint.advance_in(connection, part(0, 2))
    connection.commit()
    checkpoint.release(second)
    assert checkpoint.claim(LOG.id, processor="q").next_index == 2


def test_a_connection_to_another_file_is_refused(checkpoint: SqliteCheckpoint, path: Path) -> None:
    checkpoint.claim(LOG.id, processor="p")
    for other in (":memory:", str(path.with_name("other.db"))):
        with (
            closing(sqlite3.connect(other)) as connection,
            pytest.raises(ConfigurationError, match=f"connection to {path}"),
        ):
            checkpoint.advance_in(connection, part(0, 1))


def test_a_connection_that_commits_by_itself_needs_an_open_transaction(
    checkpoint: SqliteCheckpoint, connection: sqlite3.Connection
) -> None:
    connection.isolation_level = None
    with pytest.raises(ConfigurationError, match="execute BEGIN IMMEDIATE first"):
        checkpoint.advance_in(connection, part(0, 1), processor="p")
    connection.execute("BEGIN IMMEDIATE")
    checkpoint.advance_in(connection, part(0, 1), processor="p")
    connection.execute("ROLLBACK")
    assert checkpoint.claim(LOG.id, processor="p").next_index == 0


def test_a_missing_table_is_told_with_the_method_that_makes_it(checkpoint: SqliteCheckpoint, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        with pytest.raises(ConfigurationError, match=r"no such table.*create_table makes it"):
            checkpoint.advance_in(connection, part(0, 1), processor="p")
        checkpoint.create_table(connection)
        checkpoint.create_table(connection)
        checkpoint.advance_in(connection, part(0, 1), processor="p")
        connection.commit()
    assert checkpoint.claim(LOG.id, processor="p").next_index == 1
