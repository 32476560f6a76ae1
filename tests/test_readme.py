"""The README is true: every block of it runs."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from benchmarks.aws.running import running_layout
from benchmarks.validation.layouts import layout_of
from cloudtrail_processing import Found, IntegrityFinding, Settings
from cloudtrail_processing.parts import processors_of
from cloudtrail_processing.testing import EmbeddedAws, Generator, SignedTrail, messages, record, sample_logs

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line.split("   #")[0] for language, text in BLOCKS if language == "bash" for line in text.splitlines()]
(TOML,) = (text for language, text in BLOCKS if language == "toml")
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/trail"


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with EmbeddedAws() as embedded:
        yield embedded


@pytest.fixture
def announced(aws: EmbeddedAws) -> str:
    """The URL of a queue in which one log with a deletion is announced."""
    aws.create_bucket("trail-logs")
    queue_url = aws.create_queue("trail")
    aws.notify("trail-logs", queue_url)
    log = Generator(seed=3).log(records=[record(event_name="DeleteTrail"), record(event_name="GetObject")])
    aws.put_log("trail-logs", log.key, log.body)
    return queue_url


def environment(aws: EmbeddedAws, **more: str) -> dict[str, str]:
    return {**os.environ, **aws.environment, "PYTHONUNBUFFERED": "1", **more}


def until_drained(worker: "subprocess.Popen[str]", aws: EmbeddedAws, queue_url: str) -> str:
    """What a worker prints until its queue is empty and it was told to stop; it must end well."""
    deadline = time.monotonic() + 60
    while aws.messages_left(queue_url) and time.monotonic() < deadline and worker.poll() is None:
        time.sleep(0.1)
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 0, output
    assert aws.messages_left(queue_url) == 0, output
    return output


def test_the_ten_lines_run_on_a_queue(aws: EmbeddedAws, announced: str, tmp_path: Path) -> None:
    assert QUEUE_URL in PYTHON[0]
    (tmp_path / "alerts.py").write_text(PYTHON[0].replace(QUEUE_URL, announced), encoding="utf-8")
    environ = environment(aws, CLOUDTRAIL_PROCESSING_WAIT_TIME="1")
    worker = subprocess.Popen(
        [sys.executable, "alerts.py"],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = until_drained(worker, aws, announced)
    assert "DeleteTrail" in output
    assert "GetObject" not in output


def test_the_worker_command_runs_the_ten_lines(aws: EmbeddedAws, announced: str, tmp_path: Path) -> None:
    command = next(line for line in COMMANDS if line.startswith("cloudtrail-processing worker"))
    (tmp_path / "alerts.py").write_text(PYTHON[0], encoding="utf-8")
    environ = environment(aws, CLOUDTRAIL_PROCESSING_WAIT_TIME="1", QUEUE_URL=announced)
    worker = subprocess.Popen(
        ["bash", "-c", "exec " + on_this_python(command)],
        cwd=tmp_path,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "DeleteTrail" in until_drained(worker, aws, announced)


def test_the_process_command_reads_a_folder(tmp_path: Path) -> None:
    command = next(line for line in COMMANDS if line.startswith("cloudtrail-processing process"))
    with sample_logs() as folder:
        (tmp_path / "logs").symlink_to(folder)
        done = subprocess.run(
            ["bash", "-c", on_this_python(command)], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert '"eventName":"Delete' in done.stdout


def test_the_replay_commands_drive_again_what_was_set_aside(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "alerts.py").write_text(PYTHON[0], encoding="utf-8")
    (tmp_path / "bad-records").mkdir()
    when = datetime.now(UTC) - timedelta(days=2, hours=12)
    name = f"111122223333_CloudTrail_us-east-1_{when:%Y%m%dT%H%M}Z_abc.json.gz"
    aws.create_bucket("my-trail-logs")
    log = Generator(seed=3).log(records=[record(event_name="DeleteTrail")])
    key = f"AWSLogs/111122223333/CloudTrail/us-east-1/{when:%Y/%m/%d}/{name}"
    announced = messages.s3_event(aws.put_log("my-trail-logs", key, log.body))
    dead_letters = aws.create_queue("dead-letters", dead_letter=False)
    aws.sqs.send_message(
        QueueUrl=dead_letters,
        MessageBody=announced,
        MessageAttributes={"CloudTrailProcessingError": {"DataType": "String", "StringValue": "CorruptLog"}},
    )
    commands = [line for line in COMMANDS if line.startswith("cloudtrail-processing replay")]
    environ = environment(aws, DEAD_LETTERS_URL=dead_letters)
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", on_this_python(command)],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert ("DeleteTrail" in done.stdout) is ("--quarantine" not in command)
    assert len(commands) == 3
    assert aws.messages_left(dead_letters) == 0


def test_the_validate_commands_prove_a_trail(tmp_path: Path) -> None:
    """Once by its ARN, once by its bucket, and once from a copy of the bucket with keys from a file."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    named: dict[str, Any] = {"accounts": ["123456789012"], "regions": ["eu-west-1"]}
    trail = SignedTrail(
        7,
        start=now - timedelta(hours=75),
        hours=74,
        logs=1,
        records=1,
        trail="main",
        bucket="my-trail-logs",
        rotate=720,
        **named,
    )
    trail.write(tmp_path / "copy-of-the-bucket")
    (tmp_path / "public-keys.json").write_text(json.dumps(trail.public_keys_document()), encoding="utf-8")
    layout_of(trail, bucket="my-trail-logs").write(tmp_path / "layout")
    commands = [line for line in COMMANDS if line.startswith("cloudtrail-processing validate")]
    with running_layout(tmp_path / "layout", s3_ms=0) as aws:
        environ = {**os.environ, **aws.environment, "AWS_ENDPOINT_URL": aws.url}
        done = [
            subprocess.run(
                ["bash", "-c", on_this_python(command)],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            for command in commands
        ]
    assert [(it.returncode, it.stderr) for it in done] == [(0, "")] * 3
    assert all("123456789012" in it.stdout for it in done)


def test_every_setting_is_explained() -> None:
    table = README.read_text(encoding="utf-8").partition("## Settings")[2].partition("## Coming")[0]
    assert {name for name in Settings.model_fields if f"`{name}`" not in table} == set()


def test_the_other_python_blocks_run(capsys: pytest.CaptureFixture[str]) -> None:
    notebook, watched, own_tests = PYTHON[2:]
    exec(compile(notebook, "README.md", "exec"), {"__name__": "notebook"})
    assert capsys.readouterr().out
    exec(compile(watched, "README.md", "exec"), own := dict[str, object](__name__="watched"))
    told = IntegrityFinding(Found.MISMATCH, "s3://trail/log", "s3://trail/digest")
    cast("Any", own["Watched"])().integrity(told)
    assert capsys.readouterr().out == f"{told}\n"
    names: dict[str, object] = {"__name__": "own_tests"}
    exec(compile(own_tests, "README.md", "exec"), names)
    tests = [value for name, value in names.items() if name.startswith("test_") and callable(value)]
    assert len(tests) == 2
    for test in tests:
        test()


def test_the_settings_file_makes_the_processor_with_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alerts.py").write_text(PYTHON[1], encoding="utf-8")
    (tmp_path / "worker.toml").write_text(TOML, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delitem(sys.modules, "alerts", raising=False)
    (processor,) = processors_of(None, Settings.load("worker.toml"))
    assert (processor.name, vars(processor)) == ("ToFile", {"path": Path("out.txt"), "prefix": ""})


def test_the_two_commands_for_a_fresh_machine_are_there() -> None:
    """They are run as they are by the project's own check; here only that both are still what it looks for."""
    fresh = [line for line in COMMANDS if line.startswith("python3 -m venv .venv && ")]
    assert [line.rsplit("&& ", 1)[1] for line in fresh] == [
        ".venv/bin/cloudtrail-processing demo",
        ".venv/bin/python -m pytest -q -n 2",
    ]


def on_this_python(command: str) -> str:
    return command.replace("cloudtrail-processing", f"{sys.executable} -m cloudtrail_processing", 1)
