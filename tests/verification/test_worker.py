"""Workers prove logs: on fakes, over restarts, in several processes, with what the settings name."""

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from proven import Bucket, Life, Listening

from cloudtrail_processing.assembly import opened
from cloudtrail_processing.checkpoint.memory import MemoryLedger
from cloudtrail_processing.checkpoint.sqlite_ledger import SqliteLedger
from cloudtrail_processing.errors import SettingsError, Stopped
from cloudtrail_processing.findings import Found
from cloudtrail_processing.parts import Parts
from cloudtrail_processing.replay.forgetting import forgetting
from cloudtrail_processing.settings import Settings
from cloudtrail_processing.supervisor import supervise
from cloudtrail_processing.testing import FakeQueue, Generator, ManualClock, Replace, SignedTrail, drain, messages

TRAIL = SignedTrail(6, hours=2, logs=2)
FIRST, SECOND = TRAIL.windows
ALL = [*FIRST.logs, *SECOND.logs]


def work(bucket: Bucket, queue: FakeQueue, listener: Listening, **values: Any) -> int:
    parts = Parts(public_keys=TRAIL)
    return drain(listener, queue=queue, store=bucket.store, parts=parts, wait_time=0, **values).visible


def queue_of(bucket: Bucket, *keys: str) -> FakeQueue:
    clock = ManualClock(SECOND.end + timedelta(hours=1))
    return FakeQueue([messages.s3_event(bucket.at[key]) for key in keys], clock=clock)


def test_a_worker_reports_what_the_digests_in_its_queue_prove() -> None:
    bucket = Bucket(TRAIL.tampered(Replace(FIRST.bucket, FIRST.logs[0], Generator(seed=8).log(records=3).body)))
    queue = queue_of(bucket, *ALL, FIRST.key, SECOND.key)
    listener = Listening()
    work(bucket, queue, listener, verify="report", checkpoint="memory")
    assert queue.messages_left == 0
    assert {it.log.rpartition("/")[2]: it.state for it in listener.findings} == {
        key.rpartition("/")[2]: Found.MISMATCH if key == FIRST.logs[0] else Found.VERIFIED for key in ALL
    }


def test_a_worker_that_requires_proof_finds_the_digests_itself_and_delivers_when_the_messages_come_again(
    tmp_path: Path,
) -> None:
    bucket = Bucket(TRAIL)
    queue = queue_of(bucket, *ALL)
    listener = Listening()
    place = f"sqlite:{tmp_path / 'checkpoint.db'}"
    for _ in range(3):
        work(bucket, queue, listener, verify="require", checkpoint=place)
        queue.clock.advance(6 * 3_600)  # type: ignore[attr-defined]
    assert queue.messages_left == 0
    assert listener.delivered == set(ALL)
    assert {it.state for it in listener.findings} == {Found.VERIFIED}


def test_what_one_process_read_another_one_settles(tmp_path: Path) -> None:
    bucket = Bucket(TRAIL)
    one = Life(bucket, ledger=SqliteLedger(tmp_path / "ledger.db"))
    other = Life(bucket, ledger=SqliteLedger(tmp_path / "ledger.db"))
    one.take(FIRST.logs[0])
    other.take(FIRST.logs[1])
    other.take(FIRST.key)
    assert sorted(other.listener.states()) == [Found.VERIFIED] * 2
    one.take(FIRST.key)
    assert one.listener.findings == []


def test_verify_without_a_place_to_remember_says_what_to_set() -> None:
    with ExitStack() as closing, pytest.raises(SettingsError, match=r"set checkpoint to sqlite:FILE.*dynamodb:TABLE"):
        opened(Settings.load(verify="report"), Parts(public_keys=TRAIL), closing=closing)


def test_a_ledger_of_ones_own_needs_no_checkpoint() -> None:
    ledger = MemoryLedger()
    with ExitStack() as closing:
        parts = opened(Settings.load(verify="report"), Parts(public_keys=TRAIL, ledger=ledger), closing=closing)
    assert parts.ledger is ledger


def test_memory_is_refused_for_several_processes() -> None:
    with pytest.raises(SettingsError, match="single process"):
        supervise(
            processes=2, verify="report", checkpoint="memory", queue_url="https://sqs.eu-west-1.amazonaws.com/1/q"
        )


def test_a_replay_reports_nothing_and_is_refused_where_proof_is_required() -> None:
    settings, _ = forgetting(Settings.load(verify="report", checkpoint="memory"), None)
    assert settings.verify == "off"
    with pytest.raises(SettingsError, match="verify=off"):
        forgetting(Settings.load(verify="require", checkpoint="memory"), None)


def test_a_look_that_is_cut_short_by_a_stop_is_made_again_by_the_next_worker_at_once() -> None:
    bucket, ledger = Bucket(TRAIL), MemoryLedger()
    one = Life(bucket, ledger=ledger)
    for key in ALL:
        one.take(key)
    asked: list[int] = []

    def stop_in_the_middle() -> None:
        asked.append(1)
        if len(asked) > 8:
            raise Stopped("the worker stops")

    with pytest.raises(Stopped):
        one.rounds.look(stop_in_the_middle)
    other = Life(bucket, ledger=ledger, clock=one.clock)
    other.look()
    assert {*one.listener.states(), *other.listener.states()} == {Found.VERIFIED}
    assert {it.log for it in (*one.listener.findings, *other.listener.findings)} == {bucket.at[key].uri for key in ALL}
    assert other.listener.findings


def test_a_hook_is_called_only_between_start_and_stop() -> None:
    bucket, ledger = Bucket(TRAIL), MemoryLedger()
    life = Life(bucket, ledger=ledger)
    for key in ALL:
        life.take(key)
    order: list[str] = []

    class Ordered(Listening):
        def start(self) -> None:
            order.append("start")

        def stop(self) -> None:
            order.append("stop")

    listener = Ordered(on_finding=lambda finding: order.append(finding.state))
    parts = Parts(public_keys=TRAIL, ledger=ledger)
    queue = FakeQueue([], clock=life.clock)
    drain(listener, queue=queue, store=bucket.store, parts=parts, wait_time=0, verify="report")
    assert order == ["start", *["verified"] * len(ALL), "stop"]
