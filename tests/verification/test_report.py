"""verify=report: everything is delivered, and every log is told for what it turns out to be."""

import logging
from typing import Any

import pytest
from proven import GRACE, AsyncListening, Bucket, Life, Listening

from cloudtrail_processing.checkpoint.memory import MemoryLedger
from cloudtrail_processing.errors import ConfigurationError, TransientError
from cloudtrail_processing.filters import SourceFilter
from cloudtrail_processing.findings import Found, State
from cloudtrail_processing.flow import Delete, Reject, Retry
from cloudtrail_processing.testing import (
    FlipInside,
    Generator,
    Inject,
    Metadata,
    Replace,
    SignedTrail,
    Truncate,
    messages,
)

TRAIL = SignedTrail(3, hours=3, logs=3)
FIRST, SECOND, THIRD = TRAIL.windows
BUCKET = FIRST.bucket
MIDDLE = FIRST.logs[1]
ALTERED = Replace(BUCKET, MIDDLE, Generator(seed=8).log(records=3).body)


def injected(trail: SignedTrail = TRAIL) -> tuple[SignedTrail, str]:
    """A log in the middle of the second hour that CloudTrail never wrote, under a key as its own."""
    window = trail.windows[1]
    key = window.logs[0].replace(window.logs[0][-24:], "0000000000000000.json.gz")
    genuine = trail.objects[BUCKET, window.logs[1]]
    body = Generator(seed=9).log(records=3).body
    return trail.tampered(Inject(BUCKET, key, body, last_modified=genuine.last_modified)), key


def test_a_log_is_verified_when_its_digest_comes_and_both_messages_go() -> None:
    life = Life(Bucket(TRAIL))
    assert isinstance(life.take(MIDDLE), Delete)
    assert life.listener.findings == []
    assert isinstance(life.take(FIRST.key), Delete)
    [finding] = life.listener.findings
    assert (finding.state, finding.log) == (Found.VERIFIED, f"s3://{BUCKET}/{MIDDLE}")
    assert finding.digest == f"s3://{BUCKET}/{FIRST.key}"
    assert life.listener.delivered == {MIDDLE}


def test_a_digest_that_comes_first_verifies_each_log_as_it_is_read_before_its_events_are_delivered() -> None:
    order: list[str] = []
    life = Life(Bucket(TRAIL), listener=Listening(on_finding=lambda it: order.append(it.state)))
    life.take(FIRST.key)
    assert order == []
    life.take(MIDDLE)
    assert order == [Found.VERIFIED]
    assert life.listener.states(MIDDLE) == [Found.VERIFIED]


@pytest.mark.parametrize("digest_first", [True, False])
def test_an_altered_log_is_a_mismatch_and_is_delivered_all_the_same(
    digest_first: bool, caplog: pytest.LogCaptureFixture
) -> None:
    life = Life(Bucket(TRAIL.tampered(ALTERED)))
    keys = [FIRST.key, MIDDLE] if digest_first else [MIDDLE, FIRST.key]
    for key in keys:
        life.take(key)
    assert life.listener.states() == [Found.MISMATCH]
    assert life.listener.delivered == {MIDDLE}
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert [text.partition(":")[0] for text in errors] == ["mismatch"]
    assert MIDDLE in errors[0]
    assert FIRST.key in errors[0]


def test_a_log_that_cannot_be_read_is_a_mismatch_too() -> None:
    life = Life(Bucket(TRAIL.tampered(Truncate(BUCKET, MIDDLE, 60))))
    assert isinstance(life.take(MIDDLE), Reject)
    life.take(FIRST.key)
    [finding] = life.listener.findings
    assert (finding.state, finding.detail) == (Found.MISMATCH, "it could not be read")


def test_every_version_of_a_log_that_was_read_is_judged() -> None:
    """Who puts the genuine log back afterwards does not make good what was delivered before."""
    bucket = Bucket(TRAIL)
    life = Life(bucket)
    bucket.lay(TRAIL.tampered(ALTERED), MIDDLE)
    life.take(MIDDLE)
    bucket.lay(TRAIL, MIDDLE)
    life.take(MIDDLE)
    life.take(FIRST.key)
    assert sorted(life.listener.states(MIDDLE)) == [Found.MISMATCH, Found.VERIFIED]


def test_a_log_that_is_listed_and_does_not_come_in_time_is_missing_and_then_late() -> None:
    life = Life(Bucket(TRAIL))
    life.take(FIRST.logs[0])
    life.take(FIRST.key)
    life.pass_time(GRACE / 3_600 - 0.01)
    life.look()
    assert life.listener.states(FIRST.logs[2]) == []
    life.pass_time(1)
    life.look()
    assert [it.state for it in life.listener.findings] == [Found.VERIFIED, Found.MISSING, Found.MISSING]
    life.take(FIRST.logs[2])
    life.pass_time(5)
    life.look()
    assert life.listener.states(FIRST.logs[2]) == [Found.MISSING, Found.LATE]
    assert life.listener.states(FIRST.logs[1]) == [Found.MISSING]


def test_what_was_delivered_before_anything_was_watched_is_not_missed() -> None:
    life = Life(Bucket(TRAIL))
    life.take(FIRST.logs[1])
    life.take(FIRST.key)
    life.pass_time(5)
    life.look()
    assert life.listener.states() == [Found.VERIFIED, Found.MISSING]
    assert life.listener.states(FIRST.logs[0]) == []


def test_what_a_filter_does_not_want_is_not_missed() -> None:
    unwanted = SourceFilter(key=f"*{FIRST.logs[1][-24:]}")
    life = Life(Bucket(TRAIL), parts=[("source_filter", ~unwanted)])
    for key in (*FIRST.logs[:2], FIRST.key):
        life.take(key)
    life.pass_time(5)
    life.look()
    assert life.listener.states(FIRST.logs[1]) == []
    assert life.listener.states(FIRST.logs[2]) == [Found.MISSING]


def test_a_log_that_no_digest_lists_is_unlisted_once_its_hour_is_covered_well_past() -> None:
    trail, forged = injected()
    life = Life(Bucket(trail))
    life.take(forged)
    for window in trail.windows:
        life.take(window.key)
    assert life.listener.states(forged) == []
    life.pass_time(3)
    life.look()
    life.look()
    life.pass_time(30)
    life.look()
    assert life.listener.states(forged) == [Found.UNLISTED]


def test_a_log_whose_hour_nothing_covers_is_unproven_after_a_day_and_only_once() -> None:
    life = Life(Bucket(TRAIL), parts=[("listing", lambda folder, times: [])])
    life.take(MIDDLE)
    for hours in (3, 20, 2, 30):
        life.pass_time(hours)
        life.look()
    assert life.listener.states() == [Found.UNPROVEN]
    life.take(FIRST.key)
    assert life.listener.states(MIDDLE) == [Found.UNPROVEN, Found.LATE]


def test_a_log_that_only_a_backfill_digest_lists_is_verified_by_it() -> None:
    trail = SignedTrail(4, hours=2, logs=2, backfill=[0])
    standard, backfill = (window for window in trail.windows if window.end == trail.windows[0].end)
    life = Life(Bucket(trail))
    for key in (*backfill.logs, standard.key, backfill.key):
        life.take(key)
    assert life.listener.states() == [Found.VERIFIED]


def test_a_backfill_digest_alone_covers_nothing() -> None:
    trail = SignedTrail(4, hours=2, logs=2, backfill=[0])
    standard, backfill = (window for window in trail.windows if window.end == trail.windows[0].end)
    life = Life(Bucket(trail), parts=[("listing", lambda folder, times: [])])
    life.take(standard.logs[0])
    life.take(backfill.key)
    life.pass_time(10)
    life.look()
    assert Found.UNLISTED not in life.listener.states(standard.logs[0])


@pytest.mark.parametrize(
    "tampering",
    [
        FlipInside(BUCKET, FIRST.key, 30, 0x01),
        Metadata(BUCKET, FIRST.key, "signature", None),
        Metadata(BUCKET, FIRST.key, "signature", "00" * 256),
        Truncate(BUCKET, FIRST.key, 50),
    ],
)
def test_a_forged_digest_is_a_finding_and_settles_nothing(tampering: Any) -> None:
    life = Life(Bucket(TRAIL.tampered(tampering)))
    for key in (MIDDLE, FIRST.key, FIRST.key, FIRST.logs[0]):
        assert isinstance(life.take(key), Delete)
    [finding] = life.listener.findings
    assert (finding.state, finding.log, finding.digest) == (Found.INVALID_DIGEST, "", f"s3://{BUCKET}/{FIRST.key}")
    assert finding.judgement is not None
    assert finding.judgement.state in (State.BAD_SIGNATURE, State.BAD_FORMAT)
    assert life.tally["verified"] == 0


def test_a_digest_that_was_forged_and_put_right_settles_its_logs() -> None:
    bucket = Bucket(TRAIL.tampered(FlipInside(BUCKET, FIRST.key, 30, 0x01)))
    life = Life(bucket)
    life.take(MIDDLE)
    life.take(FIRST.key)
    bucket.lay(TRAIL, FIRST.key)
    life.take(FIRST.key)
    assert life.listener.states() == [Found.INVALID_DIGEST, Found.VERIFIED]


def test_a_digest_whose_public_key_is_not_there_is_told_once_and_kept_until_it_comes() -> None:
    known: list[Any] = []

    class Keys:
        def keys(self, **asked: Any) -> Any:
            return TRAIL.keys(**asked) if known else []

    life = Life(Bucket(TRAIL), keys=Keys())
    life.take(MIDDLE)
    for received in (1, 2):
        verdict = life.take(FIRST.key, received=received)
        assert isinstance(verdict, Retry)
        assert verdict.after == 6 * 3_600
    known.append(True)
    assert isinstance(life.take(FIRST.key), Delete)
    assert life.listener.states() == [Found.INVALID_DIGEST, Found.VERIFIED]


def test_keys_that_cannot_be_asked_for_keep_the_digest_without_any_finding() -> None:
    class Keys:
        def keys(self, **asked: Any) -> Any:
            raise ConfigurationError("cloudtrail:ListPublicKeys is denied")

    life = Life(Bucket(TRAIL), keys=Keys())
    assert isinstance(life.take(FIRST.key), Retry)
    assert life.listener.findings == []


def test_digests_that_no_message_names_are_found_by_the_hourly_look_which_only_one_worker_does() -> None:
    bucket, ledger = Bucket(TRAIL), MemoryLedger()
    one = Life(bucket, ledger=ledger)
    other = Life(bucket, ledger=ledger, clock=one.clock)
    for key in (*FIRST.logs, *SECOND.logs, *THIRD.logs):
        one.take_message(messages.cloudtrail_sns(bucket.at[key]))
    one.look()
    assert sorted(one.listener.states()) == [Found.VERIFIED] * 9
    read = len(bucket.store.fetched)
    other.look()
    one.pass_time(2)
    other.look()
    assert len(bucket.store.fetched) == read
    assert other.listener.findings == []


def test_a_folder_that_cannot_be_listed_is_told_and_looked_into_again(caplog: pytest.LogCaptureFixture) -> None:
    bucket = Bucket(TRAIL)
    denied = [True]

    def listing(folder: str, times: Any) -> Any:
        if denied:
            raise ConfigurationError(f"listing {folder} is denied")
        return bucket.store.listed(folder)

    life = Life(bucket, parts=[("listing", listing)])
    life.take(MIDDLE)
    life.look()
    assert "CloudTrail-Digest/us-east-1/ cannot be looked into" in caplog.text
    denied.clear()
    life.pass_time(1)
    life.look()
    assert life.listener.states() == [Found.VERIFIED]


def test_findings_are_counted_beside_the_other_counts() -> None:
    trail = TRAIL.tampered(ALTERED)
    life = Life(Bucket(trail))
    for key in (*FIRST.logs, FIRST.key):
        life.take(key)
    assert (life.tally["verified"], life.tally["mismatch"], life.tally["logs"]) == (2, 1, 3)
    assert str(life.tally).endswith("failures 0, verified 2, mismatch 1")


def test_a_hook_may_be_async() -> None:
    life = Life(Bucket(TRAIL), listener=AsyncListening())
    life.take(MIDDLE)
    life.take(FIRST.key)
    assert life.listener.states() == [Found.VERIFIED]


@pytest.mark.parametrize("digest_first", [True, False])
def test_a_hook_that_raises_keeps_the_message_and_is_told_again(digest_first: bool) -> None:
    errors = [LookupError("the pager is down")]

    def fail(finding: object) -> None:
        if errors:
            raise errors.pop()

    life = Life(Bucket(TRAIL), listener=Listening(on_finding=fail))
    keys = [FIRST.key, MIDDLE] if digest_first else [MIDDLE, FIRST.key]
    life.take(keys[0])
    assert isinstance(life.take(keys[1]), Retry)
    assert isinstance(life.take(keys[1], received=2), Delete)
    assert life.listener.states() == [Found.VERIFIED]
    assert len(life.listener.batches) == 1


def test_a_ledger_that_fails_keeps_every_message() -> None:
    class Failing(MemoryLedger):
        def change(self, *arguments: Any, **named: Any) -> Any:
            raise TransientError("the disk is busy")

    life = Life(Bucket(TRAIL), ledger=Failing())
    assert isinstance(life.take(MIDDLE), Retry)
    assert isinstance(life.take(FIRST.key), Retry)
    assert life.listener.batches == []


def test_a_renamed_log_which_no_digest_can_list_is_unproven_at_once() -> None:
    bucket = Bucket(TRAIL)
    life = Life(bucket)
    bucket.at["copy.json.gz"] = bucket.store.put(BUCKET, "copy.json.gz", TRAIL.objects[BUCKET, MIDDLE].body)
    assert isinstance(life.take("copy.json.gz"), Delete)
    assert life.listener.states("copy.json.gz") == [Found.UNPROVEN]


def test_two_applications_that_share_a_ledger_prove_apart() -> None:
    bucket, ledger = Bucket(TRAIL), MemoryLedger()
    one = Life(bucket, ledger=ledger, checkpoint_namespace="one")
    other = Life(bucket, ledger=ledger, checkpoint_namespace="other")
    one.take(MIDDLE)
    other.take(FIRST.key)
    assert other.listener.findings == []
    one.take(FIRST.key)
    assert one.listener.states() == [Found.VERIFIED]


def test_without_verify_digests_are_ignored_as_ever() -> None:
    bucket = Bucket(TRAIL)
    life = Life(bucket)
    plain = life.pipeline
    plain._digests = None
    assert isinstance(life.take(FIRST.key), Delete)
    assert bucket.store.fetched == []


HOSTILE = ("00010101T0000", "99991231T2355", "19700101T0000")


@pytest.mark.parametrize("time", HOSTILE)
def test_keys_and_metadata_of_any_time_are_taken_as_they_are(time: str) -> None:
    """Whoever may write into the bucket, or send a message, chooses them."""
    bucket = Bucket(TRAIL)
    life = Life(bucket)
    log = f"AWSLogs/111122223333/CloudTrail/us-east-1/2026/09/14/111122223333_CloudTrail_us-east-1_{time}Z_a.json.gz"
    digest = FIRST.key.replace(FIRST.key[-24:-8], f"{time}00Z")
    stored = TRAIL.objects[BUCKET, FIRST.key]
    bucket.at[log] = bucket.store.put(BUCKET, log, Generator(seed=8).log(records=1).body)
    told = {**stored.metadata, "backfill-generation-timestamp": "0001-01-01T00:00:00Z"}
    bucket.at[digest] = bucket.store.put(BUCKET, digest, stored.body, metadata=told)
    for key in (log, digest, FIRST.logs[0]):
        assert isinstance(life.take(key), Delete), key
    assert life.listener.states(digest) == [Found.INVALID_DIGEST]
    life.look()
    life.pass_time(5)
    life.look()
    assert life.listener.states(FIRST.logs[0]) == [Found.VERIFIED]
    assert life.listener.states(FIRST.logs[1]) == [Found.MISSING]
