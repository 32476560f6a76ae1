"""The demo proves itself, fails when the proof does, and leaves nothing behind."""

import io
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest
from commands import PATIENCE, invoke, on_terminal, surroundings
from rich.console import Console

from cloudtrail_processing.batch import EventBatch
from cloudtrail_processing.building import build
from cloudtrail_processing.cli.overview import Overview, Proof
from cloudtrail_processing.cli.showing import Show
from cloudtrail_processing.events import CloudTrailEvent
from cloudtrail_processing.flow import LogObject
from cloudtrail_processing.logfile import inflate, split
from cloudtrail_processing.testing import GeneratedLog, Generator, batch, event


def test_it_finds_the_attack_and_proves_that_everything_arrived() -> None:
    hostile = {
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "CLOUDTRAIL_PROCESSING_WHERE": "event_name=Nothing",
        "CLOUDTRAIL_PROCESSING_OPTIONS": "no JSON",
    }
    before = dict(os.environ)
    result = invoke("demo", "--logs", 30, "--seed", 2, env=hostile)
    assert dict(os.environ) == before
    assert result.exit_code == 0, result.output
    total = sum(len(log.records) for log in Generator(2, bucket="demo-trail-logs").logs(30, story=True))
    assert f"{total:,} events generated, {total:,} delivered, 0 changed on the way" in result.stdout
    assert "0 messages left in the queue, 0 in the dead-letter queue" in result.stdout
    for text in ("events by service", "top principals", "errors", "findings", "of 3 accounts in 3 regions"):
        assert text in result.stdout
    for text in ("new access key for another user: support-backup", "trail stopped", "burst of secrets read"):
        assert text in result.stdout
    assert result.stderr == ""
    assert result.stdout.count("taken from customer-exports") == 1
    assert "all logs are done: asking the queue" in result.stdout
    assert not [line for line in result.stdout.splitlines() if line != line.rstrip()]


def test_on_a_terminal_it_is_live_and_ends_with_the_same_tables() -> None:
    code, written = on_terminal("demo", "--logs", "12")
    assert code == 0, written
    assert "latest findings" in written
    assert "working" in written
    assert "changed on the way" in written


def test_without_moto_it_says_how_to_get_it() -> None:
    program = (
        "import sys; sys.modules['moto'] = None; sys.argv = ['x', 'demo']\n"
        "from cloudtrail_processing.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=surroundings(),
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: the embedded AWS needs moto: install it with pip install")


@pytest.mark.parametrize("arguments", [("--logs", "3"), ("--logs", "many"), ("--seed",)])
def test_what_it_cannot_do_is_a_usage_error(arguments: Sequence[str]) -> None:
    assert invoke("demo", *arguments).exit_code == 2


# ── the proof ──


def events_of(log: GeneratedLog) -> list[CloudTrailEvent]:
    records = split(inflate(log.body))
    built = build(records, log=log.log_object, indexes=range(len(records)))
    return [one for one in built if isinstance(one, CloudTrailEvent)]


def batch_of(log: GeneratedLog, events: Sequence[CloudTrailEvent]) -> EventBatch:
    return batch(events, log=log.log_object)


@pytest.fixture
def log() -> GeneratedLog:
    return Generator(3).log(records=5)


def test_everything_once_is_proven(log: GeneratedLog) -> None:
    proof = Proof({log.key: log.records})
    proof.process(batch_of(log, events_of(log)))
    assert (proof.generated, proof.delivered, proof.wrong, proof.repeated) == (5, 5, 0, 0)


def test_a_missing_event_and_a_repeated_one_are_told_apart(log: GeneratedLog) -> None:
    proof = Proof({log.key: log.records})
    for events in (events_of(log)[:3], events_of(log)[2:4]):
        proof.process(batch_of(log, events))
    assert (proof.generated, proof.delivered, proof.wrong, proof.repeated) == (5, 4, 0, 1)


def test_a_changed_event_is_wrong(log: GeneratedLog) -> None:
    events = events_of(log)
    log.records[1]["awsRegion"] = "elsewhere"
    proof = Proof({log.key: log.records})
    proof.process(batch_of(log, events))
    assert (proof.delivered, proof.wrong) == (4, 1)


def test_an_event_of_a_log_that_was_never_written_is_wrong(log: GeneratedLog) -> None:
    proof = Proof({})
    proof.process(batch_of(log, events_of(log)))
    assert (proof.generated, proof.delivered, proof.wrong) == (0, 0, 5)


@pytest.mark.parametrize(
    ("delivered", "left", "dead", "holds"), [(5, 0, 0, True), (4, 0, 0, False), (5, 1, 0, False), (5, 0, 1, False)]
)
def test_the_proof_fails_for_a_lost_event_and_for_a_message_that_is_left(
    log: GeneratedLog, delivered: int, left: int, dead: int, *, holds: bool
) -> None:
    console = Console(file=io.StringIO(), width=120)
    show = Show(console, {log.key: log.records})
    for processor in show.processors:
        processor.process(batch_of(log, events_of(log)[:delivered]))
    assert show.proof(left=left, dead=dead) is holds


def test_the_overview_counts_services_principals_and_errors() -> None:
    overview = Overview()
    signed_in = event(event_name="ConsoleLogin", response_elements={"ConsoleLogin": "Failure"})
    overview.process(batch([event(), event(error_code="AccessDenied"), signed_in], log=LogObject("", "key")))
    assert overview.services == {"ec2": 2, "signin": 1}
    assert overview.failed == {"ec2": 1, "signin": 1}
    assert overview.principals == {"user/alice (111122223333)": 3}
    assert overview.errors == {"AccessDenied": 1, "failed sign-in": 1}
