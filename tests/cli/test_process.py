"""``process`` prints or delivers every event of the logs it is given, and says what became of each log."""

import json
import os
import pty
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from commands import PATIENCE, invoke, on_terminal, start

from cloudtrail_processing.testing import Damage, EmbeddedAws, GeneratedLog, Generator, damaged, record

PROCESSORS = """
from pydantic import BaseModel
from cloudtrail_processing import EventProcessor

class Counting(EventProcessor):
    class Options(BaseModel):
        word: str
        times: int = 1
    def __init__(self, word, times):
        self.said = word * times
    def process(self, batch):
        print(self.said, len(batch))

class Broken(EventProcessor):
    def process(self, batch):
        raise LookupError("the lookup table is gone")
"""


@pytest.fixture
def processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with processors, in the current folder."""
    (tmp_path / "some_processors.py").write_text(PROCESSORS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "some_processors"


def raws(logs: Sequence[GeneratedLog]) -> list[bytes]:
    """The records of the logs, in the order in which their files stand in a folder."""
    return [orjson.dumps(one) for log in sorted(logs, key=lambda log: log.key) for one in log.records]


def write(folder: Path, log: GeneratedLog) -> Path:
    path = folder / Path(log.key).name
    path.write_bytes(log.body)
    return path


def test_a_folder_comes_out_as_json_lines_exactly_as_it_was_written(
    folder: Path, generated: Sequence[GeneratedLog]
) -> None:
    result = invoke("process", folder)
    assert result.exit_code == 0
    assert result.stdout_bytes.splitlines() == raws(generated)
    assert result.stderr == "logs 24, records 216, delivered 216, filtered 0, logs skipped 0, logs failed 0\n"


def test_what_was_printed_can_be_read_again_from_standard_input(folder: Path) -> None:
    once = invoke("process", folder)
    again = invoke("process", "-", stdin=once.stdout_bytes)
    assert again.stdout_bytes == once.stdout_bytes
    assert "logs 1, records 216, delivered 216" in again.stderr


def test_a_record_on_several_lines_comes_out_on_one_with_the_same_values(tmp_path: Path) -> None:
    text = (
        '{"Records": [\n{\r\n "eventVersion": "1.08",\n "eventName" : "a \\n b",\n "n": [1.0, 12345678901234567890]}]}'
    )
    file = tmp_path / "pretty.json"
    file.write_text(text, encoding="utf-8", newline="")
    result = invoke("process", file)
    assert result.stdout == '{"eventVersion":"1.08","eventName":"a \\n b","n":[1.0,12345678901234567890]}\n'


def test_a_glob_and_a_file_name_logs(folder: Path, generated: Sequence[GeneratedLog]) -> None:
    regional = [log for log in generated if log.region == "eu-west-1"]
    result = invoke("process", f"{folder}/**/*_eu-west-1_*.json.gz", folder / generated[0].key)
    assert result.stdout_bytes.splitlines() == raws(regional) + raws(generated[:1])


def test_only_wanted_events_are_printed(folder: Path, generated: Sequence[GeneratedLog]) -> None:
    sources = ("s3.amazonaws.com", "kms.amazonaws.com")
    wanted = [raw for raw in raws(generated) if orjson.loads(raw).get("eventSource") in sources]
    result = invoke("process", folder, "--where", "event_source=s3.*", "-w", "event_source=kms.*")
    assert result.stdout_bytes.splitlines() == wanted
    assert wanted
    assert f"delivered {len(wanted)}, filtered {216 - len(wanted)}," in result.stderr


def test_a_corrupt_log_fails_alone_and_is_named_in_one_line(folder: Path, generated: Sequence[GeneratedLog]) -> None:
    bad = folder / generated[3].key
    bad.write_bytes(damaged(generated[3], Damage.BAD_CRC).body)
    result = invoke("process", folder)
    assert result.exit_code == 1
    assert result.stdout_bytes.splitlines() == raws([*generated[:3], *generated[4:]])
    summary, failed = result.stderr.splitlines()
    assert summary.endswith("logs failed 1")
    assert failed.startswith(f"failed: {bad}: not intact gzip")
    assert failed.endswith("(CorruptLog)")
    assert failed.count(str(bad)) == 1


def test_good_records_of_a_log_with_bad_ones_are_printed_and_the_log_counts_as_failed(tmp_path: Path) -> None:
    log = damaged(Generator(1).log(records=4), Damage.BAD_ELEMENT)
    result = invoke("process", write(tmp_path, log))
    assert result.exit_code == 1
    assert result.stdout_bytes.splitlines() == raws([log])
    assert "3 bad record(s)" in result.stderr
    assert "(RejectedRecords)" in result.stderr


def test_a_path_that_stands_for_nothing_is_a_usage_error_before_anything_is_printed(folder: Path) -> None:
    result = invoke("process", folder, "/nowhere/at/all")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: /nowhere/at/all: no such file")
    assert len(result.stderr.splitlines()) == 1


def test_files_that_a_folder_hides_are_told_in_the_summary(folder: Path) -> None:
    (folder / "renamed.gz").touch()
    result = invoke("process", folder)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[1:] == [
        "other files left out 1: in folders only .json, .jsonl and .ndjson files (plain or .gz, no digests) count"
    ]


def test_a_limit_holds_for_files(folder: Path) -> None:
    result = invoke("process", folder, "--max-inflated-bytes", 2000)
    assert result.exit_code == 1
    assert "LogTooLarge" in result.stderr


def test_many_threads_never_mix_lines(folder: Path, generated: Sequence[GeneratedLog]) -> None:
    result = invoke("process", folder, "--threads", 8, "--batch-size", 2)
    assert Counter(result.stdout_bytes.splitlines()) == Counter(raws(generated))


def test_the_table_has_a_row_for_every_event_without_cutting_anything(tmp_path: Path) -> None:
    login = record(event_name="ConsoleLogin", event_time="2026-01-02T03:04:05Z")
    denied = record(event_name="DeleteTrail", error_code="AccessDenied")
    path = write(tmp_path, Generator(1).log(records=[login, denied]))
    result = invoke("process", path, "--format", "table")
    heading, first, second = result.stdout.splitlines()
    assert heading.split() == ["time", "(UTC)", "region", "source", "name", "actor", "error"]
    assert first.startswith("2026-01-02 03:04:05  us-east-1")
    assert "ConsoleLogin" in first
    assert "user/alice (111122223333)" in first
    assert second.endswith("AccessDenied")


def test_control_characters_from_a_log_never_reach_the_terminal(tmp_path: Path) -> None:
    evil = record(event_name="\x1b]0;owned\x07\x9b2J[red]x[/red]")
    path = write(tmp_path, Generator(1).log(records=[evil]))
    result = invoke("process", path, "--format", "table")
    assert "�]0;owned��2J[red]x[/red]" in result.stdout
    assert not {"\x1b", "\x07", "\x9b"} & set(result.stdout)


def test_a_processor_gets_the_events_with_options_from_file_and_command_line(folder: Path, processors: str) -> None:
    settings = folder.parent / "settings.toml"
    settings.write_text(f'processor = "{processors}:Counting"\n[options]\nword = "ab"\ntimes = 5\n', encoding="utf-8")
    result = invoke("process", folder, "--settings", settings, "--option", "times=2")
    assert result.exit_code == 0
    assert result.stdout == "abab 9\n" * 24


def test_options_that_the_processor_refuses_are_a_usage_error(folder: Path, processors: str) -> None:
    result = invoke("process", folder, "--processor", f"{processors}:Counting", "-o", "word=a", "-o", "times=many")
    assert result.exit_code == 2
    assert "times: Input should be a valid integer" in result.stderr


def test_what_a_processor_raised_is_told_with_its_traceback(folder: Path, processors: str) -> None:
    result = invoke("process", folder / "AWSLogs", "-p", f"{processors}:Broken")
    assert result.exit_code == 1
    assert "processor Broken raised LookupError: the lookup table is gone (ProcessorError)" in result.stderr
    assert 'raise LookupError("the lookup table is gone")' in result.stderr


def test_a_processor_and_a_format_exclude_each_other(folder: Path, processors: str) -> None:
    result = invoke("process", folder, "-p", f"{processors}:Counting", "--format", "jsonl")
    assert result.exit_code == 2
    assert "a processor takes the events" in result.stderr


def test_a_processor_in_the_settings_gives_way_to_a_format(folder: Path, processors: str) -> None:
    env = {"CLOUDTRAIL_PROCESSING_PROCESSOR": f"{processors}:Broken"}
    assert invoke("process", folder, "--format", "jsonl", env=env).exit_code == 0
    assert invoke("process", folder, env=env).exit_code == 1


def test_a_format_that_there_is_not_is_a_usage_error_in_plain_words(folder: Path) -> None:
    result = invoke("process", folder, "--format", "csv")
    assert result.exit_code == 2
    assert "'csv' is neither jsonl nor table" in result.stderr
    assert "Value error" not in result.stderr


def test_no_path_is_a_usage_error() -> None:
    assert invoke("process").exit_code == 2


def test_errors_are_json_lines_where_the_log_is(tmp_path: Path) -> None:
    result = invoke("process", tmp_path / "missing", "--log-format", "json")
    line = json.loads(result.stderr)
    assert (result.exit_code, line["level"]) == (2, "CRITICAL")
    assert "no such file" in line["message"]


# ── buckets ──


@pytest.fixture(scope="module")
def bucket(aws: EmbeddedAws, generated: Sequence[GeneratedLog]) -> str:
    aws.create_bucket("trail-logs")
    for log in (*generated, Generator(1).digest(generated)):
        aws.put_log("trail-logs", log.key, log.body)
    aws.put_log("trail-logs", "exports/odd-name", Generator(5).log(records=2).body)
    return "s3://trail-logs"


def test_a_prefix_names_all_logs_under_it_and_nothing_else(
    aws: EmbeddedAws, bucket: str, generated: Sequence[GeneratedLog]
) -> None:
    result = invoke("process", bucket, env=aws.environment)
    assert result.exit_code == 0
    assert Counter(result.stdout_bytes.splitlines()) == Counter(raws(generated))
    assert "logs 24, records 216, delivered 216" in result.stderr


def test_a_whole_key_names_an_object_whatever_it_is_called(aws: EmbeddedAws, bucket: str) -> None:
    result = invoke("process", f"{bucket}/exports/odd-name", env=aws.environment)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)


def test_a_filter_on_the_account_spares_downloads(aws: EmbeddedAws, bucket: str) -> None:
    result = invoke("process", bucket, "--where", "account_id=444455556666", env=aws.environment)
    accounts = {json.loads(line)["recipientAccountId"] for line in result.stdout.splitlines()}
    assert accounts == {"444455556666"}
    assert "logs skipped 0" not in result.stderr


@pytest.mark.parametrize(
    ("uri", "code", "why"),
    [
        ("s3://trail-logs/nothing/here", 2, "no log there"),
        ("s3://trail-logs/exports/odd", 2, "no object of exactly that name"),
        ("s3://no-such-bucket", 1, "no-such-bucket"),
        ("s3://", 2, "names no bucket"),
    ],
)
def test_a_bucket_that_cannot_be_read_is_one_line(aws: EmbeddedAws, bucket: str, uri: str, code: int, why: str) -> None:
    result = invoke("process", uri, env=aws.environment)
    assert (result.exit_code, result.stdout) == (code, "")
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert why in result.stderr


def test_what_was_found_before_a_listing_broke_off_is_delivered(
    aws: EmbeddedAws, bucket: str, folder: Path, generated: Sequence[GeneratedLog]
) -> None:
    result = invoke("process", folder, "s3://no-such-bucket", env=aws.environment)
    assert result.exit_code == 1
    assert Counter(result.stdout_bytes.splitlines()) == Counter(raws(generated))
    summary, error = result.stderr.splitlines()
    assert summary.startswith("logs 24, ")
    assert error.startswith("error: ")


# ── processes ──


def test_a_reader_who_leaves_ends_it_quietly(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path, Generator(number).log(records=300))
    for form in ("jsonl", "table"):
        process = start("process", tmp_path, "--format", form)
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(timeout=PATIENCE) == 141


def test_a_full_disk_fails_the_log(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("process", folder, stdout=full)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert b"raised OSError: [Errno 28]" in said
    assert b"logs failed 24" in said


def test_ctrl_c_ends_it_with_a_summary_of_what_was_done_so_far(folder: Path) -> None:
    process = start("process", folder, "-", stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stdin
    process.stdin.write(b" " * 300_000)  # more than a pipe holds: when it is written, somebody reads
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert said == b"interrupted: logs done 24, delivered 216, filtered 0, logs failed 0\n"


def test_on_a_terminal_it_says_that_it_reads_standard_input() -> None:
    ours, theirs = pty.openpty()
    os.write(ours, b'{"Records":[]}\n\x04')
    process = start("process", "-", stdin=theirs)
    os.close(theirs)
    _, said = process.communicate(timeout=PATIENCE)
    os.close(ours)
    assert said.decode().splitlines()[0] == "reading standard input; Ctrl-D ends it"
    assert process.returncode == 0


def test_a_terminal_gets_a_table_cut_to_its_width_and_in_colour(tmp_path: Path) -> None:
    path = write(tmp_path, Generator(1).log(records=[record(event_name="D" * 300, error_code="AccessDenied")]))
    code, written = on_terminal("process", path, env={"COLUMNS": "120"})
    assert code == 0
    row = next(line for line in written.splitlines() if "DDD" in line)
    assert "…" in row
    assert "\x1b[31m" in row
    assert len(row) < 140


@pytest.mark.parametrize("width", [40, 80, 99, 160])
def test_no_row_is_wider_than_the_terminal(width: int, tmp_path: Path) -> None:
    path = write(tmp_path, Generator(1).log(records=[record(event_name="D" * 300), record(error_code="AccessDenied")]))
    _, written = on_terminal("process", path, "--format", "table", env={"COLUMNS": str(width)})
    heading, *rows, _ = re.sub(r"\x1b\[[0-9;]*m", "", written).splitlines()
    assert ("region" in heading) is (width > 99)
    assert len(rows) == 2
    assert all(len(row) <= width for row in (heading, *rows))


def test_a_bar_is_shown_where_events_go_elsewhere(folder: Path) -> None:
    processor = ("--processor", "cloudtrail_processing.processors:JsonLines", "--option", f"path={folder.parent}/out")
    code, written = on_terminal("process", folder, *processor)
    assert code == 0
    assert "24/24" in written
    assert "logs 24, records 216" in written


def test_the_real_corpus_is_delivered_whole(corpora: Path) -> None:
    result = invoke("process", corpora / "invictus-aws-dataset" / "CloudTrail")
    assert result.exit_code == 0
    assert len(result.stdout_bytes.splitlines()) == 2900
    assert "delivered 2,900, filtered 0, logs skipped 0, logs failed 0" in result.stderr


def test_reading_a_log_twice_shows_it_twice_whatever_a_worker_remembers(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CLOUDTRAIL_PROCESSING_CHECKPOINT", f"sqlite:{tmp_path / 'checkpoint.db'}")
    first, second = (invoke("process", str(folder)) for _ in range(2))
    assert first.stdout
    assert second.stdout == first.stdout
    assert not (tmp_path / "checkpoint.db").exists()
