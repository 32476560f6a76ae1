"""Whoever may write to the bucket cannot make an audit call anything valid that is not, hide a thing, or end it."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from audited import HOUR, audited, bad, digests, exit_of, logs, span

from cloudtrail_processing.audit import Scope, What, audit
from cloudtrail_processing.errors import ConfigurationError
from cloudtrail_processing.flow import FetchedLog, LogObject
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import FakeBuckets, SignedTrail
from cloudtrail_processing.testing.generator.logs import pack, unpack
from cloudtrail_processing.testing.trail import Inject, Metadata, Move, Remove, Replace, Resign, StoredObject

TRAIL = SignedTrail(1, hours=10, logs=1)
OTHER = SignedTrail(2, hours=10, logs=1, trail="other", home="eu-west-1")
FOREIGN = SignedTrail(3, hours=10, logs=1, accounts=("999988887777",))
DIGEST, LOG = digests(TRAIL)[5], logs(TRAIL, 5)[0]
STORED = TRAIL.objects[DIGEST]
BUCKET = DIGEST[0]


def merged(*trails: SignedTrail) -> SignedTrail:
    """All of them in one bucket; the first one's keys sign them all where regions are the same."""
    first, *others = trails
    return first.tampered(
        *(
            Inject(*place, it.body, it.metadata, it.last_modified)
            for other in others
            for place, it in other.objects.items()
        )
    )


def entry(bucket: str, key: str, sha256: str = "00" * 32) -> dict[str, object]:
    return {"s3Bucket": bucket, "s3Object": key, "hashValue": sha256, "hashAlgorithm": "SHA-256"}


def relisted(*entries: dict[str, object]) -> SignedTrail:
    """The newest digest, validly signed, lists these; it is the newest, so that no link hangs on it."""
    return TRAIL.tampered(Resign(*digests(TRAIL)[-1], {"logFiles": list(entries)}))


# ── what a digest may list ──


@pytest.mark.parametrize(
    "key",
    ["", "/", "..", "../../etc/passwd", ".", "a//b", "a\0b", "\x1b[2J\n", "x" * 10_000, "é" * 2000],
    ids=["empty", "slash", "up", "passwd", "dot", "double", "zero", "control", "long", "wide"],
)
def test_any_key_that_a_digest_lists_is_looked_for_and_told(key: str) -> None:
    made = json.dumps([entry(BUCKET, key), entry("another-bucket", key)])
    findings = audited(relisted(*json.loads(made)))
    told = [(it.bucket, it.key, it.state) for it in findings if it.key == key]
    assert told == [(BUCKET, key, State.NOT_FOUND), ("another-bucket", key, State.NOT_FOUND)]
    assert all(it.uri.isprintable() for it in findings)


def test_a_log_that_a_digest_lists_in_another_bucket_is_read_there() -> None:
    body = TRAIL.objects[LOG].body
    trail = relisted(entry("the-other-one", "some.json.gz", hashlib.sha256(unpack(body)).hexdigest()))
    findings = audited(trail.tampered(Inject("the-other-one", "some.json.gz", body)))
    found = [it for it in findings if it.bucket == "the-other-one"]
    assert [(it.key, it.state) for it in found] == [("some.json.gz", State.VALID)]


def test_a_digest_that_lists_itself_or_another_digest_is_read_once_more_and_proves_nothing_of_them() -> None:
    newest = digests(TRAIL)[-1]
    findings = audited(relisted(entry(*newest), entry(*DIGEST)))
    logs_told = [(it.key, it.state) for it in findings if it.what is What.LOG and "Digest" in it.key]
    assert logs_told == [(newest[1], State.HASH_DIFFERS), (DIGEST[1], State.HASH_DIFFERS)]


def test_a_digest_that_lists_one_log_twice_is_judged_by_each_entry() -> None:
    bucket, key = logs(TRAIL, 9)[0]
    good = hashlib.sha256(unpack(TRAIL.objects[bucket, key].body)).hexdigest()
    findings = audited(relisted(entry(bucket, key, good), entry(bucket, key)))
    assert [it.state for it in findings if it.key == key] == [State.VALID, State.HASH_DIFFERS]


def test_a_digest_with_fifty_thousand_logs_is_audited() -> None:
    entries = [entry(BUCKET, f"log-{number}.json.gz") for number in range(50_000)]
    findings = audited(relisted(*entries), threads=8)
    assert sum(it.state is State.NOT_FOUND for it in findings) == 50_000


# ── names ──


def copies(key: str) -> list[str]:
    """Names like those of digests, in places where CloudTrail does not write them."""
    folder, _, name = key.rpartition("/")
    return [
        f"{folder.rpartition('/')[0]}/99/{name}",
        f"{folder}/deeper/{name}",
        f"{folder}/{name.replace('us-east-1_example', 'eu-west-1_example')}",
        f"{folder}/{name}/AWSLogs/999988887777/{name}",
        key.replace("us-east-1/2026", "us-east-1/x/2026"),
        key.replace("CloudTrail-Digest/us-east-1", "CloudTrail-Digest/xx-fake-9"),
        key.replace("AWSLogs/111122223333", "AWSLogs/999988887777"),
        key.replace(".json.gz", ".json"),
        key.replace(".json.gz", ".json.gz.bak"),
    ]


@pytest.mark.parametrize("number", range(9))
def test_a_copy_of_a_digest_in_another_place_is_never_valid(number: int) -> None:
    copy = copies(DIGEST[1])[number]
    findings = audited(TRAIL.tampered(Inject(BUCKET, copy, STORED.body, STORED.metadata, STORED.last_modified)))
    assert [it.state for it in findings if it.key == copy and it.state is State.VALID] == []
    assert {it.state for it in findings if it.key in TRAIL.windows[5].logs} == {State.VALID}


@pytest.mark.parametrize("number", range(4))
def test_a_digest_that_was_put_into_another_folder_is_missed_in_its_own(number: int) -> None:
    findings = audited(TRAIL.tampered(Move(*DIGEST, BUCKET, copies(DIGEST[1])[number])))
    assert (What.DIGEST, State.NOT_FOUND, DIGEST[1]) in bad(findings)
    assert exit_of(findings) in ("INCOMPLETE", "INVALID")


def test_junk_with_the_names_of_digests_hides_no_log_that_nobody_lists() -> None:
    name = LOG[1].replace(".json.gz", "x.json.gz")
    injected = Inject(*LOG[:1], name, TRAIL.objects[LOG].body, {}, TRAIL.objects[LOG].last_modified)
    junk = [
        Inject(
            BUCKET, DIGEST[1].replace("_example_", f"_{number}_"), STORED.body, STORED.metadata, STORED.last_modified
        )
        for number in range(20)
    ]
    findings = audited(TRAIL.tampered(injected, *junk))
    assert {it.state for it in findings if it.key == name} <= {State.UNLISTED, State.UNPROVEN}
    assert {it.state for it in findings if it.key == name}
    assert sum(it.state is State.MOVED for it in findings) == 20
    assert exit_of(findings) == "INVALID"


def test_a_region_that_somebody_invented_does_not_end_the_audit() -> None:
    """Its public keys cannot be had; all others are."""

    class Strict(FakeBuckets):
        def keys(self, *, region: str, **times: object) -> object:
            if region not in TRAIL.public_keys:
                raise ConfigurationError(f"Could not connect to the endpoint URL of {region}")
            return TRAIL.public_keys[region]

    fake = DIGEST[1].replace("us-east-1", "xx-fake-9")
    buckets = Strict(TRAIL.tampered(Inject(BUCKET, fake, STORED.body)).objects)
    scope, now = Scope(BUCKET, span(TRAIL)), span(TRAIL).last + 2 * HOUR
    keys: Any = buckets
    findings = list(audit(scope, store=buckets, listing=buckets, keys=keys, now=now, threads=2))
    assert [(what, state) for what, state, _ in bad(findings)] == [(What.TRAIL, State.FORBIDDEN)]


# ── other people's digests ──


def test_two_trails_that_write_into_one_folder_are_both_proven_and_cover_each_other_logs() -> None:
    both = merged(TRAIL, OTHER)
    findings = audited(both, scope={"regions": ["us-east-1"]})
    assert bad(findings) == []
    assert len(findings) == len(both.objects)


def test_one_of_two_trails_that_lost_its_newest_digests_is_told() -> None:
    both = merged(TRAIL, OTHER).tampered(*(Remove(*place) for place in digests(OTHER)[-3:]))
    findings = audited(both)
    assert (What.TRAIL, State.MISSING, "") in bad(findings)


def test_the_digests_of_another_account_prove_nothing_of_this_one() -> None:
    """They are signed with the same keys: CloudTrail has one for all accounts of a region."""
    theirs = digests(FOREIGN)[5]
    signed = FOREIGN.objects[theirs]
    for place in (DIGEST[1], DIGEST[1].replace("_example_", "_theirs_")):
        changed = TRAIL.tampered(
            Remove(*DIGEST), Inject(BUCKET, place, signed.body, signed.metadata, STORED.last_modified)
        )
        findings = audited(changed)
        assert [it.state for it in findings if it.key == place] == [State.MOVED]
        assert State.VALID not in {it.state for it in findings if it.key in TRAIL.windows[5].logs}


def test_a_digest_of_an_enemys_own_trail_whose_prefix_lies_in_a_foreign_folder_counts_for_his_account_alone() -> None:
    prefix = DIGEST[1].removesuffix(".json.gz")
    nested = SignedTrail(3, hours=10, logs=1, accounts=("999988887777",), prefix=prefix)
    findings = audited(merged(TRAIL, nested))
    assert {it.key for it in findings if it.what is What.DIGEST} == {key for _, key in digests(TRAIL)}
    assert all(it.state is State.VALID for it in findings if it.key in dict.fromkeys(key for _, key in TRAIL.objects))


def test_a_signed_digest_put_back_in_place_of_a_later_one_is_told() -> None:
    older = TRAIL.objects[digests(TRAIL)[4]]
    findings = audited(
        TRAIL.tampered(
            Replace(*DIGEST, older.body),
            Metadata(*DIGEST, "signature", older.metadata["signature"]),
        )
    )
    assert (What.DIGEST, State.MOVED, DIGEST[1]) in bad(findings)


@pytest.mark.parametrize("name", ["signature", "signature-algorithm", "backfill-generation-timestamp"])
@pytest.mark.parametrize("value", ["\x1b[2J", "é" * 500, "\ud800", "0" * 100_000, "null"])
def test_any_metadata_are_judged(name: str, value: str) -> None:
    findings = audited(TRAIL.tampered(Metadata(*DIGEST, name, value)))
    expected = State.VALID if name.startswith("backfill") else None
    state = next(it.state for it in findings if it.key == DIGEST[1])
    assert (state is State.VALID) is (expected is State.VALID)
    assert all(it.detail.isprintable() for it in findings)


# ── time ──


@pytest.mark.parametrize("years", [-3000, -30, 0.001, 30, 3000])
def test_times_of_writing_that_lie_are_no_way_to_hide_an_altered_thing(years: float) -> None:
    moment = span(TRAIL).last + timedelta(days=365 * years) if abs(years) < 1000 else span(TRAIL).last
    spoilt = TRAIL.objects[LOG]
    objects = {place: replace(it, last_modified=moment) for place, it in TRAIL.objects.items()}
    objects[LOG] = StoredObject(pack({"Records": []}), {}, moment)
    assert spoilt.body != objects[LOG].body
    buckets, scope = FakeBuckets(objects), Scope(BUCKET, span(TRAIL))
    now = span(TRAIL).last + 3 * HOUR
    findings = list(audit(scope, store=buckets, listing=buckets, keys=TRAIL, now=now, threads=2))
    assert (What.LOG, State.HASH_DIFFERS, LOG[1]) in bad(findings)
    assert sum(it.state is State.VALID for it in findings) == len(objects) - 1


def test_a_clock_that_is_behind_proves_less_and_never_more() -> None:
    for hours in (-100, -5, 0, 1):
        findings = audited(TRAIL.tampered(Remove(*DIGEST)), now=span(TRAIL).last + hours * HOUR)
        assert exit_of(findings) == ("NOTHING" if hours == -100 else "INCOMPLETE")


def test_objects_that_vanish_or_change_between_listing_and_reading_are_told() -> None:
    class Fleeting(FakeBuckets):
        def fetch(self, log: LogObject, *, limit: int) -> FetchedLog:
            found = super().fetch(log, limit=limit)
            return replace(found, body=b"") if log.key == DIGEST[1] else found

    buckets, scope = Fleeting(TRAIL.objects), Scope(BUCKET, span(TRAIL))
    now = span(TRAIL).last + 3 * HOUR
    findings = list(audit(scope, store=buckets, listing=buckets, keys=TRAIL, now=now, threads=2))
    assert (What.DIGEST, State.BAD_FORMAT, DIGEST[1]) in bad(findings)
