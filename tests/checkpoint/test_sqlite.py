"""What only the SQLite checkpoint does: several processes, ``kill -9``, disks and files that fail."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import claiming
import pytest

from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint, SqliteSeen
from cloudtrail_processing.checkpoint.sqlite_file import SqliteFile, failure
from cloudtrail_processing.errors import ConfigurationError, TransientError

LOG = "s3://trail/log"
PATIENCE = 60


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.db"


@pytest.fixture
def checkpoint(path: Path) -> Iterator[SqliteCheckpoint]:
    made = SqliteCheckpoint(path)
    yield made
    made.close()


def child(deed: str, path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error::UserWarning", claiming.__file__, deed, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# ── processes ──


def test_of_several_processes_exactly_one_gets_each_log_also_in_a_file_that_is_new(path: Path) -> None:
    children = [child("race", path) for _ in range(3)]
    said = [each.communicate("go\n", timeout=PATIENCE)[0].split() for each in children]
    assert [each.returncode for each in children] == [0, 0, 0]
    assert sorted(int(number) for numbers in said for number in numbers) == list(range(50))


def test_after_kill_9_the_position_is_never_behind_what_was_confirmed(path: Path) -> None:
    far = 0
    for life in range(3):
        process = child("march", path)
        assert process.stdout
        for _ in range(20 + life):
            far = max(far, int(process.stdout.readline()))
        process.send_signal(signal.SIGKILL)
        far = max(far, *map(int, process.communicate(timeout=PATIENCE)[0].split()), far)
        later = SqliteCheckpoint(path, now=lambda: time.time() + 301)
        claim = later.claim(LOG, processor="p")
        assert far <= claim.next_index <= far + 1
        later.release(claim)
        later.close()
    assert far >= 20


# ── a disk, a file ──


def test_a_full_disk_is_told_and_work_goes_on_once_there_is_room(path: Path) -> None:
    said, _ = child("fill", path).communicate(timeout=PATIENCE)
    error, position = said.strip().splitlines()
    assert f"{path} failed" in error
    assert "check its space" in error or "free some space" in error
    assert position == "3"


def test_a_database_that_may_not_grow_loses_nothing_that_was_confirmed(
    checkpoint: SqliteCheckpoint, path: Path
) -> None:
    claim = checkpoint.claim(LOG, processor="p")
    checkpoint.advance(claim, 5)
    connection = checkpoint.file._connection
    assert connection
    connection.execute("PRAGMA max_page_count = 8")
    with pytest.raises(ConfigurationError, match=rf"{path} failed: .*full; the disk is full: free some space"):
        for number in range(1_000):
            checkpoint.claim(f"s3://trail/{'x' * 500}{number}", processor="p")
    checkpoint.advance(claim, 6)
    checkpoint.release(claim)
    assert checkpoint.claim(LOG, processor="p").next_index == 6


def test_a_file_that_is_no_database_stays_as_it_is(checkpoint: SqliteCheckpoint, path: Path) -> None:
    path.write_bytes(b"precious text, and more than a hundred bytes of it " * 20)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=rf"{path} failed: .*no SQLite database: name another one"):
        checkpoint.claim(LOG, processor="p")
    assert path.read_bytes() == before


def test_a_damaged_file_is_told_and_its_replacement_is_used_without_a_restart(
    checkpoint: SqliteCheckpoint, path: Path
) -> None:
    for number in range(300):
        checkpoint.claim(f"s3://trail/{number}", processor="p")
    checkpoint.close()
    body = path.read_bytes()
    path.write_bytes(body[:4096] + os.urandom(len(body) - 4096))
    with pytest.raises(ConfigurationError, match=rf"{path} failed: .*damaged: stop the workers, move it away"):
        for number in range(300):
            checkpoint.claim(f"s3://trail/{number}", processor="q")
    for each in path.parent.iterdir():
        each.unlink()
    assert checkpoint.claim(LOG, processor="p").next_index == 0


def test_a_file_that_may_only_be_read_is_told(checkpoint: SqliteCheckpoint, path: Path) -> None:
    checkpoint.claim(LOG, processor="p")
    checkpoint.close()
    body = bytearray(path.read_bytes())
    body[18] = 9  # a format that this SQLite may read and must not write
    path.write_bytes(body)
    with pytest.raises(ConfigurationError, match=rf"{path} failed: .*readonly.*let this user write the file"):
        checkpoint.claim(LOG + "2", processor="p")


def test_a_folder_that_is_missing_or_in_the_way_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "file.db", tmp_path):
        checkpoint = SqliteCheckpoint(path)
        with pytest.raises(ConfigurationError, match=rf"{path} failed: unable to open .*; make its folder"):
            checkpoint.claim(LOG, processor="p")
        checkpoint.close()


def test_another_programs_table_is_not_touched(checkpoint: SqliteCheckpoint, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE cloudtrail_checkpoint (theirs TEXT)")
    connection.close()
    with pytest.raises(ConfigurationError, match="another program's: name another file"):
        checkpoint.claim(LOG, processor="p")


def test_a_file_that_another_process_locks_for_long_is_a_passing_failure(path: Path) -> None:
    file = SqliteFile(path, tables=["CREATE TABLE IF NOT EXISTS t (x)"], patience=0.1)
    with file.writing() as connection:
        connection.execute("INSERT INTO t VALUES (1)")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(TransientError, match="locked; it is tried again later"), file.writing():
        pytest.fail("nobody may write beside another one")
    with file.reading() as connection:
        assert connection.execute("SELECT * FROM t").fetchall() == [(1,)]
    other.execute("COMMIT")
    other.close()
    with file.writing() as connection:
        connection.execute("INSERT INTO t VALUES (2)")
    file.close()


def test_a_thread_does_not_wait_for_ever_for_another_one(path: Path) -> None:
    file = SqliteFile(path, tables=[], patience=0.1)
    errors: list[BaseException] = []

    def write() -> None:
        try:
            with file.writing():
                errors.append(AssertionError("two threads write at once"))
        except TransientError as error:
            errors.append(error)

    with file.writing():
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    file.close()
    assert "is busy" in str(errors[0])


def test_what_is_durable_is_flushed_and_the_rest_is_not_waited_for(path: Path) -> None:
    file = SqliteFile(path, tables=[])
    for durable, mode in ((True, 2), (False, 1), (True, 2)):
        with file.writing(durable=durable) as connection:
            assert connection.execute("PRAGMA synchronous").fetchone() == (mode,)
    with file.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    file.close()


def test_a_position_is_flushed_before_advance_returns(checkpoint: SqliteCheckpoint) -> None:
    claim = checkpoint.claim(LOG, processor="p")
    checkpoint.advance(claim, 1)
    connection = checkpoint.file._connection
    assert connection
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    checkpoint.finish(claim)
    assert connection.execute("PRAGMA synchronous").fetchone() == (1,)


def test_an_unknown_complaint_of_sqlite_is_tried_again(path: Path) -> None:
    assert type(failure(sqlite3.ProgrammingError("odd"), path)) is TransientError


# ── room ──


def count(path: Path, table: str) -> int:
    connection = sqlite3.connect(path)
    [(number,)] = connection.execute(f"SELECT count(*) FROM {table}")
    connection.close()
    return int(number)


def test_logs_untouched_for_too_long_are_forgotten_as_new_ones_come(path: Path) -> None:
    now = [time.time()]
    checkpoint = SqliteCheckpoint(path, keep_days=14, now=lambda: now[0])
    for number in range(30):
        checkpoint.finish(checkpoint.claim(f"old-{number}", processor="p"))
    now[0] += 13 * 86_400
    kept = checkpoint.claim("kept", processor="p")
    assert count(path, "cloudtrail_checkpoint") == 31
    now[0] += 2 * 86_400
    for number in range(4):
        checkpoint.claim(f"new-{number}", processor="p")
    assert count(path, "cloudtrail_checkpoint") == 5
    checkpoint.advance(kept, 1)
    checkpoint.close()


def test_events_whose_window_is_over_make_room(path: Path) -> None:
    now = [time.time()]
    seen = SqliteSeen(path, window=60, now=lambda: now[0])
    for number in range(10):
        seen.remember([f"{number}-{each}" for each in range(100)])
    now[0] += 61
    for number in range(10):
        seen.remember([f"new-{number}-{each}" for each in range(100)])
    seen.close()
    assert count(path, "cloudtrail_seen") == 1_000
