"""Keys come from messages: none of them may lead a file out of the folder that the operator named."""

import asyncio
import gzip
from pathlib import Path

import orjson
import pytest
from bench import BUCKET, Bench, run_for

from cloudtrail_processing.delivery import Delivery, Lane
from cloudtrail_processing.processors import JsonLines
from cloudtrail_processing.quarantine import FolderQuarantine
from cloudtrail_processing.testing.generator import messages, record
from cloudtrail_processing.usercode import UserCode

NAME = "111122223333_CloudTrail_eu-west-1_20260101T0005Z_abcdefgh12345678.json.gz"
KEYS = [
    f"../../../{NAME}",
    f"/{NAME}",
    f"/etc/../tmp/{NAME}",
    f"a/../../{NAME}",
    f"..\\..\\{NAME}",
    f"C:\\windows\\{NAME}",
    f"file:///tmp/{NAME}",
    f"~/{NAME}",
    f"$HOME/{NAME}",
    f"`touch x`/$(touch y)/{NAME}",
    f"a\nb/\x00/\x1b[2J/{NAME}",
    f"%2e%2e%2f{NAME}",
    f"\u2025/\uff0f..\uff0f{NAME}",
    f"{'deep/' * 190}{NAME}",
    f"{'x' * 900}/{NAME}",
    f"-rf/{NAME}",
    "..json",
    "../.json",
    ".json",
]
GOOD, BAD = orjson.dumps(record()), b'{"bad":}'


@pytest.mark.parametrize("key", KEYS, ids=range(len(KEYS)))
def test_no_key_leads_a_file_out_of_its_folder(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good and a bad record, to JSON lines and to a quarantine, in folders deep enough to see every ``..``."""
    home = tmp_path / "a" / "b" / "c" / "home"
    kept = home / "quarantine"
    kept.mkdir(parents=True)
    monkeypatch.chdir(home)
    monkeypatch.setenv("HOME", str(home))
    lines = JsonLines(home / "events.jsonl")
    bench = Bench()
    log = bench.store.put(BUCKET, key, gzip.compress(b'{"Records":[' + GOOD + b"," + BAD + b"]}"))
    bench.queue.send(messages.cloudtrail_raw(log))
    user_code = UserCode()
    delivery = Delivery([Lane(lines)], user_code=user_code, batch_size=100, quarantine=FolderQuarantine(kept))
    asyncio.run(run_for(bench.worker(lines, delivery=delivery), bench.clock, 30))
    assert bench.queue.messages_left == 0, [str(failure.error) for failure in bench.heard.failures]
    assert (home / "events.jsonl").read_bytes() == GOOD + b"\n"
    inside = [file for file in tmp_path.rglob("*") if file.is_file() and kept in file.parents]
    assert [file for file in tmp_path.rglob("*") if file.is_file() and file not in inside] == [home / "events.jsonl"]
    assert len(inside) == 1
    assert BAD.decode().replace('"', '\\"') in inside[0].read_text(encoding="utf-8")
