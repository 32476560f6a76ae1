"""``worker`` delivers what its queue announces, stops in order, and says in one line why it cannot.

In one process; ``test_supervised`` is about several.
"""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson
import pytest
from commands import PATIENCE, invoke, on_terminal, start, until

from cloudtrail_processing.testing import EmbeddedAws, GeneratedLog, messages

JSONL = "cloudtrail_processing.processors:JsonLines"
QUEUE = ("--queue-url", "https://sqs.eu-west-1.amazonaws.com/123456789012/trail", "--processes", "1")
QUICK = ("--wait-time", "1", "--visibility-timeout", "30", "--processes", "1")
SECRETS = {"AWS_SECRET_ACCESS_KEY": "a-very-secret-key", "AWS_SESSION_TOKEN": "a-session-token-to-keep"}
PROCESSORS = '''
import pathlib, time
from cloudtrail_processing import EventProcessor

class Slow(EventProcessor):
    """Says that it began, and returns when it is told to."""
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
    def process(self, batch):
        (self.folder / "began").touch()
        while not (self.folder / "go on").exists():
            time.sleep(0.02)
        with (self.folder / "done").open("a") as file:
            file.write(f"{len(batch)}\\n")

class Unready(EventProcessor):
    def start(self):
        raise ConnectionError("the database does not answer")
    def process(self, batch):
        pass
'''


@pytest.fixture
def queue_url(aws: EmbeddedAws, request: pytest.FixtureRequest) -> Iterator[str]:
    """A queue of its own for each test, which hears of a bucket of the same name."""
    name = request.node.name.replace("_", "-")[-60:].strip("-")
    aws.create_bucket(name)
    url = aws.create_queue(name)
    aws.notify(name, url)
    yield url
    aws.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def slow(tmp_path: Path) -> Sequence[object]:
    """Arguments for a processor that works until it may go on."""
    (tmp_path / "slow_processors.py").write_text(PROCESSORS, encoding="utf-8")
    return ("--processor", "slow_processors:Slow", "--option", f"folder={tmp_path}")


def fill(aws: EmbeddedAws, queue_url: str, logs: Sequence[GeneratedLog]) -> list[bytes]:
    """Put the logs into the queue's bucket; their records as they should come out."""
    for log in logs:
        aws.put_log(queue_url.rpartition("/")[2], log.key, log.body)
    return [orjson.dumps(record) for log in logs for record in log.records]


def lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines() if file.exists() else []


def stop(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Send SIGTERM; the exit code and all that was said."""
    process.send_signal(signal.SIGTERM)
    return end_of(process)


def end_of(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    printed, said = process.communicate(timeout=PATIENCE)
    return process.returncode, (printed + said).decode()


def test_it_delivers_everything_and_stops_clean_on_sigterm_without_telling_a_secret(
    aws: EmbeddedAws, queue_url: str, generated: Sequence[GeneratedLog], tmp_path: Path
) -> None:
    expected = fill(aws, queue_url, generated)
    out = tmp_path / "events.jsonl"
    options = ("--queue-url", queue_url, "--processor", JSONL, "--option", f"path={out}", "--log-level", "DEBUG")
    process = start("worker", *options, *QUICK, env={**aws.environment, **SECRETS})
    until(lambda: len(lines(out)) >= len(expected) and not aws.messages_left(queue_url), process)
    code, said = stop(process)
    assert code == 0
    assert Counter(lines(out)) == Counter(expected)
    assert "a second signal ends at once, and messages in hand come back after their visibility timeout" in said
    assert "stopped: messages 25, deleted 25, logs 24, events 216, filtered 0, failures 0" in said
    assert not [secret for secret in SECRETS.values() if secret in said]


def test_settings_may_come_from_the_environment_alone(
    aws: EmbeddedAws, queue_url: str, generated: Sequence[GeneratedLog], tmp_path: Path
) -> None:
    expected = fill(aws, queue_url, generated[:2])
    out = tmp_path / "events.jsonl"
    values = {"queue_url": queue_url, "processor": JSONL, "wait_time": "1", "log_format": "json"}
    values["options"] = json.dumps({"path": str(out), "sync": False})
    env = {f"CLOUDTRAIL_PROCESSING_{name.upper()}": value for name, value in values.items()}
    process = start("worker", env={**aws.environment, **env})
    until(lambda: len(lines(out)) >= len(expected) and not aws.messages_left(queue_url), process)
    code, said = stop(process)
    told = [json.loads(line) for line in said.splitlines()]
    assert code == 0
    assert {"time", "level", "logger", "message"} <= told[0].keys()
    assert sum("processLog" in line["message"] for line in told) == 2


def test_on_sigterm_work_in_hand_is_finished_and_the_rest_left_to_others(
    aws: EmbeddedAws, queue_url: str, generated: Sequence[GeneratedLog], tmp_path: Path, slow: Sequence[object]
) -> None:
    fill(aws, queue_url, generated[:3])
    one = ("--threads", "1", "--pollers", "1")
    process = start("worker", "--queue-url", queue_url, *slow, *QUICK, *one, env=aws.environment, cwd=tmp_path)
    until((tmp_path / "began").exists, process)
    process.send_signal(signal.SIGTERM)
    (tmp_path / "go on").touch()
    code, said = end_of(process)
    assert code == 0, said
    finished = len(lines(tmp_path / "done"))
    assert finished >= 1
    aws.elapse(20)  # until the polls that were open at the stop would be over
    queue = aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert queue["ApproximateNumberOfMessagesNotVisible"] == "0"
    assert int(queue["ApproximateNumberOfMessages"]) == 3 - finished


def test_a_processor_that_never_returns_cannot_keep_it_alive_and_costs_no_message(
    aws: EmbeddedAws, queue_url: str, generated: Sequence[GeneratedLog], tmp_path: Path, slow: Sequence[object]
) -> None:
    fill(aws, queue_url, generated[:1])
    impatient = ("--queue-url", queue_url, *slow, *QUICK, "--grace-time", "0")
    process = start("worker", *impatient, env=aws.environment, cwd=tmp_path)
    until((tmp_path / "began").exists, process)
    code, said = stop(process)
    assert code == 1
    assert "did not return within the grace time" in said
    assert "Traceback" not in said
    aws.elapse(20)  # until the polls that were open at the stop would be over
    queue = aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert queue["ApproximateNumberOfMessages"] == "1"


def test_a_terminal_shows_counts_that_move(
    aws: EmbeddedAws, queue_url: str, generated: Sequence[GeneratedLog], tmp_path: Path
) -> None:
    fill(aws, queue_url, generated[:2])
    stopping = tmp_path / "stopping_processor.py"
    stopping.write_text(
        "import os, signal, time\nfrom cloudtrail_processing import EventProcessor\n"
        "class Stopping(EventProcessor):\n"
        "    seen = 0\n"
        "    def process(self, batch):\n"
        "        Stopping.seen += 1\n"
        "        print('a line of its own')\n"
        "        time.sleep(0.6)\n"
        "        if Stopping.seen == 2: os.kill(os.getpid(), signal.SIGTERM)\n",
        encoding="utf-8",
    )
    options = (
        "--queue-url",
        queue_url,
        "--processor",
        "stopping_processor:Stopping",
        "--threads",
        "1",
        "--pollers",
        "1",
    )
    code, written = on_terminal("worker", *options, *QUICK, env={**aws.environment, "PYTHONPATH": str(tmp_path)})
    assert code == 0, written
    assert "working" in written
    assert "a line of its own" in written
    assert "deleted" in written
    assert "stopped: messages" in written


# ── what cannot work ──


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (QUEUE, "no processor"),
        (("-p", JSONL, "--processes", "1"), "no queue: set queue_url"),
        ((*QUEUE, "-p", "nowhere:Nothing"), "cannot import processor nowhere:Nothing"),
        ((*QUEUE, "-p", "json:JSONDecoder"), "is not a subclass of"),
        ((*QUEUE, "-p", JSONL, "-o", "paht=x"), "unknown option 'paht'; did you mean 'path'?"),
        (("--queue-url", "trail", "-p", JSONL), "queue_url must be the URL of the queue"),
        ((*QUEUE, "-p", JSONL, "--wait-time", "99"), "wait_time: Input should be less than or equal to 20"),
        ((*QUEUE, "-p", JSONL, "--where", "colour=red"), "colour"),
        ((*QUEUE, "-p", JSONL, "--settings", "/no/such.toml"), "cannot read the settings file /no/such.toml"),
    ],
)
def test_what_cannot_work_is_one_clear_line(arguments: Sequence[str], why: str) -> None:
    result = invoke("worker", *arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: ")
    assert why in result.stderr


def test_a_module_that_is_not_found_is_told_with_the_folder_in_which_it_was_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("worker", *QUEUE, "-p", "nowhere.at_all:Nothing")
    assert result.stderr.rstrip().endswith(f"No module named 'nowhere' (searched in {tmp_path} too)")


def test_an_option_that_is_no_pair_is_a_usage_error() -> None:
    result = invoke("worker", "-p", JSONL, "--option", "path")
    assert result.exit_code == 2
    assert "'path' must be key=value" in result.stderr


def test_an_unknown_queue_ends_it_at_its_start(aws: EmbeddedAws) -> None:
    arguments = ("--queue-url", f"{aws.url}/123456789012/nothing", "-p", JSONL, *QUICK)
    result = invoke("worker", *arguments, env=aws.environment)
    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("error: asking queue ")


def test_a_processor_that_cannot_start_ends_it_with_the_reason(
    aws: EmbeddedAws, queue_url: str, tmp_path: Path, slow: Sequence[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    del slow
    monkeypatch.chdir(tmp_path)
    arguments = ("--queue-url", queue_url, "-p", "slow_processors:Unready", *QUICK)
    result = invoke("worker", *arguments, env=aws.environment)
    assert result.exit_code == 1
    *_, last = result.stderr.splitlines()
    assert last == "error: start of Unready raised ConnectionError: the database does not answer"
    assert "Traceback" not in result.stderr
    debugged = invoke("worker", *arguments, "--log-level", "debug", env=aws.environment)
    assert "Traceback" in debugged.stderr


def test_the_java_librarys_properties_are_read_with_warnings_for_what_has_no_effect(tmp_path: Path) -> None:
    file = tmp_path / "trail.properties"
    file.write_text(
        "accessKey = AKIAEXAMPLE\nsecretKey = hidden-value\nsqsUrl = https://sqs.eu-west-1.amazonaws.com/1/q\n"
    )
    result = invoke("worker", "--settings", file, "--processes", "1")
    assert result.exit_code == 2
    assert "WARNING" in result.stderr
    assert "hidden-value" not in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: no processor")


def test_python_m_is_the_same_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cloudtrail_processing", "worker"], capture_output=True, check=False, timeout=PATIENCE
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: no processor")


def test_messages_it_cannot_read_are_counted_as_failures_and_kept(
    aws: EmbeddedAws, queue_url: str, tmp_path: Path, generated: Sequence[GeneratedLog]
) -> None:
    out = tmp_path / "events.jsonl"
    expected = fill(aws, queue_url, generated[:1])
    aws.send(queue_url, '{"surprise": true}')
    aws.send(queue_url, messages.validation())
    process = start("worker", "--queue-url", queue_url, "-p", JSONL, "-o", f"path={out}", *QUICK, env=aws.environment)
    until(lambda: len(lines(out)) == len(expected) and aws.messages_left(queue_url) == 1, process)
    code, said = stop(process)
    assert code == 0
    assert "deleted 3" in said
    assert "failures 1" in said
    assert aws.messages_left(queue_url) == 1
