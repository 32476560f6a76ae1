"""An audit calls valid what CloudTrail wrote, and tells exactly what is wrong with anything else."""

import gzip
from dataclasses import replace
from datetime import timedelta

import pytest
from audited import HOUR, audited, bad, digests, exit_of, logs, span

from cloudtrail_processing.audit import Summary, What
from cloudtrail_processing.integrity import State
from cloudtrail_processing.testing import SignedTrail
from cloudtrail_processing.testing.trail import (
    Append,
    Flip,
    FlipInside,
    Inject,
    Metadata,
    Remove,
    Replace,
    Resign,
    Tampering,
    Truncate,
)
from cloudtrail_processing.times import TimeRange

TRAIL = SignedTrail(1, hours=30, logs=2, rotate=12, quiet=(4,), backfill=(6,))
LARGE = SignedTrail(
    2,
    hours=6,
    logs=1,
    accounts=("111122223333", "444455556666"),
    regions=("us-east-1", "eu-west-1"),
    prefix="some/where",
    organization="o-exampleorg1",
)


def extra_log(trail: SignedTrail, hour: int, **changes: object) -> Inject:
    """A log that CloudTrail never wrote, beside one that it did."""
    bucket, key = logs(trail, hour)[0]
    stored = trail.objects[bucket, key]
    name = key.replace(".json.gz", "x.json.gz")
    made = Inject(bucket, name, stored.body, stored.metadata, stored.last_modified)
    return replace(made, **changes)  # type: ignore[arg-type]


# ── what CloudTrail wrote ──


@pytest.mark.parametrize("trail", [TRAIL, LARGE], ids=["one account", "an organization"])
def test_a_trail_that_nobody_touched_is_valid_and_every_object_of_it_is_told(trail: SignedTrail) -> None:
    findings = audited(trail, scope={"prefix": "some/where" if trail is LARGE else ""})
    assert bad(findings) == []
    assert {(it.bucket, it.key) for it in findings} == set(trail.objects)
    assert exit_of(findings) == "VALID"


def test_findings_are_told_by_account_and_region() -> None:
    summary = Summary(audited(LARGE, scope={"prefix": "some/where/"}))
    assert list(summary.places) == [
        (account, region) for account in ("111122223333", "444455556666") for region in ("eu-west-1", "us-east-1")
    ]
    assert {place.of(What.LOG) for place in summary.places.values()} == {6}
    assert {(place.first, place.last) for place in summary.places.values()} == {(span(LARGE).first, span(LARGE).last)}


@pytest.mark.parametrize(
    ("scope", "places"),
    [
        ({"prefix": "some/where", "accounts": ["444455556666"]}, {"444455556666"}),
        ({"prefix": "some/where/AWSLogs/o-exampleorg1/111122223333/"}, {"111122223333"}),
        ({"prefix": "some/where/"}, {"111122223333", "444455556666"}),
        ({"prefix": "elsewhere"}, set()),
    ],
    ids=["account", "longer prefix", "prefix", "nothing"],
)
def test_only_what_was_asked_for_is_audited(scope: dict[str, object], places: set[str]) -> None:
    findings = audited(LARGE, scope=scope)
    assert {it.account for it in findings} == places
    assert exit_of(findings) == ("VALID" if places else "NOTHING")


def test_a_part_of_the_time_is_audited_without_what_lies_outside() -> None:
    first, last = span(TRAIL).first + 8 * HOUR, span(TRAIL).first + 12 * HOUR
    findings = audited(TRAIL, TimeRange(first, last))
    assert bad(findings) == []
    ends = [it.last for it in findings if it.what is What.DIGEST]
    assert ends == [first + number * HOUR for number in range(6)], "up to an hour behind the end, as the AWS CLI does"


def test_a_chain_is_followed_into_the_bucket_where_the_trail_wrote_before() -> None:
    trail = SignedTrail(3, hours=12, logs=1, bucket="b-old", moves={7: "a-new"})
    findings = audited(trail)
    assert bad(findings) == []
    assert {(it.bucket, it.key) for it in findings} == set(trail.objects)


def test_a_stop_of_logging_is_a_gap_and_nothing_is_missing() -> None:
    trail = SignedTrail(4, hours=12, logs=1, stopped=((4, 7),))
    findings = audited(trail)
    gap = next(it for it in findings if it.state is not State.VALID)
    assert (gap.what, gap.state) == (What.TRAIL, State.GAP)
    assert (gap.first, gap.last) == (span(trail).first + 4 * HOUR, span(trail).first + 7 * HOUR)
    assert exit_of(findings) == "GAPS"


# ── what was tampered with ──


@pytest.mark.parametrize(
    ("hours", "states"),
    [
        ((-1, -2, -3), [(What.TRAIL, State.MISSING)]),
        ((10,), [(What.DIGEST, State.NOT_FOUND)]),
        ((10, 11), [(What.TRAIL, State.MISSING), (What.DIGEST, State.NOT_FOUND)]),
        ((0, 1), [(What.DIGEST, State.NOT_FOUND)]),
    ],
    ids=["the newest", "one", "two side by side", "the oldest"],
)
def test_digests_that_were_deleted_are_missed(hours: tuple[int, ...], states: list[tuple[What, State]]) -> None:
    places = [digests(TRAIL)[hour] for hour in hours]
    findings = audited(TRAIL.tampered(*(Remove(*place) for place in places)))
    without_logs = [(what, state) for what, state, _ in bad(findings) if what is not What.LOG]
    assert without_logs == states
    assert exit_of(findings) == "INCOMPLETE"
    missed = sum(it.count for it in findings if it.state in (State.MISSING, State.NOT_FOUND))
    assert missed == (len(hours) if hours[0] != 0 else 1), "what lay before the oldest that is named, nobody knows"
    unproven = {it.key for it in findings if it.state is State.UNPROVEN}
    if hours[0] > 0:
        assert unproven >= {key for hour in hours for _, key in logs(TRAIL, hour)}


def test_digests_that_are_not_there_any_more_are_no_loss_where_the_trail_was_stopped() -> None:
    last = span(TRAIL).last
    findings = audited(
        TRAIL, TimeRange(span(TRAIL).first, last + 5 * HOUR), now=last + 9 * HOUR, stopped={"example": last}
    )
    assert [(what, state) for what, state, _ in bad(findings)] == [(What.TRAIL, State.GAP)]


def test_a_digest_that_is_not_due_yet_is_not_missed() -> None:
    last = span(TRAIL).last
    findings = audited(TRAIL, TimeRange(span(TRAIL).first, last + 2 * HOUR), now=last + 2 * HOUR)
    assert bad(findings) == []


@pytest.mark.parametrize("after", [timedelta(minutes=2), timedelta(days=3)], ids=["at once", "days later"])
def test_a_log_that_no_digest_lists_is_found_whenever_it_was_put_there(after: timedelta) -> None:
    injected = extra_log(TRAIL, 8)
    injected = replace(injected, last_modified=injected.last_modified + after)
    findings = audited(TRAIL.tampered(injected), now=span(TRAIL).last + timedelta(days=5))
    assert bad(findings)[0] == (What.LOG, State.UNLISTED, injected.key)
    assert exit_of(findings) == "INVALID"


def test_a_log_that_is_too_young_to_be_listed_is_not_held_against_anyone() -> None:
    now = span(TRAIL).last
    injected = extra_log(TRAIL, 29, last_modified=now - timedelta(minutes=20))
    assert bad(audited(TRAIL.tampered(injected), now=now)) == []


TAIL = gzip.compress(b"{}")
LOG, DIGEST = logs(TRAIL, 9)[0], digests(TRAIL)[9]
TAMPERINGS: dict[str, tuple[Tampering, tuple[str, str], State]] = {
    "log: a byte of its content": (FlipInside(*LOG, 200, 1), LOG, State.HASH_DIFFERS),
    "log: another log": (Replace(*LOG, TRAIL.objects[logs(TRAIL, 10)[0]].body), LOG, State.HASH_DIFFERS),
    "log: its magic": (Flip(*LOG, 0), LOG, State.BAD_FORMAT),
    "log: its checksum": (Flip(*LOG, -6), LOG, State.BAD_FORMAT),
    "log: cut short": (Truncate(*LOG, 60), LOG, State.BAD_FORMAT),
    "log: emptied": (Replace(*LOG, b""), LOG, State.BAD_FORMAT),
    "log: a second member": (Append(*LOG, TAIL), LOG, State.TRAILING_DATA),
    "log: gone": (Remove(*LOG), LOG, State.NOT_FOUND),
    "log: a bomb": (Replace(*LOG, gzip.compress(b" " * 5_000_000)), LOG, State.OVERSIZE),
    "digest: a byte of its content": (FlipInside(*DIGEST, 18, 1), DIGEST, State.BAD_SIGNATURE),
    "digest: no JSON": (Replace(*DIGEST, gzip.compress(b"no json")), DIGEST, State.BAD_FORMAT),
    "digest: not gzip": (Replace(*DIGEST, b"{}"), DIGEST, State.BAD_FORMAT),
    "digest: a second member": (Append(*DIGEST, TAIL), DIGEST, State.TRAILING_DATA),
    "digest: no signature": (Metadata(*DIGEST, "signature", None), DIGEST, State.BAD_SIGNATURE),
    "digest: another signature": (Metadata(*DIGEST, "signature", "00" * 256), DIGEST, State.BAD_SIGNATURE),
    "digest: no hexadecimal": (Metadata(*DIGEST, "signature", "zz"), DIGEST, State.BAD_SIGNATURE),
    "digest: another algorithm": (Metadata(*DIGEST, "signature-algorithm", "none"), DIGEST, State.BAD_FORMAT),
    "digest: another one": (Replace(*DIGEST, TRAIL.objects[digests(TRAIL)[8]].body), DIGEST, State.MOVED),
    "digest: unknown key": (
        Resign(*DIGEST, {"digestPublicKeyFingerprint": "0" * 32}),
        DIGEST,
        State.NO_KEY,
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whatever_is_done_to_an_object_it_alone_is_not_valid(name: str) -> None:
    tampering, (bucket, key), state = TAMPERINGS[name]
    findings = audited(TRAIL.tampered(tampering))
    told = [(it.bucket, it.key, it.state) for it in findings if it.state not in (State.VALID, State.UNPROVEN)]
    assert told == [(bucket, key, state)]
    assert exit_of(findings) == "INVALID"


@pytest.mark.parametrize("member", ["previousDigestSignature", "previousDigestHashValue"])
def test_a_digest_whose_link_does_not_fit_is_told_although_its_signature_is_good(member: str) -> None:
    findings = audited(TRAIL.tampered(Resign(*DIGEST, {member: "ab" * 32})))
    told = [(it.key, it.state) for it in findings if it.state is not State.VALID]
    assert (DIGEST[1], State.BROKEN_LINK) in told


def test_what_is_forbidden_is_told_and_everything_else_is_looked_at() -> None:
    findings = audited(TRAIL, forbidden=[LOG, digests(TRAIL)[20]])
    forbidden = {it.key for it in findings if it.state is State.FORBIDDEN}
    assert forbidden == {LOG[1], digests(TRAIL)[20][1]}
    valid = {it.key for it in findings if it.state is State.VALID}
    assert len(valid) == len(TRAIL.objects) - 2 - len(logs(TRAIL, 20))
    assert exit_of(findings) == "INCOMPLETE"


def test_everything_deleted_in_the_range_is_missed_by_what_lies_around_it() -> None:
    first, last = span(TRAIL).first + 10 * HOUR, span(TRAIL).first + 15 * HOUR
    gone = [Remove(*place) for place in digests(TRAIL)[9:16]]
    findings = audited(TRAIL.tampered(*gone), TimeRange(first, last))
    assert {(it.what, it.state) for it in findings if it.what is not What.LOG} == {
        (What.TRAIL, State.MISSING),
        (What.DIGEST, State.NOT_FOUND),
    }
    assert exit_of(findings) == "INCOMPLETE"


# ── what is not there at all ──


@pytest.mark.parametrize("are_logs_left", [True, False], ids=["its logs are left", "its logs are gone, too"])
def test_a_region_whose_digests_of_the_time_are_all_gone_does_not_hide_behind_others(are_logs_left: bool) -> None:
    ours = [place for place in LARGE.objects if "/eu-west-1/" in place[1] and "444455556666" in place[1]]
    gone = [place for place in ours if place in digests(LARGE) or not are_logs_left]
    bucket, key = next(place for place in digests(LARGE) if place in gone)
    old = Inject(bucket, key.replace("2026/09/14", "2020/01/01").replace("20260914T", "20200101T"), b"")
    findings = audited(LARGE.tampered(*(Remove(*place) for place in gone), old), scope={"prefix": "some/where"})
    assert [(it.account, it.region, it.state) for it in findings if it.state is not State.VALID] == [
        ("444455556666", "eu-west-1", State.MISSING)
    ]
    assert exit_of(findings) == "INCOMPLETE"


def test_an_account_that_was_asked_for_by_name_and_has_nothing_is_missed() -> None:
    scope = {"prefix": "some/where", "accounts": ["111122223333", "999988887777"]}
    findings = audited(LARGE, scope=scope)
    assert [(it.account, it.state) for it in findings if it.state is not State.VALID] == [
        ("999988887777", State.NOT_FOUND)
    ]
    assert exit_of(findings) == "INCOMPLETE"


def test_a_region_that_was_asked_for_by_name_and_has_nothing_is_missed_in_each_account() -> None:
    findings = audited(LARGE, scope={"prefix": "some/where", "regions": ["us-east-1", "sa-east-1"]})
    missed = {(it.account, it.region) for it in findings if it.state is State.NOT_FOUND}
    assert missed == {("111122223333", "sa-east-1"), ("444455556666", "sa-east-1")}
