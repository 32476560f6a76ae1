"""``worker`` in several processes: nothing is lost when one dies, and none is left when the first one goes."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from commands import PATIENCE, on_terminal, start
from supervised import lives, pids, until

from cloudtrail_processing.testing import EmbeddedAws, GeneratedLog

TESTS = str(Path(__file__).parent.parent)
QUICK = ("--wait-time", "1", "--visibility-timeout", "30", "--threads", "2", "--pollers", "1")
Process = subprocess.Popen[bytes]


@pytest.fixture
def queue_url(aws: EmbeddedAws, request: pytest.FixtureRequest, generated: Sequence[GeneratedLog]) -> Iterator[str]:
    """A queue that announces the first generated logs."""
    name = re.sub("[^a-z]", "-", request.node.name)[-60:].strip("-")
    aws.create_bucket(name)
    url = aws.create_queue(name)
    aws.notify(name, url)
    for log in generated[:6]:
        aws.put_log(name, log.key, log.body)
    yield url
    aws.sqs.delete_queue(QueueUrl=url)


@pytest.fixture
def group() -> Iterator[list[Process]]:
    """The first processes of groups; whatever a test that fails has left of them is ended."""
    started: list[Process] = []
    yield started
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.fixture
def working(aws: EmbeddedAws, queue_url: str, tmp_path: Path, group: list[Process]) -> Callable[..., Process]:
    """Starts two processes with a processor that works in a folder; they are a group, as on a terminal."""

    def started(*more: str, name: str = "InFolder") -> Process:
        processor = ("-p", f"supervised:{name}", "-o", f"folder={tmp_path}", *more)
        env = {**aws.environment, "PYTHONPATH": TESTS}
        arguments = ("--queue-url", queue_url, "--processes", "2", *processor, *QUICK)
        group.append(start("worker", *arguments, env=env, start_new_session=True))
        return group[-1]

    return started


def end_of(process: Process) -> tuple[int, str]:
    printed, said = process.communicate(timeout=PATIENCE)
    return process.returncode, (printed + said).decode()


def events(folder: Path) -> set[str]:
    return set((folder / "events").read_text().split()) if (folder / "events").exists() else set()


def ids_of(logs: Sequence[GeneratedLog]) -> set[str]:
    return {record["eventID"] for log in logs for record in log.records}


def test_when_a_process_is_killed_in_the_middle_of_a_log_every_event_is_delivered_all_the_same(
    aws: EmbeddedAws,
    queue_url: str,
    generated: Sequence[GeneratedLog],
    tmp_path: Path,
    working: Callable[..., Process],
) -> None:
    process = working("--log-format", "json", name="Dying")
    until(lambda: len(pids(tmp_path, "started")) == 3)
    aws.elapse(30)
    until(lambda: ids_of(generated[:6]) <= events(tmp_path) and not aws.messages_left(queue_url))
    process.send_signal(signal.SIGTERM)
    code, said = end_of(process)
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 0, said
    assert {line["process"] for line in lines} == {"supervisor", "worker-1", "worker-2"}
    assert lines[-1]["message"].startswith("stopped: messages ")
    assert "logs 6, events 54," in lines[-1]["message"]
    assert not [pid for pid in pids(tmp_path, "started") if lives(pid)]


def test_ctrl_c_on_a_terminal_lets_every_process_finish_what_it_has_in_hand(
    aws: EmbeddedAws, queue_url: str, tmp_path: Path, working: Callable[..., Process]
) -> None:
    process = working("-o", f"gate={tmp_path / 'gate'}")
    until(lambda: len(pids(tmp_path, "started")) == 2 and pids(tmp_path, "working"))
    os.killpg(process.pid, signal.SIGINT)
    (tmp_path / "gate").touch()
    code, said = end_of(process)
    assert code == 0, said
    assert "Traceback" not in said
    assert "INFO    supervisor: stopped: messages" in said
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")
    aws.elapse(20)  # until the polls that were open at the stop would be over
    queue = aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    assert queue["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_when_the_supervisor_is_killed_its_processes_stop_in_order_by_themselves(
    tmp_path: Path, working: Callable[..., Process]
) -> None:
    process = working()
    until(lambda: len(pids(tmp_path, "started")) == 2)
    process.kill()
    until(lambda: not [pid for pid in pids(tmp_path, "started") if lives(pid)])
    assert pids(tmp_path, "stopped") == pids(tmp_path, "started")
    assert "the supervisor is gone: stopping" in end_of(process)[1]


def test_a_second_signal_ends_everything_at_once(tmp_path: Path, working: Callable[..., Process]) -> None:
    process = working("-o", f"gate={tmp_path / 'gate'}", "--grace-time", "1000")
    until(lambda: len(pids(tmp_path, "started")) == 2 and pids(tmp_path, "working"))
    process.send_signal(signal.SIGTERM)
    said = iter(process.stderr or ())
    until(lambda: b"stopping 2 process(es)" in next(said))
    process.send_signal(signal.SIGINT)
    assert end_of(process)[0] == 128 + signal.SIGINT
    assert not [pid for pid in pids(tmp_path, "started") if lives(pid)]


def test_a_terminal_shows_one_line_for_all_and_what_processes_print_stands_above_it(
    aws: EmbeddedAws, queue_url: str, tmp_path: Path
) -> None:
    env = {**aws.environment, "PYTHONPATH": TESTS}
    processor = ("-p", "supervised:Printing", "-o", f"folder={tmp_path}")
    code, written = on_terminal("worker", "--queue-url", queue_url, "--processes", "2", *processor, *QUICK, env=env)
    assert code == 0, written
    assert "working in 2 of 2 processes" in written
    assert "printed by a processor" in written
    assert "\x1b[33m" in next(line for line in written.splitlines() if "warned by a processor" in line)
    assert "worker-" in written
    assert "supervisor: stopped: messages" in written


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (("-p", "nowhere:Nothing"), 2, "error: cannot import processor nowhere:Nothing"),
        (
            ("-p", "supervised:Unready"),
            1,
            "error: start of Unready raised ConnectionError: the database does not answer",
        ),
    ],
    ids=["settings", "start"],
)
def test_what_cannot_work_in_any_process_is_one_clear_line(
    aws: EmbeddedAws, queue_url: str, more: Sequence[str], code: int, why: str
) -> None:
    env = {**aws.environment, "PYTHONPATH": TESTS}
    arguments = ("--queue-url", queue_url, "--processes", "2", "--log-level", "ERROR", *more)
    ended, said = end_of(start("worker", *arguments, env=env))
    assert (ended, len(said.splitlines())) == (code, 1), said
    assert said.startswith(why)
