"""``replay`` delivers what was set aside, says what became of it, and with ``--dry-run`` changes nothing at all."""

import asyncio
import json
import signal
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from bench import Recorder, key_of, log_of
from commands import PATIENCE, invoke, start, until

from cloudtrail_processing.app import build
from cloudtrail_processing.flow import RejectedRecord
from cloudtrail_processing.keys import log_object
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.quarantine import FolderQuarantine
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.testing import EmbeddedAws, messages

PRINT = ("--processor", "cloudtrail_processing.processors:JsonLines")
QUICK = ("--visibility-timeout", "30", "--fetch-attempts", "1")
LOG = log_object("trail", key_of("bad"), etag="e")
SLOW = '''
import pathlib, time
from cloudtrail_processing import EventProcessor

class Slow(EventProcessor):
    """Says that it began, and returns after a while."""
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
    def process(self, batch):
        (self.folder / "began").touch()
        time.sleep(1)
'''


def ids(output: str) -> list[str]:
    return [json.loads(line)["eventID"] for line in output.splitlines()]


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# ── a quarantine ──


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A quarantine with two records that are events by now, and one that is not."""
    records = [(b'{"eventID":"one"}', 3), (b'{"eventID":"two"}', 9), (b'{"eventID":', 4)]
    FolderQuarantine(tmp_path / "bad").keep([RejectedRecord(LOG, index, raw, "not JSON") for raw, index in records])
    return tmp_path / "bad"


def test_what_lies_in_a_quarantine_is_delivered_and_what_is_still_bad_stays(bad: Path) -> None:
    result = invoke("replay", "--quarantine", bad, *PRINT)
    assert result.exit_code == 1
    assert ids(result.stdout) == ["one", "two"]
    assert result.stderr == (
        "logs 1, records 3, delivered 2, not wanted 0, still bad 1, logs skipped 0, logs failed 0\n"
    )
    assert [entry.record.index for entry in FolderQuarantine(bad).entries()] == [4]


def test_a_quarantine_that_is_emptied_ends_well_and_an_empty_one_says_so(bad: Path) -> None:
    place = FolderQuarantine(bad)
    place.remove([entry for entry in place.entries() if entry.record.index == 4])
    assert invoke("replay", "--quarantine", bad, *PRINT).exit_code == 0
    again = invoke("replay", "--quarantine", bad, *PRINT)
    assert (again.exit_code, again.stdout) == (0, "")
    assert again.stderr == f"the quarantine in {bad} is empty: nothing to replay\n"


def test_a_dry_run_of_a_quarantine_shows_it_and_changes_no_byte(bad: Path) -> None:
    before = content(bad)
    result = invoke("replay", "--quarantine", bad, "--dry-run")
    assert result.exit_code == 0
    assert [LOG.uri, "3"] in [line.split() for line in result.stdout.splitlines()]
    assert "the first 3 of 3" in result.stdout
    assert result.stderr == "dry run: 3 to replay; nothing was delivered or changed\n"
    assert content(bad) == before


def test_a_quarantine_in_s3_is_replayed(aws: EmbeddedAws, bad: Path) -> None:
    aws.create_bucket("set-aside")
    for name, body in content(bad).items():
        aws.s3.put_object(Bucket="set-aside", Key=f"bad/{name}", Body=body)
    result = invoke("replay", "--quarantine", "s3://set-aside/bad", *PRINT, env=aws.environment)
    assert ids(result.stdout) == ["one", "two"]
    [left] = aws.s3.list_objects_v2(Bucket="set-aside")["Contents"]
    body = aws.s3.get_object(Bucket="set-aside", Key=left["Key"])["Body"].read()
    assert [orjson.loads(line)["index"] for line in body.splitlines()] == [4]


# ── dead letters ──


@pytest.fixture
def trail(aws: EmbeddedAws) -> Iterator[str]:
    """A bucket and a queue of the same name, with a dead-letter queue behind it."""
    name = f"trail-{uuid.uuid4()}"
    aws.create_bucket(name)
    url = aws.create_queue(name)
    yield name
    aws.sqs.delete_queue(QueueUrl=url)


def url_of(aws: EmbeddedAws, name: str) -> str:
    return aws.sqs.get_queue_url(QueueName=name)["QueueUrl"]


async def worked_off(aws: EmbeddedAws, url: str) -> None:
    """A worker drains the queue and sends what it rejects to the dead-letter queue."""
    values: dict[str, Any] = {"queue_url": url, "dead_letter_url": aws.dead_letters_of(url), "wait_time": 1}
    settings = Settings.load(threads=2, fetch_attempts=1, **values)
    async with build(Recorder(), settings=settings, parts=Parts(aws=aws.options)) as worker:
        await asyncio.wait_for(worker.drain(), PATIENCE)


@pytest.fixture
def dead(aws: EmbeddedAws, trail: str) -> str:
    """The URL of a dead-letter queue with a corrupt log's message, one of no class, and one of unknown shape."""
    url = url_of(aws, trail)
    aws.send(url, messages.s3_event(aws.put_log(trail, key_of("corrupt"), b"\x1f\x8bno gzip at all")))
    aws.send(url, "no message that anybody knows")
    asyncio.run(worked_off(aws, url))
    letters = aws.dead_letters_of(url)
    aws.send(letters, messages.s3_event(aws.put_log(trail, key_of("native"), log_of("native"))))
    assert visible(aws, letters) == 3
    return letters


def visible(aws: EmbeddedAws, url: str) -> int:
    names: Any = ["ApproximateNumberOfMessages"]
    return int(aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"][names[0]])


def test_a_corrupt_logs_dead_letter_is_delivered_after_the_log_was_repaired(
    aws: EmbeddedAws, trail: str, dead: str
) -> None:
    replay = ("replay", "--dead-letters", dead, "--error", "CorruptLog", *PRINT, *QUICK)
    vain = invoke(*replay, env=aws.environment)
    assert (vain.exit_code, vain.stdout) == (1, "")
    assert "dead letters delivered 0, kept 1, not asked for 2 (" in vain.stderr
    assert "kept: message" in vain.stderr
    assert vain.stderr.rstrip().endswith("(CorruptLog)")
    assert visible(aws, dead) == 3
    aws.put_log(trail, key_of("corrupt"), log_of("corrupt", 2))
    repaired = invoke(*replay, env=aws.environment)
    assert (repaired.exit_code, ids(repaired.stdout)) == (0, ["corrupt/0", "corrupt/1"])
    assert "dead letters delivered 1, kept 0, not asked for 2 (" in repaired.stderr
    assert (visible(aws, dead), aws.messages_left(dead)) == (2, 2)


def test_all_dead_letters_are_tried_once_and_what_fails_again_is_visible_there(aws: EmbeddedAws, dead: str) -> None:
    result = invoke("replay", "--dead-letters", dead, *PRINT, *QUICK, env=aws.environment)
    assert (result.exit_code, ids(result.stdout)) == (1, ["native/0"])
    assert "dead letters delivered 1, kept 2, not asked for 0\n" in result.stderr
    assert visible(aws, dead) == 2


def test_a_dry_run_of_dead_letters_shows_them_and_leaves_them_all(aws: EmbeddedAws, dead: str) -> None:
    result = invoke("replay", "--dead-letters", dead, "--error", "CorruptLog", "--dry-run", env=aws.environment)
    assert result.exit_code == 0
    assert "CorruptLog" in result.stdout
    assert "not intact gzip" in result.stdout
    assert "NotificationError" not in result.stdout
    others = "2 other(s) left alone (NotificationError 1, unknown 1)"
    assert result.stderr == f"dry run: 1 to replay, {others}; nothing was delivered or changed\n"
    assert visible(aws, dead) == 3


def test_a_dead_letter_queue_that_does_not_exist_is_told_in_one_line(aws: EmbeddedAws, trail: str) -> None:
    url = url_of(aws, trail).replace("trail-", "no-trail-")
    result = invoke("replay", "--dead-letters", url, *PRINT, env=aws.environment)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert url in result.stderr


def test_after_ctrl_c_the_letters_are_visible_again(aws: EmbeddedAws, dead: str, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    arguments = ("--dead-letters", dead, "-p", "slow:Slow", "-o", f"folder={tmp_path}", "--visibility-timeout", "600")
    process = start("replay", *arguments, env=aws.environment, cwd=tmp_path)
    until((tmp_path / "began").exists, process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, told
    assert b"interrupted" in told
    assert visible(aws, dead) == aws.messages_left(dead)


# ── keys and times ──


@pytest.fixture
def logs(aws: EmbeddedAws, trail: str) -> Sequence[str]:
    """The keys of two logs of 2026-01-01, five minutes apart, and one of another day; one with another name."""
    times = [datetime(2026, 1, 1, 0, 5, tzinfo=UTC) + timedelta(minutes=minutes) for minutes in (0, 5, 60 * 96)]
    keys = [
        f"AWSLogs/111122223333/CloudTrail/eu-west-1/{time:%Y/%m/%d}/"
        f"111122223333_CloudTrail_eu-west-1_{time:%Y%m%dT%H%MZ}_{name}.json.gz"
        for name, time in zip("abc", times, strict=True)
    ]
    for name, key in zip("abc", keys, strict=True):
        aws.put_log(trail, key, log_of(name))
    aws.put_log(trail, "AWSLogs/renamed.json.gz", log_of("renamed"))
    return keys


def test_the_logs_of_a_list_come_again_whatever_the_checkpoint_says(
    aws: EmbeddedAws, trail: str, logs: Sequence[str], tmp_path: Path
) -> None:
    listed = f"# two of them\ns3://{trail}/{logs[0]}\ns3://{trail}/{logs[2]}\n"
    (tmp_path / "keys").write_text(listed, encoding="utf-8")
    replay = ("replay", *PRINT, "--checkpoint", f"sqlite:{tmp_path}/places", "--threads", "1", "--keys")
    for source, stdin in ((tmp_path / "keys", b""), ("-", listed.encode()), (tmp_path / "keys", b"")):
        result = invoke(*replay, source, stdin=stdin, env=aws.environment)
        assert (result.exit_code, ids(result.stdout)) == (0, ["a/0", "c/0"])
    assert result.stderr == "logs 2, records 2, delivered 2, filtered 0, logs skipped 0, logs failed 0\n"


def test_a_log_that_is_gone_is_named(aws: EmbeddedAws, trail: str, logs: Sequence[str]) -> None:
    listed = f"s3://{trail}/{logs[0]}\ns3://{trail}/nothing.json.gz\n".encode()
    result = invoke("replay", "--keys", "-", *PRINT, *QUICK, stdin=listed, env=aws.environment)
    assert (result.exit_code, ids(result.stdout)) == (1, ["a/0"])
    assert f"failed: reading s3://{trail}/nothing.json.gz" in result.stderr


def test_a_list_without_logs_is_nothing_to_do() -> None:
    result = invoke("replay", "--keys", "-", *PRINT, stdin=b"# none today\n")
    assert result.exit_code == 0
    assert result.stderr.startswith("no log is named in -: nothing to replay\n")


def test_the_logs_of_a_time_come_again_and_others_are_left_out(
    aws: EmbeddedAws, trail: str, logs: Sequence[str]
) -> None:
    times = ("--from", "2026-01-01T00:08", "--to", "2026-01-01T12:00Z")
    result = invoke("replay", *times, f"s3://{trail}/AWSLogs/", *PRINT, env=aws.environment)
    assert (result.exit_code, ids(result.stdout)) == (0, ["b/0"])
    assert result.stderr.splitlines() == [
        "logs 1, records 1, delivered 1, filtered 0, logs skipped 0, logs failed 0",
        "left out 1 log(s) whose names tell no time",
    ]


def test_dry_runs_of_logs_name_them_and_deliver_nothing(aws: EmbeddedAws, trail: str, logs: Sequence[str]) -> None:
    listed = f"s3://{trail}/{logs[0]}\n".encode()
    by_key = invoke("replay", "--keys", "-", "--dry-run", stdin=listed)
    of_day = ("--from", "2026-01-01", "--to", "2026-01-02", f"s3://{trail}")
    by_time = invoke("replay", *of_day, "--dry-run", env=aws.environment)
    assert logs[0] in by_key.stdout
    assert by_key.stderr == "dry run: 1 to replay; nothing was delivered or changed\n"
    assert [name in by_time.stdout for name in logs] == [True, True, False]
    assert "dry run: 2 to replay; nothing was delivered or changed" in by_time.stderr


def test_a_time_without_logs_is_a_usage_error(aws: EmbeddedAws, trail: str, logs: Sequence[str]) -> None:
    result = invoke("replay", "--from", "2h", f"s3://{trail}/AWSLogs/", *PRINT, env=aws.environment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: s3://{trail}/AWSLogs/: no log of these times there" in result.stderr


# ── a command line that cannot work ──


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((), "say what to replay: one of --quarantine, --dead-letters, --keys, --from"),
        (("--quarantine", "bad", "--keys", "-"), "--quarantine and --keys are different things"),
        (("--quarantine", ""), "it is empty"),
        (("--quarantine", "bad", "--error", "CorruptLog"), "it belongs to --dead-letters"),
        (("--quarantine", "bad", "s3://b"), "paths and --to belong to --from"),
        (("--keys", "-", "--to", "2h"), "paths and --to belong to --from"),
        (("--from", "2h"), "say where"),
        (("--from", "yesterday", "s3://b"), "'yesterday' is no time: write 2026-01-31"),
        (("--from", "2h", "--to", "3h", "s3://b"), "ends before it begins"),
        (("--from", "2h", "no-such-folder"), "no-such-folder: no such file or folder"),
        (("--keys", "no-such-file"), "cannot read keys from no-such-file: No such file or directory"),
        (("--quarantine", "."), "no processor: pass one"),
    ],
)
def test_what_cannot_work_is_a_usage_error(
    arguments: Sequence[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("replay", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert text in " ".join(result.stderr.replace("│", " ").split())


def test_a_list_that_names_no_log_in_some_line_delivers_none() -> None:
    result = invoke("replay", "--keys", "-", *PRINT, stdin=b"s3://b/k\nnonsense\n")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: line 2 of standard input names no log: write s3://bucket/key")
