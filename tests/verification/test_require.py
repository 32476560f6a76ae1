"""verify=require: nothing is delivered of a log before a digest has proven it, and nothing ever of another one."""

import logging
import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proven import Bucket, Life, Listening

from cloudtrail_processing.checkpoint.memory import MemoryCheckpoint, MemoryLedger
from cloudtrail_processing.findings import Found
from cloudtrail_processing.flow import Delete, Reject, Retry
from cloudtrail_processing.ports import LONGEST_INVISIBLE, Entry
from cloudtrail_processing.testing import (
    FlipInside,
    Generator,
    Inject,
    ManualClock,
    Replace,
    SignedTrail,
)

TRAIL = SignedTrail(5, hours=3, logs=2)
FIRST, SECOND, THIRD = TRAIL.windows
BUCKET = FIRST.bucket
LOG = FIRST.logs[0]
FOREIGN = Generator(seed=8).log(records=3).body


def delivered_at(key: str) -> Any:
    return TRAIL.objects[BUCKET, key].last_modified


def test_a_log_is_held_back_unread_until_its_digest_came_and_then_delivered_once() -> None:
    bucket = Bucket(TRAIL)
    life = Life(bucket, "require")
    assert isinstance(life.take(LOG), Retry)
    assert isinstance(life.take(LOG, received=2), Retry)
    assert bucket.store.fetched == []
    assert isinstance(life.take(FIRST.key), Delete)
    assert life.listener.findings == []
    assert isinstance(life.take(LOG, received=3), Delete)
    assert life.listener.states() == [Found.VERIFIED]
    assert [batch.log.key for batch in life.listener.batches] == [LOG]


def test_a_log_whose_digest_came_first_is_delivered_at_once() -> None:
    life = Life(Bucket(TRAIL), "require")
    life.take(FIRST.key)
    assert isinstance(life.take(LOG), Delete)
    assert life.listener.delivered == {LOG}


@pytest.mark.parametrize("digest_first", [True, False])
def test_an_altered_log_is_never_delivered_is_rejected_and_told_once(digest_first: bool) -> None:
    life = Life(Bucket(TRAIL.tampered(Replace(BUCKET, LOG, FOREIGN))), "require")
    for key in [FIRST.key, LOG] if digest_first else [LOG, FIRST.key, LOG]:
        verdict = life.take(key)
    again = life.take(LOG, received=3)
    for each in (verdict, again):
        assert isinstance(each, Reject)
        assert each.error == "AlteredLog"
        assert FIRST.key in each.reason
    assert life.listener.batches == []
    assert life.listener.states() == [Found.MISMATCH]


def test_a_log_is_proven_whenever_it_is_read_and_not_once_and_for_all() -> None:
    """What lies there when the message comes again need not be what was proven before."""
    bucket = Bucket(TRAIL)
    fail = [True]

    class Stumbling(Listening):
        def process(self, batch: Any) -> None:
            if fail.pop() if fail else False:
                raise LookupError("not now")
            super().process(batch)

    life = Life(bucket, "require", listener=Stumbling())
    life.take(FIRST.key)
    assert isinstance(life.take(LOG), Retry)
    bucket.at[LOG] = bucket.store.put(BUCKET, LOG, FOREIGN)
    assert isinstance(life.take(LOG), Reject)
    assert life.listener.batches == []
    assert life.listener.states() == [Found.VERIFIED, Found.MISMATCH]


def test_a_log_that_no_digest_lists_is_rejected_unread_once_its_hour_is_covered() -> None:
    key = SECOND.logs[0].replace(SECOND.logs[0][-24:], "0000000000000000.json.gz")
    at = delivered_at(SECOND.logs[1])
    bucket = Bucket(TRAIL.tampered(Inject(BUCKET, key, FOREIGN, last_modified=at)))
    life = Life(bucket, "require", clock=ManualClock(at))
    assert isinstance(life.take(key, sent_at=at), Retry)
    life.pass_time(3)
    for window in TRAIL.windows:
        life.take(window.key)
    life.pass_time(3)
    verdict = life.take(key, received=3, sent_at=at)
    assert isinstance(verdict, Reject)
    assert verdict.error == "UnlistedLog"
    assert life.listener.states(key) == [Found.UNLISTED]
    assert key not in {log.key for log in bucket.store.fetched}
    assert life.listener.batches == []


def test_a_log_that_waits_is_not_missed_when_its_digest_comes() -> None:
    life = Life(Bucket(TRAIL), "require")
    for key in FIRST.logs:
        life.take(key)
    life.take(FIRST.key)
    life.pass_time(5)
    life.look()
    assert life.listener.findings == []


def test_waits_are_few_and_long_and_within_the_time_that_sqs_allows() -> None:
    life = Life(Bucket(TRAIL), "require", clock=ManualClock(delivered_at(LOG)))
    total, waits = 0.0, []
    for received in range(1, 6):
        verdict = life.take(LOG, received=received)
        assert isinstance(verdict, Retry)
        waits.append(verdict.after)
        total += verdict.after
        life.pass_time(verdict.after / 3_600)
    assert all(300 <= wait < LONGEST_INVISIBLE for wait in waits)
    assert total > 20 * 3_600


def test_a_log_comes_back_when_the_next_digest_can_be_expected() -> None:
    at = delivered_at(SECOND.logs[0])
    life = Life(Bucket(TRAIL), "require", clock=ManualClock(at))
    life.take(FIRST.key)
    verdict = life.take(SECOND.logs[0], sent_at=at)
    assert isinstance(verdict, Retry)
    back = at + timedelta(seconds=verdict.after)
    assert SECOND.end + timedelta(minutes=30) <= back <= SECOND.end + timedelta(hours=1)


def test_what_waits_is_no_failure_and_is_told_quietly(caplog: pytest.LogCaptureFixture) -> None:
    life = Life(Bucket(TRAIL), "require")
    life.take(LOG)
    assert life.tally["failures"] == 0
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_records_that_come_inside_a_message_are_refused() -> None:
    life = Life(Bucket(TRAIL), "require")
    record = '{"eventVersion": "1.11", "eventID": "e", "eventSource": "iam.amazonaws.com", "eventName": "GetUser"}'
    verdict = life.take_message(record)
    assert isinstance(verdict, Reject)
    assert verdict.error == "UnlistedLog"
    assert life.listener.batches == []


def test_a_digest_that_the_look_finds_lets_the_log_through() -> None:
    life = Life(Bucket(TRAIL), "require")
    life.take(LOG)
    life.look()
    assert isinstance(life.take(LOG, received=2), Delete)
    assert life.listener.states() == [Found.VERIFIED]


class Killed(BaseException):
    """The process ends here."""


class Mortal(MemoryLedger):
    """A ledger whose process is killed before or after one of its writes."""

    def __init__(self) -> None:
        super().__init__()
        self.dies_at = -1
        self.writes = 0

    def change(self, name: str, change: Any, *, durable: bool = False) -> Entry:
        self.writes += 1
        if self.writes == self.dies_at:
            raise Killed
        return super().change(name, change, durable=durable)


def until_settled(life: Life, order: list[str]) -> None:
    """Each message comes until it is deleted, or ten times; time goes by."""
    left = list(order)
    for received in range(1, 11):
        left = [key for key in left if not isinstance(life.take(key, received=received), Delete)]
        life.pass_time(1)
    life.look()


@pytest.mark.parametrize("verify", ["report", "require"])
@pytest.mark.parametrize("dies_at", range(1, 14))
def test_whenever_it_is_killed_nothing_is_lost_and_each_log_is_told(verify: str, dies_at: int) -> None:
    bucket, ledger, checkpoint = Bucket(TRAIL), Mortal(), MemoryCheckpoint(claim_time=1)
    listener = Listening()
    life = Life(bucket, verify, ledger=ledger, checkpoint=checkpoint, listener=listener)
    order = [FIRST.logs[0], FIRST.key, FIRST.logs[1]]
    ledger.dies_at = dies_at
    gone: set[str] = set()
    try:
        for key in (*order, *order):
            gone |= {key} if isinstance(life.take(key), Delete) else set()
    except Killed:
        assert ledger.writes == dies_at
    next_life = Life(bucket, verify, ledger=ledger, checkpoint=MemoryCheckpoint(), listener=listener, clock=life.clock)
    until_settled(next_life, [key for key in order if key not in gone])
    assert listener.delivered == set(FIRST.logs)
    for key in FIRST.logs:
        assert set(listener.states(key)) == {Found.VERIFIED}


PLANS = st.fixed_dictionaries(
    {
        "altered": st.sets(st.sampled_from([key for window in TRAIL.windows for key in window.logs])),
        "forged": st.sets(st.sampled_from([window.key for window in TRAIL.windows])),
        "injected": st.booleans(),
        "late": st.sets(st.sampled_from([key for window in TRAIL.windows for key in window.logs]), max_size=2),
        "seed": st.integers(0, 2**32),
        "kind": st.sampled_from(["replace", "flip"]),
    }
)


@settings(max_examples=60, deadline=None)
@given(plan=PLANS)
def test_whatever_the_order_nothing_altered_is_delivered_and_all_that_is_proven_is(plan: dict[str, Any]) -> None:
    dice = random.Random(plan["seed"])
    tamperings: list[Any] = [
        Replace(BUCKET, key, FOREIGN)
        if plan["kind"] == "replace"
        else FlipInside(BUCKET, key, dice.randrange(20, 900), 1)
        for key in sorted(plan["altered"])
    ]
    tamperings += [FlipInside(BUCKET, key, dice.randrange(20, 500), 1) for key in sorted(plan["forged"])]
    alien = LOG.replace(LOG[-24:], "0000000000000000.json.gz")
    if plan["injected"]:
        tamperings.append(Inject(BUCKET, alien, FOREIGN, last_modified=delivered_at(LOG)))
    bucket = Bucket(TRAIL)
    life = Life(bucket, "require")
    spoilt = TRAIL.tampered(*tamperings)
    bucket.lay(spoilt, *(set(bucket.at) - plan["late"]), alien)
    order = [*bucket.at] * 2
    dice.shuffle(order)
    until_settled(life, order)
    proven = {key for window in TRAIL.windows if window.key not in plan["forged"] for key in window.logs}
    untouched = proven - (plan["altered"] - plan["late"])
    assert life.listener.delivered == untouched
    assert {batch.log.key for batch in life.listener.batches} <= proven
    assert len({batch.id for batch in life.listener.batches}) == len(life.listener.batches)
    for key in plan["altered"] - plan["late"]:
        expected = {Found.MISMATCH} if key in proven else set()
        assert set(life.listener.states(key)) - {Found.UNPROVEN} == expected
