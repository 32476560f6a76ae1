"""The texts of the setting ``checkpoint``, and what they open."""

import subprocess
import sys
from pathlib import Path

import pytest

from cloudtrail_processing.aws.session import AwsOptions
from cloudtrail_processing.checkpoint import open_checkpoint, open_ledger, open_seen
from cloudtrail_processing.checkpoint.dynamodb import DynamoCheckpoint, DynamoSeen
from cloudtrail_processing.checkpoint.dynamodb_ledger import DynamoLedger
from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemoryLedger, MemorySeen
from cloudtrail_processing.checkpoint.sqlite import SqliteCheckpoint, SqliteSeen
from cloudtrail_processing.checkpoint.sqlite_ledger import SqliteLedger
from cloudtrail_processing.errors import SettingsError
from cloudtrail_processing.ports import Entry

OPTIONS = AwsOptions()


def test_each_kind_opens_its_own_and_touches_nothing_yet(tmp_path: Path) -> None:
    texts = ["memory", f"sqlite:{tmp_path}/no/such/folder/a:b.db", "dynamodb:checkpoints"]
    opened = [open_checkpoint(text, claim_time=30, options=OPTIONS) for text in texts]
    seen = [open_seen(text, window=60, options=OPTIONS) for text in (None, *texts)]
    assert [type(each) for each in opened] == [MemoryCheckpoint, SqliteCheckpoint, DynamoCheckpoint]
    assert [type(each) for each in seen] == [MemorySeen, MemorySeen, SqliteSeen, DynamoSeen]
    ledgers = [open_ledger(text, options=OPTIONS) for text in texts]
    assert [type(each) for each in ledgers] == [MemoryLedger, SqliteLedger, DynamoLedger]
    assert not list(tmp_path.iterdir())
    for checkpoint in opened:
        checkpoint.close()
    for memory in seen:
        memory.close()
    for ledger in ledgers:
        ledger.close()


def test_a_ledger_shares_the_file_of_the_checkpoint_where_it_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.db"
    checkpoint = SqliteCheckpoint(path)
    claim = checkpoint.claim("log", processor="p")
    shared = open_ledger(f"sqlite:{path}", options=OPTIONS, beside=checkpoint)
    apart = open_ledger(f"sqlite:{tmp_path / 'other.db'}", options=OPTIONS, beside=checkpoint)
    for ledger in (shared, apart):
        ledger.change("log", lambda _: Entry("x"))
        checkpoint.advance(claim, 3)
        assert ledger.read(["log"]) == {"log": Entry("x")}
        ledger.close()
    assert (tmp_path / "other.db").exists()
    checkpoint.finish(claim)
    checkpoint.close()
    alone = SqliteLedger(path)
    assert alone.read(["log"]) == {"log": Entry("x")}
    alone.close()


@pytest.mark.parametrize(
    "text", ["", "Memory", "memory:", "memory:x", "sqlite", "sqlite:", "dynamodb:", "redis:x", "a"]
)
def test_anything_else_is_told_the_three_forms(text: str) -> None:
    with pytest.raises(SettingsError, match=r"memory, sqlite:FILE, dynamodb:TABLE"):
        open_checkpoint(text, claim_time=30, options=OPTIONS)
    if text:
        with pytest.raises(SettingsError, match=r"memory, sqlite:FILE, dynamodb:TABLE"):
            open_seen(text, window=30, options=OPTIONS)


def test_a_database_in_memory_is_refused_as_processes_could_not_share_it() -> None:
    with pytest.raises(SettingsError, match="name of a file"):
        open_checkpoint("sqlite::memory:", claim_time=30, options=OPTIONS)


def test_what_is_not_used_is_not_imported() -> None:
    code = (
        "import sys; from cloudtrail_processing.checkpoint import open_checkpoint;"
        "before = set(sys.modules); open_checkpoint('memory', claim_time=1, options=None);"
        "print(sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert "sqlite3" not in done.stdout
    assert "dynamodb" not in done.stdout
    assert "checkpoint.memory" in done.stdout
